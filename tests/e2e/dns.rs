//! The mesh's resolver through the real TUN device, asked as programs ask: over UDP and TCP, for what is there, for what is not,
//! and by those that mean no good.

use std::time::{Duration, Instant};

use ray_tests::lab::Lab;
use serde_json::{Value, json};

use crate::{
    names_hosts::{Host, Keeper, MISSING, PUBLIC},
    support::{PATIENCE, address, hosts, network, network_in, ray, tool, until},
};

const A: &str = "1";
const SOA: &str = "6";
const PTR: &str = "12";
const TXT: &str = "16";
const AAAA: &str = "28";
const SERVERS: [&str; 2] = ["100.100.100.53", "200::53"];

const NO_ERROR: u64 = 0;
const FORMAT_ERROR: u64 = 1;
const NO_SUCH_NAME: u64 = 3;
const NOT_IMPLEMENTED: u64 = 4;
const REFUSED: u64 = 5;

#[test]
fn names_are_answered_alike_over_udp_and_tcp_at_both_addresses() {
    let lab = network(2);
    let (v4, v6) = (address(&lab, "n1", "n2", "v4"), address(&lab, "n1", "n2", "v6"));
    let pointer = "n2.home.ray".to_owned();
    for server in SERVERS {
        for over in [&[][..], &["--tcp"], &["--edns", "1232"], &["--tcp", "--edns", "1232"]] {
            for (name, kind, data) in [
                ("n2.home.ray", A, &v4),
                ("n2.ray", A, &v4),
                ("N2.hoMe.rAy", AAAA, &v6),
                (&reverse_v4(&v4), PTR, &pointer),
            ] {
                let reply = query(&lab, "n1", name, kind, server, over);
                let answers = reply["answers"].as_array().unwrap();
                assert_eq!((answers.len(), &answers[0]["data"]), (1, &json!(data)), "{name} {over:?}: {reply}");
                assert_eq!(answers[0]["ttl"], 1);
                assert_eq!(reply["authoritative"], true);
                assert_eq!(reply["edns"].as_bool(), Some(over.contains(&"--edns")), "{over:?}");
            }
        }
    }
}

#[test]
fn what_is_not_there_is_denied_for_a_short_time_and_what_is_not_ours_is_refused() {
    let lab = network(2);
    ray(&lab, "n1", &["config", "set", "dns", "off"]);
    until(PATIENCE, "nothing is passed on", || {
        query(&lab, "n1", "example.com", A, SERVERS[0], &[])["rcode"].as_u64() == Some(REFUSED)
    });
    for over in [&[][..], &["--tcp"]] {
        for (name, kind, rcode, apex) in [
            ("bob.home.ray", A, NO_SUCH_NAME, "ray"),
            ("bob.ray", AAAA, NO_SUCH_NAME, "ray"),
            ("n2.home.ray", TXT, NO_ERROR, "ray"),
            ("home.ray", A, NO_ERROR, "ray"),
            ("99.99.64.100.in-addr.arpa", PTR, NO_SUCH_NAME, "64.100.in-addr.arpa"),
        ] {
            let reply = query(&lab, "n1", name, kind, SERVERS[0], over);
            assert_eq!(
                (reply["rcode"].as_u64(), reply["answers"].as_array().unwrap().len()),
                (Some(rcode), 0),
                "{reply}"
            );
            let soa = &reply["authority"][0];
            assert_eq!((&soa["kind"], &soa["name"], soa["ttl"].as_u64()), (&json!(6), &json!(apex), Some(1)), "{name}");
            assert!(soa["data"].as_str().unwrap().ends_with(" 1"), "negative answers are kept for a second: {soa}");
        }
        for name in ["example.com", "n2.home", "localhost", "com", "1.0.0.127.in-addr.arpa"] {
            let started = Instant::now();
            let reply = query(&lab, "n1", name, A, SERVERS[0], over);
            assert_eq!(reply["rcode"].as_u64(), Some(REFUSED), "{name}: {reply}");
            assert!(started.elapsed() < Duration::from_secs(1), "at once");
        }
        let soa = query(&lab, "n1", "ray", SOA, SERVERS[1], over);
        assert_eq!(soa["answers"][0]["kind"], 6, "{soa}");
    }
}

