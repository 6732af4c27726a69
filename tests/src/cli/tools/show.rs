//! Tools whose answer is text, for a person or a line of a script.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use clap::Subcommand;
use simple_dns::RCODE;

use super::Failure;
use crate::{
    cli::output::{note, print},
    live_helper::NetState,
    tool::{
        dns::{self, Kind},
        dns_query, http, ping, ps, udp,
    },
};

/// How long one echo may take.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Show {
    /// ICMP echo by a raw socket
    Ping {
        address: IpAddr,
        #[arg(short, long, default_value_t = 4)]
        count: u16,
        #[arg(long)]
        json: bool,
    },
    /// Get an http:// URL and print the body
    HttpGet {
        url: String,
        /// Who resolves the name in it
        #[arg(long)]
        dns: Option<IpAddr>,
        /// Give an address up after so long
        #[arg(long, value_name = "SECONDS")]
        timeout: Option<u64>,
    },
    /// Ask a DNS server for records, one a line
    Resolve {
        name: String,
        #[arg(ignore_case = true)]
        kind: Kind,
        #[arg(long)]
        dns: IpAddr,
    },
    /// Ask a DNS server once; everything about the reply, as JSON
    DnsQuery {
        name: String,
        /// Record type, as a number
        kind: u16,
        #[arg(long)]
        dns: IpAddr,
        #[arg(long)]
        tcp: bool,
        /// Speak EDNS, and take so many bytes over UDP
        #[arg(long, value_name = "BYTES")]
        edns: Option<u16>,
        /// Ask so often, over TCP all in one connection
        #[arg(long, default_value_t = 1)]
        times: u16,
        #[arg(long, default_value_t = 5.0, value_name = "SECONDS")]
        timeout: f64,
    },
    /// Send one datagram; prints the error's name when the kernel refuses
    UdpSend { target: SocketAddr },
    /// The host's interfaces, addresses, routes and rules, one a line
    NetState,
    /// The host's processes and their rights, from /proc
    Ps {
        #[arg(long)]
        json: bool,
    },
}

/// The exit code: 1 where nobody answered or somebody refused.
pub(super) fn run(tool: Show) -> Result<u8, Failure> {
    match tool {
        Show::Ping { address, count, json } => {
            let report = ping::ping(address, count, PING_TIMEOUT)?;
            print(&if json { serde_json::to_string(&report)? } else { ping_line(&report) })?;
            Ok(u8::from(report.received == 0))
        }
        Show::HttpGet { url, dns, timeout } => {
            let body = http::get(&url, dns, timeout.map_or(http::TIMEOUT, Duration::from_secs))?;
            print(body.trim_end())?;
            Ok(0)
        }
        Show::Resolve { name, kind, dns } => resolve(&name, kind, dns),
        Show::DnsQuery { name, kind, dns, tcp, edns, times, timeout } => {
            let timeout = Duration::try_from_secs_f64(timeout)?;
            let reply = dns_query::ask(&dns_query::Query { name, kind, server: dns, tcp, edns, times, timeout })?;
            print(&serde_json::to_string(&reply)?)?;
            Ok(0)
        }
        Show::UdpSend { target } => {
            let refused = udp::send(target).err();
            print(refused.as_deref().unwrap_or("sent"))?;
            Ok(u8::from(refused.is_some()))
        }
        Show::NetState => {
            let state = NetState::read();
            [state.links, state.addresses, state.routes, state.rules]
                .iter()
                .flatten()
                .try_for_each(|line| print(line))?;
            Ok(0)
        }
        Show::Ps { json } => {
            let list = ps::list()?;
            let object = || serde_json::json!({"schema": "ray.lab.ps/1", "processes": &list}).to_string();
            print(&if json { object() } else { process_table(&list) })?;
            Ok(0)
        }
    }
}

fn resolve(name: &str, kind: Kind, server: IpAddr) -> Result<u8, Failure> {
    let answer = dns::resolve(name, kind, server)?;
    answer.records.iter().try_for_each(|record| print(record))?;
    let is_good = answer.rcode == RCODE::NoError;
    if !is_good {
        note(&format!("{server} answered {:?}", answer.rcode));
    }
    Ok(u8::from(!is_good))
}

fn ping_line(report: &ping::Report) -> String {
    let times = [report.min_ms, report.avg_ms, report.max_ms].map(|time| format!("{:.3}", time.unwrap_or_default()));
    let head = format!("{}: {} of {} answered", report.target, report.received, report.sent);
    if report.received == 0 { head } else { format!("{head}, min/avg/max {} ms", times.join("/")) }
}

fn process_table(list: &[ps::ProcessInfo]) -> String {
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
