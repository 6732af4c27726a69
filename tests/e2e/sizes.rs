//! Packets of every size, over underlays of every kind: what one host sends, the other gets, byte by byte and in order.
//! `RAY_SIZES=all` tries each size everywhere; otherwise most places try every seventh.

use std::{
    env,
    io::{BufRead, BufReader},
    thread,
    time::Duration,
};

use ray_tests::lab::{Exec, LabConfig, NodeConfig, Process};
use serde_json::Value;

use crate::support::{Lab, PATIENCE, address, all_online, member, network_in, ray, start, tool, until};

/// The longest inner packet that the engines are told to take.
const INNER_MTU: u64 = 1400;
const PORT: &str = "7000";
/// An exchange of each size; a debug build on a busy machine included.
const EXCHANGE: Duration = Duration::from_secs(120);
/// A connection that stands still for longer is as good as lost to whoever waits.
const SILENCE_MAX_MS: u64 = 2000;

#[test]
fn every_size_arrives_intact_over_an_underlay_of_1280() {
    exchange_over(1280);
}

#[test]
fn every_size_arrives_intact_over_an_underlay_of_1400() {
    exchange_over(1400);
}

#[test]
fn every_size_arrives_intact_and_in_order_over_an_underlay_of_1500() {
    let (lab, _servers) = exchange_over(1500);
    for (from, to) in [("n1", "n2"), ("n3", "n1")] {
        for family in ["v4", "v6"] {
            for (count, segments, size) in [("20", "40", "1200"), ("10", "45", "1350"), ("100", "1", "64")] {
                let report = bursts(&lab, from, &target(&lab, from, to, family), count, segments, size);
                assert_eq!(report["answered"], report["sent"], "{from} to {to}, {family}: {report}");
                let (damaged, reordered) = (&report["damaged"], &report["reordered"]);
                assert_eq!((damaged, reordered), (&0.into(), &0.into()), "{from} to {to}, {family}: {report}");
            }
        }
    }
}

#[test]
fn every_size_arrives_intact_over_an_underlay_of_9000() {
    exchange_over(9000);
}

#[test]
fn every_size_arrives_intact_over_the_relay() {
    let lab = rough(2, &["n2"], |lab| lab.relay_only(&["n1", "n2"]).unwrap());
    let _server = serve(&lab, "n2");
    for family in ["v4", "v6"] {
        at_once(&exchange(&lab, "n1", "n2", family, step(7)));
    }
    assert_eq!(member(&lab, "n1", "n2")["path"], "relay");
}

#[test]
fn a_connection_outlives_changes_of_the_mtu_without_a_stall() {
    let lab = rough(2, &[], |_| {});
    direct(&lab, "n1", "n2");
    let _server = serve(&lab, "n2");
    let target = target(&lab, "n1", "n2", "v4");
    let mut flow = lab.node("n1").spawn(&["ray-lab", "tool", "flow", &target]).unwrap();
    for mtu in [1500, 1280, 1500] {
        // On n2's side, so that n1 has to find out by itself.
        lab.link_mtu("n2", mtu).unwrap();
        thread::sleep(Duration::from_secs(4));
    }
    drop(flow.stdin.take());
    let output = flow.output(PATIENCE).unwrap();
    let report = output.json().unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!(report["right"], true, "{report}");
    assert!(report["silence_ms"].as_u64().unwrap() <= SILENCE_MAX_MS, "{report}");
    for family in ["v4", "v6"] {
        exchange(&lab, "n1", "n2", family, step(23));
    }
}

#[test]
fn a_packet_that_is_lost_at_random_costs_no_other_packet() {
    let lab = rough(2, &[], |_| {});
    direct(&lab, "n1", "n2");
    let _server = serve(&lab, "n2");
    let target = target(&lab, "n1", "n2", "v4");
    lab.loss("n2", 1.0).unwrap();

    // A hundredth there and a hundredth back. Were bursts carried whole, one loss would cost forty datagrams: a third.
    let report = bursts(&lab, "n1", &target, "100", "40", "1200");
    let share = lost_share(&report["sent"], &report["answered"]);
    assert!((0.005..0.045).contains(&share), "{share}: {report}");
    assert_eq!((&report["damaged"], &report["reordered"]), (&0.into(), &0.into()), "{report}");

    let numbered = format!("{}:7002", address(&lab, "n1", "n2", "v4"));
    let mut count = lab.node("n2").spawn(&["ray-lab", "tool", "udp-count", &numbered]).unwrap();
    read_line(&mut count);
    let mut stream = lab.node("n1").spawn(&["ray-lab", "tool", "udp-stream", &numbered]).unwrap();
    thread::sleep(Duration::from_secs(6));
    drop(stream.stdin.take());
    let (sent, counted) =
        (stream.output(PATIENCE).unwrap().json().unwrap(), count.output(PATIENCE).unwrap().json().unwrap());
    let share = lost_share(&sent["sent"], &counted["received"]);
    assert!((0.002..0.025).contains(&share), "{share}: {sent} {counted}");

    let mut flow = lab.node("n1").spawn(&["ray-lab", "tool", "flow", &target]).unwrap();
    thread::sleep(Duration::from_secs(3));
    drop(flow.stdin.take());
    let report = flow.output(PATIENCE).unwrap().json().unwrap();
    assert_eq!(report["right"], true, "{report}");
    exchange(&lab, "n1", "n2", "v6", step(23));
}

