//! The same rules in Rayfish and in the kernel's nftables, the same clients, the same verdicts.
//!
//! One lab of whole hosts, where n1's firewall judges what comes through the mesh; one of bare hosts on a switch, where
//! nftables on n1 judges what comes by cable. Real TCP and UDP clients and echoes go in and out, between n1 and three
//! others, by both families. Both sides tell the refused, so that no verdict rests on how long somebody waited.
//!
//! Rule sets are drawn by seed: `RAY_RULES_FIRST_SEED` and `RAY_RULES_SEEDS` choose others, or more.

use std::{env, thread};

use ray_tests::lab::{Exec, Lab, LabConfig, plan};

use crate::{
    firewall_reach::{ANSWER, Verdict, firewall, reach, serve},
    firewall_rules::{PORTS, RuleSet, handmade},
    support::{address, network, ray, start},
};

const SEEDS: u64 = 4;
const NODES: [&str; 4] = ["n1", "n2", "n3", "n4"];

#[test]
fn the_same_rules_give_the_same_verdicts_as_the_kernels_own_filter() {
    let rayfish = network(4);
    let _servers: Vec<Exec> = NODES.iter().map(|node| serve(&rayfish, node, &PORTS)).collect();
    for node in &NODES[1..] {
        firewall(&rayfish, node, &["off", "--yes"]);
    }
    firewall(&rayfish, "n1", &["reject", "on"]);
    for guest in ["n3", "n4"] {
        ray(&rayfish, "n1", &["group", "add", "guests", guest]);
    }
    let first = number_from("RAY_RULES_FIRST_SEED", 1);
    let drawn = (first..first + number_from("RAY_RULES_SEEDS", SEEDS)).map(RuleSet::drawn);
    let mut seen = [[0; 2]; 6];
    for (round, set) in std::iter::once(handmade()).chain(drawn).enumerate() {
        set_up(&rayfish, &set);
        // A lab of its own for each set: the kernel goes on with flows that it has let begin.
        let kernel = start(LabConfig::bare(4));
        let _servers: Vec<Exec> = NODES.iter().map(|node| serve(&kernel, node, &PORTS)).collect();
        load(&kernel, &set);
        let (ours, theirs) = thread::scope(|scope| {
            let ours = scope.spawn(|| matrix(&rayfish, |from, to, family| address(&rayfish, from, to, family)));
            let theirs = matrix(&kernel, |_, to, family| underlay(to, family));
            (ours.join().unwrap(), theirs)
        });
        assert_eq!(ours.len(), 300);
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(ours, theirs, "Rayfish and the kernel differ in set {} of\n{set}", set.seed);
            let kind = ours.protocol + if ours.direction == "in" { 0 } else { 3 };
            seen[kind][usize::from(ours.allowed)] += 1;
        }
        // The verb that judges without sending says the same.
        if round == 0 {
            for cell in ours.iter().filter(|cell| cell.family == "v4") {
                assert_eq!(tested(&rayfish, cell), cell.allowed, "ray firewall test: {cell:?}");
            }
        }
    }
    assert!(seen.iter().flatten().all(|count| *count > 0), "these sets do not tell anything: {seen:?}");
}

/// A question and its answer.
#[derive(Debug, Clone, PartialEq)]
struct Cell {
    direction: &'static str,
    peer: &'static str,
    family: &'static str,
    /// TCP, UDP, echo.
    protocol: usize,
    port: Option<u16>,
    allowed: bool,
}

/// Asks everything, all at once: each peer what is n1's, and n1 what is each peer's.
fn matrix(lab: &Lab, address: impl Fn(&str, &str, &str) -> String + Sync) -> Vec<Cell> {
    let pairs: Vec<(&str, &'static str, &'static str)> =
        NODES[1..].iter().flat_map(|peer| [("in", *peer, *peer), ("out", *peer, "n1")]).collect();
    thread::scope(|scope| {
        let asked: Vec<_> = pairs
            .into_iter()
            .map(|(direction, peer, from)| {
                let (direction, to) = if direction == "in" { ("in", "n1") } else { ("out", peer) };
                let address = &address;
                scope.spawn(move || ask(lab, direction, peer, from, |family| address(from, to, family)))
            })
            .collect();
        asked.into_iter().flat_map(|asked| asked.join().unwrap()).collect()
    })
}

