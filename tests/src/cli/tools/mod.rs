//! `ray-lab tool …`: runs a tool and prints what it found.

use std::{io, thread, time::Duration};

use serde::Serialize;
use simple_dns::RCODE;

use super::{
    args::Tool,
    output::{fail, note, print},
};
use crate::{
    bench::serve as serve_bench,
    lab::LabError,
    live_helper::NetState,
    tool::{
        ToolError, blob, bulk, caller, capture, dns, flood, hold, http, notify, ping, ps, reach, rogue, sizes,
        stranger, stream, swarm, udp,
    },
};

/// How long one echo may take.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) fn run(tool: Tool) -> u8 {
    match tool {
        Tool::Ping { address, count, json } => shown(ping::ping(address, count, PING_TIMEOUT), |report| {
            if json {
                print_json(report)?
            } else {
                print(&ping_line(report))?
            }
            Ok(u8::from(report.received == 0))
        }),
        Tool::HttpServe { address } => shown(http::serve(address), |()| Ok(0)),
        Tool::HttpGet { url, dns, timeout } => {
            let timeout = timeout.map_or(http::TIMEOUT, Duration::from_secs);
            shown(http::get(&url, dns, timeout), |body| print(body.trim_end()).map(|()| 0))
        }
        Tool::Resolve { name, kind, dns } => shown(dns::resolve(&name, kind, dns), |answer| {
            answer.records.iter().try_for_each(|record| print(record))?;
            if answer.rcode != RCODE::NoError {
                note(&format!("{dns} answered {:?}", answer.rcode));
            }
            Ok(u8::from(answer.rcode != RCODE::NoError))
        }),
        Tool::UdpSend { target } => match udp::send(target) {
            Ok(()) => said("sent", 0),
            Err(name) => said(&name, 1),
        },
        Tool::TcpSink { address, answer } => {
            let listening = || note(&format!("listening on {address}"));
            shown(bulk::sink(address, answer, listening), |report| print_json(report).map(|()| 0))
        }
        Tool::TcpSend { target, bytes, answer } => {
            shown(bulk::send(target, bytes, answer), |report| print_json(report).map(|()| 0))
        }
        Tool::TcpTrickle { target } => {
            let ended = stdin_end();
            shown(bulk::send_until(target, move || ended.is_finished()), |report| print_json(report).map(|()| 0))
        }
        Tool::TcpIdle { target } => {
            // A panic of a reader of stdin is its end too.
            shown(hold::idle(target, || drop(stdin_end().join())), |()| Ok(0))
        }
        Tool::UdpCount { address } => {
            shown(stream::count(address, || note("listening")), |counted| print_json(counted).map(|()| 0))
        }
        Tool::UdpStream { target } => {
            let ended = stdin_end();
            shown(stream::send(target, move || ended.is_finished()), |sent| print_json(sent).map(|()| 0))
        }
        Tool::Capture { interface } => {
            let ended = stdin_end();
            let report = capture::watch(&interface, move || ended.is_finished(), || note("watching"));
            shown(report, |report| print_json(report).map(|()| 0))
        }
        Tool::NetState => {
            let state = NetState::read();
            let mut lines = [state.links, state.addresses, state.routes, state.rules].into_iter().flatten();
            lines.try_for_each(|line| print(&line)).map_or(1, |()| 0)
        }
        Tool::NotifyListen { path } => {
            shown(notify::listen(&path, || note("listening"), |line| drop(print(line))), |()| Ok(0))
        }
        // Whoever stops reading has seen enough.
        Tool::TcpHold { target } => {
            shown(hold::hold(target, |count| drop(print(&count.to_string()))), |ended| print(ended).map(|()| 1))
        }
        Tool::UdpFlood { target, echo, flows } => {
            shown(flood::flood(target, echo, flows), |report| print_json(report).map(|()| 0))
        }
        Tool::SizesServe { port } => shown(sizes::serve(port, || note("listening")), |()| Ok(0)),
        Tool::Sizes { target, max, step } => {
            shown(sizes::ask(target, max, step), |report| print_json(report).map(|()| u8::from(!report.intact())))
        }
        Tool::Bursts { target, count, segments, size } => {
            shown(sizes::bursts(target, count, segments, size), |report| print_json(report).map(|()| 0))
        }
        Tool::Flow { target } => {
            let ended = stdin_end();
            shown(sizes::flow(target, move || ended.is_finished()), |report| print_json(report).map(|()| 0))
        }
        Tool::ReachServe { ports } => shown(reach::serve(&ports, || drop(print("listening"))), |()| Ok(0)),
        Tool::Reach { deadline, cells } => match Duration::try_from_secs_f64(deadline) {
            Ok(deadline) => shown(reach::ask(&cells, deadline), |report| print_json(report).map(|()| 0)),
            Err(_) => said("the deadline is no time", 2),
        },
        Tool::Rogue { key, victim, own, theirs, other } => {
            shown(rogue::run(&key, &victim, own, theirs, other), |report| print_json(report).map(|()| 0))
        }
        Tool::Record { discovery_key } => {
            shown(blob::record(&discovery_key), |record| print_json(record).map(|()| u8::from(record.is_none())))
        }
        Tool::Blob { member, hash, len, key } => shown(blob::fetch(key.as_deref(), &member, &hash, len), |fetched| {
            print_json(fetched).map(|()| u8::from(fetched.blob.is_none()))
        }),
        Tool::Stranger { victim, room, invite, blob, len } => {
            shown(stranger::run(&victim, &room, &invite, &blob, len), |report| print_json(report).map(|()| 0))
        }
        Tool::Swarm { code, count, prefix } => {
            shown(swarm::run(&code, count, &prefix), |report| print_json(report).map(|()| 0))
        }
        Tool::CallerTurn { socket, uid } => shown(caller::turn(&socket, uid), |told| print_json(told).map(|()| 0)),
        Tool::CallerCrowd { socket } => {
            shown(caller::crowd(&socket, |count| drop(print(&count.to_string()))), |()| Ok(0))
        }
        Tool::BenchAgent { cpu } => match serve_bench(cpu) {
            Ok(()) => 0,
            Err(error) => fail(&error, 1),
        },
        Tool::Ps { json } => shown(ps::list(), |list| {
            if json {
                print_json(&serde_json::json!({"schema": "ray.lab.ps/1", "processes": list}))?;
            } else {
                print(&table(list))?;
            }
            Ok(0)
        }),
    }
}

