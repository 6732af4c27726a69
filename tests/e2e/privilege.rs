//! The boundary, looked at from outside: `/proc`, the rule that keeps the underlay out of the tunnel, the sockets.

use ray_tests::lab::{Lab, LabConfig, Process};

use crate::support::{PATIENCE, address, hosts, member, members, network_in, pings, start, status, tool, until};

#[test]
fn the_engine_holds_no_capability_and_no_root() {
    let lab = hosts(1);
    let pid = status(&lab, "n1")["engine"]["pid"].to_string();
    let proc = lab.exec("n1", &["cat", &format!("/proc/{pid}/status")]).unwrap().stdout;
    let field = |name: &str| {
        let line = proc.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name}: {proc}"));
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(field(set), ["0000000000000000"], "{set}");
    }
    assert!(field("Uid:").iter().all(|uid| uid != "0"), "{proc}");
    assert!(field("Gid:").iter().all(|gid| gid != "0"), "{proc}");
    assert_eq!(field("NoNewPrivs:"), ["1"]);
    assert_eq!(field("Seccomp:"), ["2"]);
    // Every thread, because what serves the network is a thread that the first one started.
    let threads = lab.exec("n1", &["sh", "-c", &format!("cat /proc/{pid}/task/*/status")]).unwrap().stdout;
    let of = |line: &str| threads.lines().filter(|found| *found == line).count();
    let count = threads.lines().filter(|line| line.starts_with("Threads:")).count();
    assert!(count > 2, "{threads}");
    assert_eq!((of("Seccomp:\t2"), of("NoNewPrivs:\t1")), (count, count), "{threads}");
}

#[test]
fn the_engine_refuses_to_run_as_root() {
    let lab = hosts(1);
    let output = lab.exec("n1", &["ray-engine", "--state-dir", "/run/elsewhere"]).unwrap();
    assert_eq!(output.code(), 1);
    assert!(output.stderr.contains("root"), "{}", output.stderr);
}

#[test]
fn the_helper_has_no_socket_but_its_own_and_netlink() {
    let lab = hosts(1);
    let ps = tool(&lab, "n1", &["ps", "--json"]).json().unwrap();
    let processes = ps["processes"].as_array().cloned().unwrap_or_default();
    let helper =
        processes.iter().find(|process| process["command"].as_str().is_some_and(|line| line.ends_with("/ray-helper")));
    let helper = helper.unwrap_or_else(|| panic!("{ps}"));
    assert_eq!(helper["cap_eff"], "0000000000001000", "CAP_NET_ADMIN and nothing else");
    let sockets = helper["sockets"].as_array().unwrap_or_else(|| panic!("{helper}"));
    assert!(!sockets.is_empty());
    for kind in sockets {
        assert!(["unix", "netlink"].contains(&kind.as_str().unwrap()), "{helper}");
    }
}