fn ask(
    lab: &Lab,
    direction: &'static str,
    peer: &'static str,
    from: &str,
    target: impl Fn(&str) -> String,
) -> Vec<Cell> {
    let (mut cells, mut texts) = (Vec::new(), Vec::new());
    for family in ["v4", "v6"] {
        let address = target(family);
        let host = if family == "v4" { address.clone() } else { format!("[{address}]") };
        for (protocol, name) in ["tcp", "udp"].into_iter().enumerate() {
            for port in PORTS {
                texts.push(format!("{name}/{host}:{port}"));
                cells.push(Cell { direction, peer, family, protocol, port: Some(port), allowed: false });
            }
        }
        texts.push(format!("icmp/{address}"));
        cells.push(Cell { direction, peer, family, protocol: 2, port: None, allowed: false });
    }
    for (cell, told) in cells.iter_mut().zip(reach(lab, from, ANSWER, &texts)) {
        cell.allowed = match told.verdict {
            Verdict::Answered => true,
            Verdict::Refused => false,
            Verdict::Silent | Verdict::Failed => panic!("neither passed nor refused: {direction} {peer}: {told:?}"),
        };
    }
    cells
}

fn tested(lab: &Lab, cell: &Cell) -> bool {
    let port = cell.port.map(|port| port.to_string());
    let mut args = vec!["test", cell.peer, ["tcp", "udp", "icmp"][cell.protocol]];
    args.extend(port.as_deref());
    args.extend((cell.direction == "out").then_some("--out"));
    firewall(lab, "n1", &args)["allow"].as_bool().unwrap()
}

/// Puts the rules into n1's firewall, by the command that users have, in place of all that are there.
fn set_up(lab: &Lab, set: &RuleSet) {
    let old = firewall(lab, "n1", &["show"])["rules"].as_array().unwrap().len();
    for _ in 0..old {
        firewall(lab, "n1", &["remove", "1"]);
    }
    for (direction, allow) in [("in", set.default_in), ("out", set.default_out)] {
        firewall(lab, "n1", &["default", direction, if allow { "allow" } else { "deny" }, "--yes"]);
    }
    for rule in &set.rules {
        let text = rule.to_string();
        firewall(lab, "n1", &[&["add"][..], &text.split(' ').collect::<Vec<_>>()].concat());
    }
}

/// Puts the same into nftables on n1.
fn load(lab: &Lab, set: &RuleSet) {
    let found = lab.exec("n1", &["nft", "--version"]);
    assert!(
        found.is_ok_and(|output| output.code() == 0),
        "this test compares with nftables and needs its program: apt-get install nftables"
    );
    // Errors are told without a bound, so that no client waits for one.
    let script = format!(
        "echo 0 > /proc/sys/net/ipv4/icmp_ratelimit && echo 0 > /proc/sys/net/ipv6/icmp/ratelimit && nft -f - <<'END'\n{}END\n",
        set.in_nft(|peer| (underlay(peer, "v4"), underlay(peer, "v6")))
    );
    let output = lab.exec("n1", &["sh", "-c", &script]).unwrap();
    assert_eq!(output.code(), 0, "{}\n{script}", output.stderr);
}

fn underlay(node: &str, family: &str) -> String {
    let (v4, v6) = plan::addresses(node).unwrap();
    if family == "v4" { v4.to_string() } else { v6.to_string() }
}

fn number_from(name: &str, otherwise: u64) -> u64 {
    match env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text:?}")),
        Err(_) => otherwise,
    }
}
