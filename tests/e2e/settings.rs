//! Root's settings: each does what it says.

use ray_tests::lab::{LabConfig, Output, Process, Signal};

use crate::support::{PATIENCE, address, member, network, network_in, open, pings, ray, start, status, tool, until};

#[test]
fn queues_mtu_and_offload_are_as_set_and_bulk_data_crosses_whole() {
    let mut config = LabConfig { nodes: 2, ..LabConfig::default() };
    config.node("n1").engine_toml = "queues = 2\nmtu = 1300\n".to_owned();
    config.node("n2").engine_toml = "offload = false\n".to_owned();
    let lab = network_in(start(config), 2);
    let tun = |node: &str| {
        let tun = status(&lab, node)["tun"].clone();
        (tun["queues"].as_u64(), tun["mtu"].as_u64(), tun["offload"].as_bool())
    };
    assert_eq!(tun("n1"), (Some(2), Some(1300), Some(true)));
    assert_eq!(tun("n2"), (Some(1), Some(1400), Some(false)));
    let queues = lab.exec("n1", &["sh", "-c", "ls -d /sys/class/net/ray0/queues/rx-*"]).unwrap().stdout;
    assert_eq!(queues.lines().count(), 2, "{queues}");

    for (from, to) in [("n1", "n2"), ("n2", "n1")] {
        open(&lab, to, 7001);
        let target = format!("{}:7001", address(&lab, from, to, "v4"));
        let mut sink = lab.node(to).spawn(&["ray-lab", "tool", "tcp-sink", &target]).unwrap();
        let mut sent: Option<Output> = None;
        until(PATIENCE, "the bytes are sent", || {
            let output = tool(&lab, from, &["tcp-send", &target, "8388608"]);
            let done = output.code() == 0;
            sent = Some(output);
            done
        });
        assert!(sink.wait(PATIENCE).unwrap().success(), "{from} to {to}: {sent:?}");
    }
}

#[test]
fn a_host_without_mesh_ipv4_is_reached_by_ipv6() {
    let mut config = LabConfig { nodes: 2, ..LabConfig::default() };
    config.node("n2").engine_toml = "ipv6_only = true\n".to_owned();
    config.node("n2").helper_toml = "prefix_v4 = \"none\"\n".to_owned();
    let lab = network_in(start(config), 2);
    assert!(status(&lab, "n2")["tun"]["v4"].is_null());
    for node in ["n1", "n2"] {
        until(PATIENCE, "both know that n2 has no IPv4", || member(&lab, node, "n2")["v4"].is_null());
        let resolved = tool(&lab, node, &["resolve", "n2.home.ray", "A", "--dns", "200::53"]);
        assert_eq!(resolved.stdout.trim(), "", "{node} names an address that nobody holds");
    }
    let routes = lab.exec("n2", &["cat", "/proc/net/route"]).unwrap().stdout;
    assert!(!routes.contains("ray0"), "{routes}");
    let (n1, n2) = (address(&lab, "n2", "n1", "v6"), address(&lab, "n1", "n2", "v6"));
    until(PATIENCE, "n1 pings n2", || pings(&lab, "n1", &n2));
    assert!(pings(&lab, "n2", &n1));
    let reply = ray(&lab, "n2", &["ping", "n1", "-c", "1"]);
    assert_eq!(reply["address"], n1.as_str(), "{reply}");
}

#[test]
fn a_resolver_that_has_a_members_address_is_warned_of_by_name() {
    let lab = network(2);
    let warned = || status(&lab, "n1")["warnings"].to_string();
    assert!(!warned().contains("do not go through the tunnel"), "{}", warned());
    let theirs = address(&lab, "n1", "n2", "v4");
    let line = format!("echo nameserver {theirs} > /etc/resolv.conf");
    assert_eq!(lab.exec("n1", &["sh", "-c", &line]).unwrap().code(), 0);
    lab.kill("n1", Process::Helper, Signal::SIGUSR1).unwrap();
    until(PATIENCE, "the engine misses its helper", || status(&lab, "n1")["helper"]["state"] == "missing");
    lab.start_process("n1", Some(Process::Helper)).unwrap();
    let expected = format!("packets to n2.home.ray ({theirs}) do not go through the tunnel");
    until(PATIENCE, "n1 says whose packets leave in clear", || warned().contains(&expected));
}
