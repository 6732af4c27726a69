//! Settings, root's and those that are set while the engine runs: each does what it says.

use ray_tests::lab::{LabConfig, Output, Process, Signal};
use serde_json::Value;

use crate::{
    crash::runs,
    support::{
        Lab, PATIENCE, address, crash, hosts, member, network, network_in, open, pings, ray, refused, start,
        state_file, status, tool, try_ray, until,
    },
};

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
        crosses_whole(&lab, from, to);
    }
}

/// Sends so much over TCP that it would not come whole by chance.
fn crosses_whole(lab: &Lab, from: &str, to: &str) {
    let target = format!("{}:7001", address(lab, from, to, "v4"));
    let mut sink = lab.node(to).spawn(&["ray-lab", "tool", "tcp-sink", &target]).unwrap();
    let mut sent: Option<Output> = None;
    until(PATIENCE, "the bytes are sent", || {
        let output = tool(lab, from, &["tcp-send", &target, "8388608"]);
        let done = output.code() == 0;
        sent = Some(output);
        done
    });
    assert!(sink.wait(PATIENCE).unwrap().success(), "{from} to {to}: {sent:?}");
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

#[test]
fn what_is_set_counts_at_once_outlives_a_crash_and_is_gone_when_it_is_unset() {
    let mut config = LabConfig { nodes: 2, ..LabConfig::default() };
    config.node("n1").engine_toml = "mtu = 1300\n".to_owned();
    let lab = &network_in(start(config), 2);
    for (node, port) in [("n1", 7001), ("n2", 7001), ("n2", 7002)] {
        open(lab, node, port);
    }
    let ifindex = || read(lab, "/sys/class/net/ray0/ifindex");
    let (first, slow) = (ifindex(), format!("{}:7002", address(lab, "n1", "n2", "v4")));
    let sink = lab.node("n2").spawn(&["ray-lab", "tool", "tcp-sink", &slow]).unwrap();
    until(PATIENCE, "the sink listens", || {
        lab.exec("n2", &["grep", "-qi", &format!(":{:04x} ", 7002), "/proc/net/tcp"]).unwrap().code() == 0
    });
    let transfer = lab.node("n1").spawn(&["ray-lab", "tool", "tcp-trickle", &slow]).unwrap();

    assert_eq!(setting(lab, "mtu"), ("file".to_owned(), 1300.into()));
    change(lab, &["set", "offload", "off"]);
    assert_eq!(tun(lab), (1, 1300, false));
    crosses_whole(lab, "n1", "n2");
    crosses_whole(lab, "n2", "n1");
    change(lab, &["set", "mtu", "1350"]);
    assert_eq!(tun(lab), (1, 1350, false));
    assert_eq!((read(lab, "/sys/class/net/ray0/mtu"), ifindex()), ("1350".to_owned(), first), "the device is the same");
    change(lab, &["set", "queues", "2"]);
    assert_eq!(tun(lab), (2, 1350, false));
    let queues = lab.exec("n1", &["sh", "-c", "ls -d /sys/class/net/ray0/queues/rx-*"]).unwrap().stdout;
    assert_eq!(queues.lines().count(), 2, "{queues}");

    crash(lab, "n1");
    until(PATIENCE, "the tunnel is up again", || !status(lab, "n1")["tun"].is_null());
    assert_eq!(tun(lab), (2, 1350, false));
    assert_eq!(setting(lab, "offload"), ("set".to_owned(), false.into()));
    let transferred = transfer.output(PATIENCE).unwrap();
    assert_eq!(transferred.code(), 0, "the transfer was cut: {}", transferred.stderr);
    assert_eq!(sink.output(PATIENCE).unwrap().code(), 0);

    ["offload", "mtu", "queues"].into_iter().for_each(|key| change(lab, &["unset", key]));
    assert_eq!(tun(lab), (1, 1300, true));
    crash(lab, "n1");
    until(PATIENCE, "the tunnel is up again", || !status(lab, "n1")["tun"].is_null());
    assert_eq!(tun(lab), (1, 1300, true));
    crosses_whole(lab, "n1", "n2");
}

#[test]
fn a_value_that_the_helper_refuses_is_not_kept_and_the_tunnel_is_as_before() {
    let mut config = LabConfig { nodes: 1, ..LabConfig::default() };
    config.node("n1").engine_toml = "mtu = 1350\n".to_owned();
    config.node("n1").helper_toml = "mtu_max = 1350\n".to_owned();
    let lab = &network_in(start(config), 1);
    until(PATIENCE, "the tunnel is up", || !status(lab, "n1")["tun"].is_null());
    let error = refused(lab, "n1", &["config", "set", "mtu", "1400"], 7);
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("setting mtu, to 1400: ") && message.contains("1350"), "{error}");
    until(PATIENCE, "the tunnel is up", || !status(lab, "n1")["tun"].is_null());
    assert_eq!(tun(lab), (1, 1350, true));
    assert_eq!(setting(lab, "mtu"), ("file".to_owned(), 1350.into()));
    assert!(state_file(lab, "n1", "config").is_empty(), "something is kept");
    for (key, value) in [("mtu", "9000"), ("mtu", "1279"), ("queues", "0"), ("offload", "maybe")] {
        let error = refused(lab, "n1", &["config", "set", key, value], 2);
        assert!(error["hint"].as_str().unwrap().contains(&format!("ray config set {key} ")), "{error}");
    }

    // Without a helper, or a tunnel, nothing can be tried: it counts when there is one.
    lab.kill("n1", Process::Helper, Signal::SIGUSR1).unwrap();
    until(PATIENCE, "the engine misses its helper", || status(lab, "n1")["helper"]["state"] == "missing");
    let reply = ray(lab, "n1", &["config", "set", "mtu", "1300"]);
    assert_eq!((&reply["in_force"], &reply["changed"]), (&false.into(), &true.into()), "{reply}");
    assert_eq!(tun(lab), (1, 1350, true));
    lab.start_process("n1", Some(Process::Helper)).unwrap();
    until(PATIENCE, "the tunnel has the packet size", || tun(lab) == (1, 1300, true));
    ray(lab, "n1", &["down"]);
    let reply = ray(lab, "n1", &["config", "set", "queues", "3"]);
    assert_eq!((&reply["in_force"], &reply["reason"]), (&false.into(), &"the tunnel is down".into()), "{reply}");
    ray(lab, "n1", &["up"]);
    assert_eq!(tun(lab), (3, 1300, true));
}

