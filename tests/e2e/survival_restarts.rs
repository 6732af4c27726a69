//! Connections inside the tunnel outlive the restarts of both processes, and nothing of theirs is ever seen outside it.
//!
//! The full length: `RAY_SURVIVAL_ROUNDS=20 cargo test --workspace --test e2e -- survival_restarts --nocapture`

use std::{
    io::{BufRead, BufReader},
    time::Duration,
};

use nix::sys::signal::Signal;
use ray_tests::{
    lab::{Exec, Process},
    tool::{capture, stream},
};
use serde::de::DeserializeOwned;

use crate::support::{Lab, PATIENCE, address, network, open, pings, ray, status, until};

/// Kills of each process, unless the environment wants another number.
const ROUNDS: u32 = 4;
const ROUNDS_VARIABLE: &str = "RAY_SURVIVAL_ROUNDS";
const SINK: u16 = 7001;
const ECHO: u16 = 7002;
const COUNT: u16 = 7003;
/// The engine's endpoint opens its sockets anew a quarter of a second after an address appears on the host, be it the
/// tunnel's own, and what is under way then is lost.
const SETTLED: Duration = Duration::from_secs(1);

#[test]
fn connections_outlive_the_restarts_of_both_processes_and_never_leave_the_tunnel() {
    let rounds = std::env::var(ROUNDS_VARIABLE).ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    let lab = &network(2);
    [SINK, ECHO].into_iter().for_each(|port| open(lab, "n2", port));
    ray(lab, "n2", &["firewall", "add", "in", "allow", "udp", &COUNT.to_string()]);
    let v4 = address(lab, "n1", "n2", "v4");
    let at = |port: u16| format!("{v4}:{port}");
    let index = ifindex(lab, "n2");
    std::thread::sleep(SETTLED);

    let captures = ["n1", "n2"].map(|node| tool(lab, node, &["capture", "eth0"]));
    let sink = tool(lab, "n2", &["tcp-sink", &at(SINK)]);
    let _echo = tool(lab, "n2", &["reach-serve", &ECHO.to_string()]);
    until(PATIENCE, "the servers listen", || [SINK, ECHO].into_iter().all(|port| listens(lab, "n2", port)));
    let transfer = tool(lab, "n1", &["tcp-trickle", &at(SINK)]);
    let idle = tool(lab, "n1", &["tcp-idle", &at(ECHO)]);

    let (streamed, counted) = streaming(lab, &at(COUNT), || {
        for round in 0..rounds {
            restart_helper(lab, if round % 2 == 0 { Signal::SIGKILL } else { Signal::SIGUSR1 });
            assert_eq!(ifindex(lab, "n2"), index, "helper restart {round}");
        }
    });
    println!("{rounds} helper restarts: {} packets, {} lost", streamed.sent, counted.missing.count);
    let drops = ["n1", "n2"].map(|node| status(lab, node)["drops"].to_string());
    assert_eq!(
        (streamed.refused, counted.missing.count),
        (0, 0),
        "of {} numbers, a thousand a second, {}; silences: {:?}; drops: {drops:?}",
        streamed.sent,
        counted.missing,
        counted.gaps
    );
    assert_eq!(counted.received, streamed.sent);

    let (streamed, counted) = streaming(lab, &at(COUNT), || {
        for round in 0..rounds {
            lab.kill("n2", Process::Engine, Signal::SIGKILL).unwrap();
            assert_eq!(ifindex(lab, "n2"), index, "engine kill {round}");
            lab.start_process("n2", Some(Process::Engine)).unwrap();
            until(PATIENCE, "packets flow again", || pings(lab, "n1", &v4));
            assert_eq!(ifindex(lab, "n2"), index, "engine start {round}");
        }
    });
    let mut gaps: Vec<u64> = counted.gaps.iter().filter(|gap| gap.lost > 0).map(|gap| gap.ms).collect();
    gaps.sort_unstable();
    let median = gaps.get(gaps.len() / 2).copied().unwrap_or_default();
    println!("{rounds} engine kills: gaps in ms {gaps:?}, median {median}, worst {:?}", gaps.last());
    println!("of {} numbers {}", streamed.sent, counted.missing);
    assert!(counted.missing.count > 0, "no kill was noticed: {counted:?}");

    assert_eq!(idle.output(PATIENCE).unwrap().code(), 0, "the idle connection was cut");
    let transferred = transfer.output(PATIENCE).unwrap();
    assert_eq!(transferred.code(), 0, "the transfer was cut: {}", transferred.stderr);
    println!("transfer: {}", transferred.stdout.trim());
    assert_eq!(sink.output(PATIENCE).unwrap().code(), 0);
    for (node, capture) in ["n1", "n2"].iter().zip(captures) {
        let report: capture::Report = report(capture);
        println!("uplink of {node}: {} frames, {} from or to mesh addresses", report.frames, report.mesh.len());
        assert!(report.frames > 1000, "the capture saw nothing of the tunnel on {node}");
        assert_eq!(report.mesh, [""; 0], "on {node}");
    }
}

