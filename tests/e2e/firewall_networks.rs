//! The firewall of hosts in several networks, and what is no rule.

use ray_tests::lab::{Exec, Lab};
use serde_json::Value;

use crate::support::{PATIENCE, address, invite, network, pings, ray, refused, until};

const PORT: u16 = 8000;
/// A connection that is let through is there in a few milliseconds; one that is not waits for seconds.
const IN_VAIN_S: &str = "2";

#[test]
fn leaving_a_network_ends_what_was_accepted_there_and_nothing_else() {
    let lab = network(2);
    ray(&lab, "n1", &["firewall", "suggest", "n2", "in", "allow", "tcp", "22"]);
    ray(&lab, "n2", &["firewall", "add", "in", "allow", "tcp", "80", "from", "n1", "on", "home"]);
    ray(&lab, "n2", &["firewall", "auto-accept", "home", "on"]);
    until(PATIENCE, "the suggestion is accepted", || rules(&lab, "n2").len() == 3);
    ray(&lab, "n2", &["leave", "home", "--yes"]);
    let left = rules(&lab, "n2");
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left[1]["rule"].as_str().unwrap().starts_with("in allow tcp 80 from "), "{left:?}");
    // The next time it is asked again.
    let code = invite(&lab, "n1", &[]);
    ray(&lab, "n2", &["join", &code]);
    assert_eq!(ray(&lab, "n2", &["firewall", "auto-accept", "home"])["networks"][0]["auto_accept"], false);
    assert_eq!(rules(&lab, "n2").len(), 2);
}

#[test]
fn two_hosts_that_share_two_networks_keep_a_connection_in_one() {
    let lab = network(2);
    ray(&lab, "n1", &["create", "work"]);
    let code = invite(&lab, "n1", &["work"]);
    ray(&lab, "n2", &["join", &code]);
    let n2 = address(&lab, "n1", "n2", "v4");
    let _page = serve(&lab, "n2", &n2);
    // What begins goes through the first by name.
    ray(&lab, "n2", &["firewall", "add", "in", "allow", "tcp", "8000", "on", "work"]);
    assert!(!connects(&lab, "n1", &n2));
    ray(&lab, "n2", &["firewall", "add", "in", "allow", "tcp", "8000", "on", "home"]);
    assert!(connects(&lab, "n1", &n2));
    ray(&lab, "n2", &["leave", "home", "--yes"]);
    until(PATIENCE, "the other network carries it", || connects(&lab, "n1", &n2));
}

#[test]
fn what_cannot_be_a_rule_changes_nothing() {
    let lab = network(2);
    for (words, code) in [
        ("in allow tcp 22 from nobody", 6),
        ("in allow tcp 22 from n2", 2),
        ("in allow tcp 0", 2),
        ("in allow icmp 22", 2),
        ("in permit tcp 22", 2),
        ("in allow tcp 22 on nowhere", 6),
        ("in allow tcp 22 from group:admins", 2),
        ("in allow tcp 22 until 2020-01-01T00:00:00Z", 2),
    ] {
        let rule: Vec<&str> = words.split(' ').collect();
        refused(&lab, "n2", &[&["firewall", "add"][..], &rule].concat(), code);
    }
    refused(&lab, "n2", &["firewall", "remove", "2"], 6);
    refused(&lab, "n2", &["firewall", "remove", "in", "allow", "tcp", "22"], 6);
    refused(&lab, "n2", &["firewall", "accept", "abcdef"], 6);
    refused(&lab, "n1", &["firewall", "withdraw", "abcdef"], 6);
    assert_eq!(rules(&lab, "n2").len(), 1);
    ray(&lab, "n2", &["firewall", "remove", "1"]);
    assert!(rules(&lab, "n2").is_empty());
    assert!(!pings(&lab, "n1", &address(&lab, "n1", "n2", "v4")), "without any rule nothing comes in");
}

/// Serves a page until it is dropped.
fn serve(lab: &Lab, node: &str, address: &str) -> Exec {
    let page = lab.spawn(node, None, &["ray-lab", "tool", "http-serve", &format!("{address}:{PORT}")]).unwrap();
    until(PATIENCE, "the page is served", || {
        lab.exec(node, &["sh", "-c", "grep -q ':1F40 ' /proc/net/tcp"]).unwrap().code() == 0
    });
    page
}

/// Whether a TCP connection to the page comes about.
fn connects(lab: &Lab, from: &str, to: &str) -> bool {
    let knock = format!("exec 3<>/dev/tcp/{to}/{PORT}");
    lab.exec(from, &["timeout", IN_VAIN_S, "bash", "-c", &knock]).unwrap().code() == 0
}

fn rules(lab: &Lab, node: &str) -> Vec<Value> {
    ray(lab, node, &["firewall", "show"])["rules"].as_array().cloned().unwrap_or_default()
}