#[test]
fn settings_that_are_damaged_on_disk_stop_nothing_and_are_told() {
    let lab = &hosts(1);
    until(PATIENCE, "the tunnel is up", || !status(lab, "n1")["tun"].is_null());
    let warnings = || status(lab, "n1")["warnings"].to_string();
    for (text, offload, told) in [
        ("offload = off\\nmtu = 9000\\n", false, "9000 is not in 1280..=1400"),
        ("offload = off\\nmtu = 13", false, "13 is not in"),
        ("offload = of\\n", true, "is not on or off"),
        ("\\377\\376 = \\n", true, "nothing that `ray config` has set counts"),
        ("offload off", true, "nothing that `ray config` has set counts"),
    ] {
        lab.stop_process("n1", Some(Process::Engine)).unwrap();
        let write = format!("printf '{text}' > /var/lib/rayfish/config");
        assert_eq!(lab.exec("n1", &["sh", "-c", &write]).unwrap().code(), 0);
        lab.start_process("n1", Some(Process::Engine)).unwrap();
        until(PATIENCE, "the tunnel is up", || !status(lab, "n1")["tun"].is_null());
        assert_eq!(tun(lab), (1, 1400, offload), "{text}");
        assert!(warnings().contains(told), "{text}: {}", warnings());
    }
    change(lab, &["set", "offload", "off"]);
    assert!(!warnings().contains("ray config"), "{}", warnings());
    assert_eq!(state_file(lab, "n1", "config"), b"offload = off\n");
}

#[test]
fn a_power_cut_leaves_the_old_value_or_the_new_one() {
    let lab = &hosts(1);
    for (point, mtu) in
        [("replace-before-temporary", "1301"), ("replace-after-temporary", "1302"), ("replace-after-rename", "1303")]
    {
        let before = setting(lab, "mtu");
        lab.stop_process("n1", Some(Process::Engine)).unwrap();
        lab.start_process_with("n1", Some(Process::Engine), &[("RAY_CRASH_AT", point)]).unwrap();
        assert_ne!(try_ray(lab, "n1", &["config", "set", "mtu", mtu]).code(), 0, "{point}: it was acknowledged");
        until(PATIENCE, "the engine has died of it", || !runs(lab, "n1"));
        lab.start_process("n1", Some(Process::Engine)).unwrap();
        let set = ("set".to_owned(), mtu.parse::<u64>().unwrap().into());
        assert_eq!(setting(lab, "mtu"), if point.ends_with("rename") { set } else { before }, "{point}");
        assert_eq!(status(lab, "n1")["warnings"].to_string(), "[]");
    }
}

/// Sets or unsets something on n1, of which the tunnel takes notice.
fn change(lab: &Lab, words: &[&str]) {
    let reply = ray(lab, "n1", &[&["config"], words].concat());
    assert_eq!((&reply["in_force"], &reply["changed"]), (&true.into(), &true.into()), "{words:?}: {reply}");
}

/// Where a setting of n1 comes from, and its value.
fn setting(lab: &Lab, key: &str) -> (String, Value) {
    let setting = ray(lab, "n1", &["config", "get", key])["setting"].clone();
    (setting["from"].as_str().unwrap().to_owned(), setting["value"].clone())
}

/// Queues, packet size and offload of n1's device.
fn tun(lab: &Lab) -> (u64, u64, bool) {
    let tun = status(lab, "n1")["tun"].clone();
    let number = |key: &str| tun[key].as_u64().unwrap_or_default();
    (number("queues"), number("mtu"), tun["offload"] == true)
}

/// A file of n1 that holds one word.
fn read(lab: &Lab, path: &str) -> String {
    lab.exec("n1", &["cat", path]).unwrap().stdout.trim().to_owned()
}
