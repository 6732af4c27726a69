//! Very many flows of one peer: they cost a bounded amount of memory, and nobody else's connections.
//!
//! The test opens 200 000 flows. A million, and any other number, by
//! `RAY_FLOOD_FLOWS=1000000 cargo test -p ray-tests --test e2e flood`.

use std::{env, time::Duration};

use ray_tests::lab::Lab;

use crate::{
    firewall_reach::{Held, firewall, serve},
    support::{address, network, status},
};

const FLOWS: u32 = 200_000;
/// What the engine may grow by: 32 MiB for flows, and as much again for all that a busy link needs.
const GROWTH_KIB_MAX: u64 = 64 << 10;
const PORT: u16 = 7001;
/// Far below what the slowest machine does.
const FLOWS_PER_SECOND_MIN: u32 = 1000;

#[test]
fn a_flood_of_flows_keeps_memory_bounded_and_leaves_the_flows_of_others_alone() {
    let flows: u32 = match env::var("RAY_FLOOD_FLOWS") {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("RAY_FLOOD_FLOWS is not a number: {text:?}")),
        Err(_) => FLOWS,
    };
    let lab = network(3);
    let _server = serve(&lab, "n2", &[PORT]);
    // Each datagram begins a flow in the table, none is refused before.
    firewall(&lab, "n2", &["add", "in", "allow", "any"]);
    let n2 = address(&lab, "n1", "n2", "v4");
    let held = Held::open(&lab, "n3", &format!("{n2}:{PORT}"));
    let before: Vec<u64> = ["n1", "n2"].iter().map(|node| memory(&lab, node, "VmRSS:")).collect();
    let received = packets(&lab, "n2");

    let deadline = Duration::from_secs((flows / FLOWS_PER_SECOND_MIN).max(60).into());
    let argv = ["ray-lab", "tool", "udp-flood", &n2, &PORT.to_string(), &flows.to_string()];
    let flood = lab.exec_within(deadline, "n1", &argv).unwrap();
    assert_eq!(flood.code(), 0, "{}", flood.stderr);

    let received = packets(&lab, "n2") - received;
    assert!(received >= u64::from(flows) * 9 / 10, "only {received} of {flows} datagrams reached the other host");
    // Both engines follow every flow: of one it is what comes in, of the other what goes out.
    for (node, before) in ["n1", "n2"].iter().zip(before) {
        let growth = memory(&lab, node, "VmHWM:").saturating_sub(before);
        println!("{node}: {flows} flows, {growth} KiB more than {before} KiB");
        assert!(growth <= GROWTH_KIB_MAX, "{node}: {before} KiB grew by {growth} KiB");
    }
    held.assert_lives();
    let new = Held::open(&lab, "n3", &format!("{n2}:{PORT}"));
    new.assert_lives();
}

/// What the engine occupies (VmRSS), or did at the most (VmHWM), in KiB.
fn memory(lab: &Lab, node: &str, field: &str) -> u64 {
    let pid = status(lab, node)["engine"]["pid"].to_string();
    let proc = lab.exec(node, &["cat", &format!("/proc/{pid}/status")]).unwrap().stdout;
    let line = proc.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_else(|| panic!("no {field}: {proc}"));
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

/// Packets that the host received through the tunnel.
fn packets(lab: &Lab, node: &str) -> u64 {
    lab.exec(node, &["cat", "/sys/class/net/ray0/statistics/rx_packets"]).unwrap().stdout.trim().parse().unwrap()
}