/// Ends when stdin does.
fn stdin_end() -> thread::JoinHandle<()> {
    thread::spawn(|| drop(io::copy(&mut io::stdin(), &mut io::sink())))
}

fn shown<T>(result: Result<T, ToolError>, show: impl FnOnce(&T) -> Result<u8, LabError>) -> u8 {
    match result {
        Ok(found) => show(&found).unwrap_or_else(|error| fail(&error, 1)),
        Err(error) => fail(&error, 1),
    }
}

fn said(word: &str, code: u8) -> u8 {
    print(word).map_or(1, |()| code)
}

fn print_json<T: Serialize>(value: &T) -> Result<(), LabError> {
    print(&serde_json::to_string(value).map_err(|error| LabError::io("writing JSON")(error.into()))?)
}

fn ping_line(report: &ping::Report) -> String {
    let times = [report.min_ms, report.avg_ms, report.max_ms].map(|time| format!("{:.3}", time.unwrap_or_default()));
    let head = format!("{}: {} of {} answered", report.target, report.received, report.sent);
    if report.received == 0 { head } else { format!("{head}, min/avg/max {} ms", times.join("/")) }
}

fn table(list: &[ps::ProcessInfo]) -> String {
    let mut text =
        format!("{:>5} {:>6} {:16} {:16} {:3} {:16} COMMAND", "PID", "UID", "CAPEFF", "CAPBND", "NNP", "SOCKETS");
    for info in list {
        let nnp = if info.no_new_privs { "yes" } else { "no" };
        let sockets = info.sockets.join(",");
        // The holder's arguments are a page of JSON.
        let command = info.command.split(" {").next().unwrap_or(&info.command);
        text.push_str(&format!(
            "\n{:>5} {:>6} {:16} {:16} {nnp:3} {sockets:16} {command}",
            info.pid, info.uid, info.cap_eff, info.cap_bnd
        ));
    }
    text
}
