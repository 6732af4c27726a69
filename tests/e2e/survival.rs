//! Restarts: what must outlive a process does, what must not does not.

use nix::sys::signal::Signal;
use ray_tests::lab::{LabConfig, Process};

use crate::support::{
    PATIENCE, address, all_online, memberships, network, network_in, open, pings, ray, start, status, until,
};

#[test]
fn restarting_every_process_keeps_identities_addresses_and_membership() {
    let lab = network(2);
    let before: Vec<_> = ["n1", "n2"].iter().map(|node| (memberships(&lab, node), identity(&lab, node))).collect();
    for node in ["n1", "n2"] {
        lab.node(node).stop().unwrap();
    }
    for node in ["n1", "n2"] {
        lab.node(node).start().unwrap();
    }
    all_online(&lab, 2);
    let after: Vec<_> = ["n1", "n2"].iter().map(|node| (memberships(&lab, node), identity(&lab, node))).collect();
    assert_eq!(before, after);
    let v4 = address(&lab, "n1", "n2", "v4");
    until(PATIENCE, "traffic flows", || pings(&lab, "n1", &v4));
}

#[test]
fn a_device_that_somebody_removes_is_made_anew() {
    let lab = network(2);
    let before = ifindex(&lab, "n2");
    let removed = lab.exec("n2", &["ip", "link", "del", "ray0"]).unwrap();
    assert_eq!(removed.code(), 0, "{}", removed.stderr);
    let v4 = address(&lab, "n1", "n2", "v4");
    until(PATIENCE, "traffic flows", || pings(&lab, "n1", &v4));
    assert_ne!(ifindex(&lab, "n2"), before);
}

#[test]
fn an_engine_that_is_killed_finds_its_device_again() {
    let lab = network(2);
    let before = ifindex(&lab, "n2");
    lab.kill("n2", Process::Engine, Signal::SIGKILL).unwrap();
    assert_eq!(ifindex(&lab, "n2"), before, "the device went with the engine");
    lab.start_process("n2", Some(Process::Engine)).unwrap();
    all_online(&lab, 2);
    assert_eq!(ifindex(&lab, "n2"), before);
    let v4 = address(&lab, "n1", "n2", "v4");
    until(PATIENCE, "traffic flows", || pings(&lab, "n1", &v4));
}

#[test]
fn a_connection_on_which_a_host_only_receives_outlives_a_kill_of_its_engine() {
    const ANSWER: &str = "268435456";
    let lab = network(2);
    open(&lab, "n1", 7001);
    let target = format!("{}:7001", address(&lab, "n2", "n1", "v4"));
    let _sink = lab.spawn("n1", None, &["ray-lab", "tool", "tcp-sink", &target, "--answer", ANSWER]).unwrap();
    until(PATIENCE, "the server listens", || {
        lab.exec("n1", &["sh", "-c", "grep -q ':1B59 ' /proc/net/tcp"]).unwrap().code() == 0
    });
    let mut client =
        lab.spawn("n2", None, &["ray-lab", "tool", "tcp-send", &target, "1000", "--answer", ANSWER]).unwrap();
    let received = || {
        let read = lab.exec("n2", &["sh", "-c", "cat /sys/class/net/ray0/statistics/rx_bytes"]).unwrap().stdout;
        read.trim().parse::<u64>().unwrap_or_default()
    };
    until(PATIENCE, "the answer is on its way", || received() > 1_000_000);
    lab.kill("n2", Process::Engine, Signal::SIGKILL).unwrap();
    lab.start_process("n2", Some(Process::Engine)).unwrap();
    assert!(client.wait(PATIENCE * 2).unwrap().success());
}

#[test]
fn an_engine_that_does_not_come_back_leaves_nothing() {
    let mut config = LabConfig { nodes: 2, ..LabConfig::default() };
    config.node("n2").helper_toml = "grace_s = 1\n".to_owned();
    let lab = network_in(start(config), 2);
    assert!(ifindex(&lab, "n2").is_some());
    lab.kill("n2", Process::Engine, Signal::SIGKILL).unwrap();
    until(PATIENCE, "the device is gone", || ifindex(&lab, "n2").is_none());
}

#[test]
fn a_helper_that_is_killed_is_replaced() {
    let lab = network(2);
    lab.kill("n2", Process::Helper, Signal::SIGKILL).unwrap();
    lab.start_process("n2", Some(Process::Helper)).unwrap();
    let v4 = address(&lab, "n1", "n2", "v4");
    until(PATIENCE, "the tunnel is set up anew", || pings(&lab, "n1", &v4));
}

#[test]
fn down_takes_the_data_plane_down_and_keeps_the_rest() {
    let lab = network(2);
    let before = memberships(&lab, "n2");
    ray(&lab, "n2", &["down"]);
    assert_eq!(ifindex(&lab, "n2"), None);
    assert_eq!(status(&lab, "n2")["up"], false);
    assert_eq!(memberships(&lab, "n2"), before);

    // The wish outlives a restart.
    lab.stop_process("n2", Some(Process::Engine)).unwrap();
    lab.start_process("n2", Some(Process::Engine)).unwrap();
    assert_eq!(ifindex(&lab, "n2"), None);

    ray(&lab, "n2", &["up"]);
    all_online(&lab, 2);
    let v4 = address(&lab, "n1", "n2", "v4");
    until(PATIENCE, "traffic flows", || pings(&lab, "n1", &v4));
}

fn identity(lab: &ray_tests::lab::Lab, node: &str) -> String {
    status(lab, node)["engine"]["endpoint_id"].to_string()
}

fn ifindex(lab: &ray_tests::lab::Lab, node: &str) -> Option<String> {
    let output = lab.exec(node, &["cat", "/sys/class/net/ray0/ifindex"]).unwrap();
    (output.code() == 0).then_some(output.stdout)
}