#[test]
fn a_tunnel_without_a_helper_carries_packets_and_says_what_is_missing() {
    let lab = network(2);
    let v4 = address(&lab, "n1", "n2", "v4");
    lab.kill("n2", Process::Helper, Signal::SIGKILL).unwrap();
    until(PATIENCE, "the engine misses its helper", || status(&lab, "n2")["helper"]["state"] == "missing");
    assert!(!status(&lab, "n2")["tun"].is_null(), "{}", status(&lab, "n2"));
    assert!(pings(&lab, "n1", &v4));
    let index = ifindex(&lab, "n2");
    lab.start_process("n2", Some(Process::Helper)).unwrap();
    until(PATIENCE, "the helper is back", || status(&lab, "n2")["helper"]["state"] == "connected");
    assert_eq!(ifindex(&lab, "n2"), index);

    // It can do all of its job again.
    ray(&lab, "n2", &["down"]);
    assert_eq!(ifindex(&lab, "n2"), None);
    ray(&lab, "n2", &["up"]);
    until(PATIENCE, "traffic flows", || pings(&lab, "n1", &v4));
}

#[test]
fn nothing_is_left_of_both_processes_that_died_at_a_named_point_of_the_engines() {
    let points = ray_engine::store::CRASH_POINTS.into_iter().filter(|point| point.starts_with("tunnel-"));
    let mut config = ray_tests::lab::LabConfig { nodes: 1, ..ray_tests::lab::LabConfig::default() };
    config.node("n1").helper_toml = "grace_s = 1\n".to_owned();
    let lab = &crate::support::start(config);
    ray(lab, "n1", &["create", "home"]);
    let empty = {
        ray(lab, "n1", &["down"]);
        let empty = kernel(lab);
        ray(lab, "n1", &["up"]);
        empty
    };
    for point in points {
        until(PATIENCE, "the tunnel is up", || kernel(lab) != empty && status(lab, "n1")["up"] == true);
        lab.stop_process("n1", Some(Process::Engine)).unwrap();
        // It may die before it answers.
        let _ = lab.start_process_with("n1", Some(Process::Engine), &[("RAY_CRASH_AT", point)]);
        match point {
            "tunnel-before-return" | "tunnel-after-return" => {
                until(PATIENCE, "the tunnel is up", || status(lab, "n1")["up"] == true);
                lab.kill("n1", Process::Helper, Signal::SIGKILL).unwrap();
                lab.start_process("n1", Some(Process::Helper)).unwrap();
            }
            "tunnel-before-release" => drop(crate::support::try_ray(lab, "n1", &["down"])),
            _ => {}
        }
        until(PATIENCE, &format!("the engine dies at {point}"), || !runs(lab, Process::Engine));
        lab.kill("n1", Process::Helper, Signal::SIGKILL).unwrap();
        lab.start_process("n1", Some(Process::Helper)).unwrap();
        until(PATIENCE, &format!("nothing is left after {point}"), || kernel(lab) == empty);
        lab.start_process("n1", Some(Process::Engine)).unwrap();
        ray(lab, "n1", &["up"]);
    }
}

/// Kills the helper and waits until its successor has the device.
fn restart_helper(lab: &Lab, signal: Signal) {
    lab.kill("n2", Process::Helper, signal).unwrap();
    until(PATIENCE, "the helper has ended", || !runs_on(lab, "n2", Process::Helper));
    until(PATIENCE, "the engine misses its helper", || status(lab, "n2")["helper"]["state"] == "missing");
    lab.start_process("n2", Some(Process::Helper)).unwrap();
    until(PATIENCE, "the helper is back", || status(lab, "n2")["helper"]["state"] == "connected");
}

/// Runs `act` under a stream from n1 to n2, with some before and some after it.
fn streaming(lab: &Lab, target: &str, act: impl FnOnce()) -> (stream::Sent, stream::Counted) {
    let count = tool(lab, "n2", &["udp-count", target]);
    let stream = tool(lab, "n1", &["udp-stream", target]);
    std::thread::sleep(Duration::from_secs(1));
    act();
    std::thread::sleep(Duration::from_secs(1));
    let sent = report(stream);
    (sent, report(count))
}

/// Starts a tool that says when it is ready, or needs no time to be.
fn tool(lab: &Lab, node: &str, args: &[&str]) -> Exec {
    let mut exec = lab.spawn(node, None, &[&["ray-lab", "tool"], args].concat()).unwrap();
    if ["capture", "udp-count"].contains(&args[0]) {
        let mut line = String::new();
        let mut stderr = BufReader::new(exec.stderr.take().unwrap());
        stderr.read_line(&mut line).unwrap();
        exec.stderr = Some(stderr.into_inner());
    }
    exec
}

fn report<T: DeserializeOwned>(exec: Exec) -> T {
    let output = exec.output(PATIENCE).unwrap();
    assert_eq!(output.code(), 0, "{}", output.stderr);
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", output.stdout))
}

/// Interfaces, addresses, routes and rules of n1, a line each.
fn kernel(lab: &Lab) -> String {
    let output = lab.exec("n1", &["ray-lab", "tool", "net-state"]).unwrap();
    assert_eq!(output.code(), 0, "{}", output.stderr);
    output.stdout
}

fn listens(lab: &Lab, node: &str, port: u16) -> bool {
    lab.exec(node, &["sh", "-c", &format!("grep -qi ':{port:04x} ' /proc/net/tcp /proc/net/tcp6")]).unwrap().code() == 0
}

fn runs(lab: &Lab, process: Process) -> bool {
    runs_on(lab, "n1", process)
}

fn runs_on(lab: &Lab, node: &str, process: Process) -> bool {
    let status = lab.status().unwrap();
    let node = status.nodes.iter().find(|known| known.name == node).unwrap();
    node.processes.iter().any(|known| known.process == process && known.pid.is_some())
}

fn ifindex(lab: &Lab, node: &str) -> Option<String> {
    let output = lab.exec(node, &["cat", "/sys/class/net/ray0/ifindex"]).unwrap();
    (output.code() == 0).then_some(output.stdout)
}