/// Every size between hosts with and without offload, over cables of this MTU.
fn exchange_over(mtu: u16) -> (Lab, Vec<Exec>) {
    let all = ["n1", "n2", "n3", "n4"];
    let lab = rough(4, &["n3", "n4"], |lab| all.iter().for_each(|node| lab.link_mtu(node, mtu).unwrap()));
    let servers = ["n1", "n2", "n3", "n4"].map(|node| serve(&lab, node)).into();
    let whole = if mtu == 1280 { 1 } else { 7 };
    for (from, to, step_by) in [("n1", "n2", whole), ("n1", "n3", 7), ("n4", "n3", 7)] {
        direct(&lab, from, to);
        for family in ["v4", "v6"] {
            at_once(&exchange(&lab, from, to, family, step(step_by)));
        }
    }
    (lab, servers)
}

/// A network on cables that are as `prepare` makes them before the first engine starts.
fn rough(nodes: u32, without_offload: &[&str], prepare: impl FnOnce(&Lab)) -> Lab {
    let mut config = LabConfig { nodes, ..LabConfig::default() };
    for name in config.node_names() {
        let offload = !without_offload.contains(&name.as_str());
        let engine_toml = format!("mtu = {INNER_MTU}\noffload = {offload}\n");
        *config.node(&name) = NodeConfig { engine: false, engine_toml, ..NodeConfig::default() };
    }
    let names = config.node_names();
    let lab = start(config);
    prepare(&lab);
    thread::scope(|scope| {
        for name in &names {
            scope.spawn(|| lab.start_process(name, Some(Process::Engine)).unwrap());
        }
    });
    let lab = network_in(lab, nodes);
    for name in &names {
        for protocol in ["tcp", "udp"] {
            ray(&lab, name, &["firewall", "add", "in", "allow", protocol, "7000-7002"]);
        }
    }
    all_online(&lab, nodes);
    lab
}

fn serve(lab: &Lab, node: &str) -> Exec {
    let mut server = lab.node(node).spawn(&["ray-lab", "tool", "sizes-serve", PORT]).unwrap();
    read_line(&mut server);
    server
}

fn read_line(program: &mut Exec) {
    let mut line = String::new();
    BufReader::new(program.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "listening");
}

/// Exchanges UDP and TCP payloads of the sizes up to a packet's and some more, so that inner packets have every size up to
/// the MTU, one more, and beyond.
fn exchange(lab: &Lab, from: &str, to: &str, family: &str, step: usize) -> Value {
    let target = target(lab, from, to, family);
    let (max, step) = ((INNER_MTU + 1).to_string(), step.to_string());
    let argv = ["ray-lab", "tool", "sizes", &target, &max, "--step", &step];
    let output = lab.exec_within(EXCHANGE, from, &argv).unwrap();
    assert_eq!(output.code(), 0, "{from} to {to}, {family}: {output:?}");
    let report = output.json().unwrap();
    assert_eq!(report["udp"]["arrived"], report["udp"]["sent"], "{from} to {to}, {family}: {report}");
    report
}

/// A size that needs a second attempt was lost for being of that size; the slack is a busy machine's.
fn at_once(report: &Value) {
    assert!(report["udp"]["repeated"].as_u64().unwrap() <= 2, "{report}");
}

fn bursts(lab: &Lab, from: &str, target: &str, count: &str, segments: &str, size: &str) -> Value {
    let output = tool(lab, from, &["bursts", target, count, "--segments", segments, "--size", size]);
    output.json().unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn target(lab: &Lab, from: &str, to: &str, family: &str) -> String {
    let address = address(lab, from, to, family);
    if family == "v6" { format!("[{address}]:{PORT}") } else { format!("{address}:{PORT}") }
}

fn direct(lab: &Lab, from: &str, to: &str) {
    until(PATIENCE, &format!("{from} reaches {to} directly"), || member(lab, from, to)["path"] == "direct");
}

fn lost_share(sent: &Value, arrived: &Value) -> f64 {
    1.0 - arrived.as_f64().unwrap() / sent.as_f64().unwrap()
}

/// How many sizes to go on by: `usual`, or one where all are wanted.
fn step(usual: usize) -> usize {
    if env::var("RAY_SIZES").is_ok_and(|wanted| wanted == "all") { 1 } else { usual }
}