#[test]
fn an_underlay_packet_never_enters_the_tunnel() {
    // n2 advertises its own mesh address as a place where its underlay can be reached.
    let first = start(LabConfig { nodes: 2, ..LabConfig::default() });
    let lab = network_in(first, 2);
    let v4 = address(&lab, "n1", "n2", "v4");
    let port = underlay_port(&lab, "n2");
    let config = format!("external_addrs = [\"{v4}:{port}\"]\nbind_port = {port}\n");
    lab.exec("n2", &["sh", "-c", &format!("printf '{}' >> /etc/rayfish/engine.toml", config.replace('\n', "\\n"))])
        .unwrap();
    lab.stop_process("n2", Some(Process::Engine)).unwrap();
    lab.start_process("n2", Some(Process::Engine)).unwrap();
    until(PATIENCE, "n1 and n2 are linked again", || member(&lab, "n1", "n2")["state"] == "online");

    // The link came up, is direct, and runs over the cable.
    until(PATIENCE, "the path is direct", || member(&lab, "n1", "n2")["path"] == "direct");
    let remote = member(&lab, "n1", "n2")["remote"].as_str().unwrap().to_owned();
    assert!(remote.starts_with("10.77.") || remote.starts_with("[fd77:"), "{remote}");
    assert!(pings(&lab, "n1", &v4));

    // What the engine itself sends there, the kernel refuses; anybody else's packet passes.
    let target = format!("{v4}:{port}");
    let engine = lab.exec_as("n1", "rayfish", &["ray-lab", "tool", "udp-send", &target]).unwrap();
    assert_eq!((engine.code(), engine.stdout.trim()), (1, "EACCES"), "the engine's uid can send into the tunnel");
    let alice = lab.exec_as("n1", "alice", &["ray-lab", "tool", "udp-send", &target]).unwrap();
    assert_eq!(alice.code(), 0, "{}", alice.stderr);
    let v6 = address(&lab, "n1", "n2", "v6");
    let engine = lab.exec_as("n1", "rayfish", &["ray-lab", "tool", "udp-send", &format!("[{v6}]:{port}")]).unwrap();
    assert_eq!((engine.code(), engine.stdout.trim()), (1, "EACCES"), "the engine's uid can send into the tunnel");
    assert_eq!(members(&lab, "n1").len(), 2);
}

#[test]
fn a_stranger_cannot_open_a_link() {
    let lab = network_in(start(LabConfig { nodes: 3, ..LabConfig::default() }), 2);
    let (n1, n2) = (address(&lab, "n2", "n1", "v4"), address(&lab, "n1", "n2", "v4"));
    let victim = status(&lab, "n1")["engine"]["endpoint_id"].as_str().unwrap().to_owned();
    // n3 is on the same wire and knows whom to call; it is on no roster.
    let stranger = tool(&lab, "n3", &["rogue", "/var/lib/rayfish/identity.key", &victim, "100.64.0.9", &n1, &n2]);
    assert_eq!(stranger.code(), 1, "{}", stranger.stdout);
    assert!(stranger.stderr.contains("not a member"), "{}", stranger.stderr);
    assert_eq!(members(&lab, "n1").len(), 2);
    assert!(pings(&lab, "n1", &n2), "the members are not disturbed");
}

#[test]
fn a_member_that_breaks_the_rules_reaches_nobody_and_is_counted() {
    let lab = network_in(start(LabConfig { nodes: 3, ..LabConfig::default() }), 3);
    let (own, theirs, other) =
        (address(&lab, "n1", "n3", "v4"), address(&lab, "n3", "n1", "v4"), address(&lab, "n1", "n2", "v4"));
    let victim = status(&lab, "n1")["engine"]["endpoint_id"].as_str().unwrap().to_owned();
    // n3's key in hands that send what no engine would.
    lab.stop_process("n3", Some(Process::Engine)).unwrap();
    let rogue = tool(&lab, "n3", &["rogue", "/var/lib/rayfish/identity.key", &victim, &own, &theirs, &other]);
    assert_eq!(rogue.code(), 0, "{}", rogue.stderr);
    let sent = rogue.json().unwrap()["sent"].as_array().unwrap().clone();
    for reason in ["source_of_another", "not_for_us", "unknown_network", "bad_frame"] {
        let kinds = sent.iter().filter(|kind| **kind == reason).count() as u64;
        until(PATIENCE, &format!("{reason} is counted"), || {
            status(&lab, "n1")["drops"][reason].as_u64() >= Some(kinds)
        });
    }
    // What came through is nothing: the device took no packet of it.
    assert_eq!(status(&lab, "n1")["drops"]["device_refused"].as_u64(), None);
    assert!(pings(&lab, "n1", &other), "the others are not disturbed");
}

fn underlay_port(lab: &Lab, node: &str) -> u16 {
    let underlay = status(lab, node)["underlay"].clone();
    let first = underlay[0].as_str().unwrap_or_else(|| panic!("{underlay}")).to_owned();
    first.parse::<std::net::SocketAddr>().unwrap().port()
}