#[test]
fn other_names_are_passed_on_over_udp_and_tcp_and_mesh_names_never_leave_the_host() {
    let host = Host::with(Keeper::File, "", "");
    let lab = &host.lab;
    until(PATIENCE, "public names are passed on", || {
        query(lab, "n1", PUBLIC, A, SERVERS[0], &[])["rcode"].as_u64() == Some(NO_ERROR)
    });
    for server in SERVERS {
        for over in [&[][..], &["--tcp"], &["--edns", "1232"]] {
            let reply = query(lab, "n1", PUBLIC, A, server, over);
            assert_eq!(reply["answers"][0]["data"], "10.77.0.1", "{over:?}: {reply}");
            let missing = query(lab, "n1", MISSING, A, server, over);
            assert_eq!(missing["rcode"].as_u64(), Some(NO_SUCH_NAME), "{over:?}: {missing}");
            for ours in ["bob.home.ray", "wpad.ray", "n2.home.ray", "99.99.64.100.in-addr.arpa"] {
                query(lab, "n1", ours, A, server, over);
            }
        }
    }
    let many = query(lab, "n1", PUBLIC, A, SERVERS[0], &["--tcp", "--times", "20"]);
    assert_eq!(many["same"], 20, "{many}");
    let asked = host.asked();
    let ours = |line: &&String| line.to_lowercase().contains(".ray") || line.contains("64.100.in-addr.arpa");
    assert!(!asked.is_empty() && asked.iter().find(ours).is_none(), "{:?}", asked.iter().find(ours));
}

#[test]
fn a_flat_name_that_two_networks_have_means_one_host_everywhere() {
    let lab = network_in(hosts(3), 2);
    ray(&lab, "n3", &["create", "attic"]);
    let code = ray(&lab, "n3", &["invite", "attic"])["code"].as_str().unwrap().to_owned();
    ray(&lab, "n1", &["join", &code]);
    // Two hosts of one name, in two networks of one node.
    ray(&lab, "n3", &["hostname", "n2", "--network", "attic"]);
    let attic = until_answered(&lab, "n2.attic.ray");
    let home = until_answered(&lab, "n2.home.ray");
    assert_ne!(attic, home);
    for _ in 0..5 {
        assert_eq!(until_answered(&lab, "n2.ray"), attic, "the network whose name sorts first");
    }
}

#[test]
fn one_connection_carries_many_questions() {
    let lab = network(2);
    for (times, server) in [("2", SERVERS[0]), ("100", SERVERS[0]), ("1000", SERVERS[1])] {
        let reply = query(&lab, "n1", "n2.home.ray", A, server, &["--tcp", "--times", times]);
        assert_eq!(reply["same"].to_string(), times, "{reply}");
    }
}

#[test]
fn many_connections_and_half_questions_keep_no_program_out() {
    let lab = network(2);
    let node = lab.node("n1");
    // Each of them holds as many connections open as it gets, and never finishes a question.
    let mut holders: Vec<_> =
        (0..3).map(|_| node.spawn(&["ray-lab", "tool", "dns-hold", SERVERS[0], "--count", "100"]).unwrap()).collect();
    std::thread::sleep(Duration::from_millis(500));
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(3) {
        let asked = Instant::now();
        let reply = query(&lab, "n1", "n2.home.ray", A, SERVERS[0], &["--tcp"]);
        assert_eq!(reply["rcode"].as_u64(), Some(NO_ERROR), "{reply}");
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    }
    for holder in &mut holders {
        drop(holder.stdin.take());
        assert!(holder.wait(PATIENCE).unwrap().success());
    }
}

#[test]
fn a_question_that_is_none_is_told_so_and_ends_nothing() {
    let lab = network(2);
    for server in SERVERS {
        let sent = tool(&lab, "n1", &["dns-abuse", server]);
        assert_eq!(sent.code(), 0, "{}", sent.stderr);
        let report: Value = serde_json::from_str(&sent.stdout).unwrap();
        for (what, rcode) in report["rcodes"].as_object().unwrap() {
            let expected = match what.as_str() {
                "control characters" | "a dot in a label" => Some(NO_SUCH_NAME),
                "an unknown operation" | "an update" => Some(NOT_IMPLEMENTED),
                "a zone transfer" | "another class" => Some(REFUSED),
                "a reply" | "half a header" => None,
                _ => Some(FORMAT_ERROR),
            };
            assert_eq!(rcode.as_u64(), expected, "{what}");
        }
    }
    let reply = query(&lab, "n1", "n2.home.ray", A, SERVERS[0], &[]);
    assert_eq!(reply["rcode"].as_u64(), Some(NO_ERROR));
}

fn query(lab: &Lab, node: &str, name: &str, kind: &str, server: &str, more: &[&str]) -> Value {
    let asked = tool(lab, node, &[&["dns-query", name, kind, "--dns", server], more].concat());
    assert_eq!(asked.code(), 0, "{name} {more:?} at {server}: {}", asked.stderr);
    serde_json::from_str(&asked.stdout).unwrap()
}

/// The address, as soon as there is one.
fn until_answered(lab: &Lab, name: &str) -> String {
    let mut found = None;
    until(PATIENCE, &format!("{name} has an address"), || {
        let reply = query(lab, "n1", name, A, SERVERS[0], &[]);
        found = reply["answers"][0]["data"].as_str().map(str::to_owned);
        found.is_some()
    });
    found.unwrap()
}

fn reverse_v4(address: &str) -> String {
    let mut parts: Vec<&str> = address.split('.').collect();
    parts.reverse();
    format!("{}.in-addr.arpa", parts.join("."))
}
