//! Traffic: every pair, every family, every name.

use std::time::{Duration, Instant};

use crate::support::{PATIENCE, address, all_online, member, network, open, pings, ray, status, tool, until};

#[test]
fn every_pair_of_three_reaches_each_other_by_ipv4_ipv6_and_name() {
    let lab = network(3);
    let hosts = ["n1", "n2", "n3"];
    for from in hosts {
        for to in hosts.into_iter().filter(|to| *to != from) {
            let (v4, v6) = (address(&lab, from, to, "v4"), address(&lab, from, to, "v6"));
            until(PATIENCE, &format!("{from} pings {to}"), || pings(&lab, from, &v4));
            assert!(pings(&lab, from, &v6), "{from} to {to} by IPv6");
            for server in ["100.100.100.53", "200::53"] {
                assert_resolves(&lab, from, &format!("{to}.home.ray"), "A", server, &v4);
                assert_resolves(&lab, from, &format!("{to}.home.ray"), "AAAA", server, &v6);
                assert_resolves(&lab, from, &format!("{to}.ray"), "A", server, &v4);
                assert_resolves(&lab, from, &v4, "PTR", server, &format!("{to}.home.ray"));
                assert_resolves(&lab, from, &v6, "PTR", server, &format!("{to}.home.ray"));
            }
        }
    }
}

#[test]
fn tcp_crosses_the_mesh_whole() {
    let lab = network(2);
    open(&lab, "n2", 7001);
    let v4 = address(&lab, "n1", "n2", "v4");
    let mut sink = lab.node("n2").spawn(&["ray-lab", "tool", "tcp-sink", &format!("{v4}:7001")]).unwrap();
    let sent = until_sent(&lab, &v4);
    assert_eq!(sent.code(), 0, "{}", sent.stderr);
    assert!(sink.wait(PATIENCE).unwrap().success(), "the sink did not get every byte as it was sent");
}

#[test]
fn ray_ping_tells_the_way() {
    let lab = network(2);
    until(PATIENCE, "the path is direct", || member(&lab, "n1", "n2")["path"] == "direct");
    for target in ["n2", "n2.home", "n2.home.ray", &address(&lab, "n1", "n2", "v4"), &address(&lab, "n1", "n2", "v6")] {
        let reply = ray(&lab, "n1", &["ping", target, "-c", "2", "-i", "0.1"]);
        let summary = &reply["summary"];
        assert_eq!((&summary["received"], &summary["path"]), (&2.into(), &"direct".into()), "{target}: {reply}");
    }
}

#[test]
fn a_node_that_stops_shows_within_15_s_and_heals_by_itself() {
    let lab = network(3);
    // As a power cut does it: no goodbye.
    lab.link_down("n3").unwrap();
    let cut = Instant::now();
    for node in ["n1", "n2"] {
        until(Duration::from_secs(15).saturating_sub(cut.elapsed()), &format!("{node} sees n3 offline"), || {
            member(&lab, node, "n3")["state"] != "online"
        });
    }
    lab.link_up("n3").unwrap();
    all_online(&lab, 3);
    let v4 = address(&lab, "n1", "n3", "v4");
    until(PATIENCE, "traffic flows again", || pings(&lab, "n1", &v4));

    lab.node("n2").stop().unwrap();
    until(Duration::from_secs(15), "n1 sees n2 offline", || member(&lab, "n1", "n2")["state"] == "offline");
    lab.node("n2").start().unwrap();
    all_online(&lab, 3);
}

#[test]
fn what_the_host_sends_elsewhere_into_the_tunnel_is_dropped_and_counted() {
    let lab = network(2);
    // An address of the mesh that no member has.
    let nobody = "100.64.0.2";
    assert!(!pings(&lab, "n1", nobody));
    assert!(status(&lab, "n1")["drops"]["no_route"].as_u64() > Some(0), "{}", status(&lab, "n1")["drops"]);
}

fn assert_resolves(lab: &ray_tests::lab::Lab, node: &str, name: &str, kind: &str, server: &str, expected: &str) {
    let output = tool(lab, node, &["resolve", name, kind, "--dns", server]);
    assert_eq!(output.code(), 0, "{name} {kind} @{server} on {node}: {}", output.stderr);
    let answered = output.stdout.split_whitespace().any(|word| word.trim_end_matches('.') == expected);
    assert!(answered, "{name} {kind} @{server} on {node}: {:?} instead of {expected}", output.stdout);
}

/// The sink needs a moment to listen.
fn until_sent(lab: &ray_tests::lab::Lab, v4: &str) -> ray_tests::lab::Output {
    let mut last = None;
    until(PATIENCE, "the bytes are sent", || {
        let output = tool(lab, "n1", &["tcp-send", &format!("{v4}:7001"), "16777216"]);
        let done = output.code() == 0;
        last = Some(output);
        done
    });
    last.expect("sent at least once")
}
