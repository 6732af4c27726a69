//! The firewall on whole hosts: who reaches what, at once, and who decides.

use std::time::Duration;

use ray_tests::lab::{Exec, Lab, Process};
use serde_json::Value;

use crate::support::{
    PATIENCE, address, all_online, hosts, invite, network, open, pings, ray, refused, status, tool, try_ray, until,
};

const PORT: u16 = 8000;
/// A connection that is let through is there in a few milliseconds; one that is not waits for seconds.
const IN_VAIN_S: &str = "2";

#[test]
fn a_fresh_host_answers_pings_and_lets_nobody_in_until_a_rule_names_somebody() {
    let lab = network(3);
    let n2 = address(&lab, "n1", "n2", "v4");
    let _page = serve(&lab, "n2", &n2);
    for from in ["n1", "n3"] {
        until(PATIENCE, "pings are answered", || pings(&lab, from, &n2));
        assert!(!connects(&lab, from, &n2), "{from}");
    }
    assert!(drops(&lab, "n2", "firewall_default_in") > 0, "{}", status(&lab, "n2")["drops"]);

    let added = ray(&lab, "n2", &["firewall", "add", "in", "allow", "tcp", "8000", "from", "n1"]);
    assert_eq!(added["changed"], true, "{added}");
    assert!(connects(&lab, "n1", &n2) && !connects(&lab, "n3", &n2));
    let tested = ray(&lab, "n2", &["firewall", "test", "n3", "tcp", "8000"]);
    assert_eq!((&tested["allow"], &tested["rule"]), (&false.into(), &Value::Null), "{tested}");
    assert_eq!(ray(&lab, "n2", &["firewall", "test", "n1", "tcp", "8000"])["rule"]["number"], 2);
    // A rule holds the key: whoever takes the name gains nothing.
    ray(&lab, "n1", &["hostname", "alice"]);
    ray(&lab, "n3", &["hostname", "n1"]);
    until(PATIENCE, "the rule is shown with the new name", || {
        rules(&lab, "n2").iter().any(|rule| rule["rule"] == "in allow tcp 8000 from alice")
    });
    assert!(connects(&lab, "n1", &n2) && !connects(&lab, "n3", &n2));
}

#[test]
fn rules_outlive_the_engine_and_what_is_damaged_lets_nothing_pass() {
    let lab = network(2);
    let n2 = address(&lab, "n1", "n2", "v4");
    let _page = serve(&lab, "n2", &n2);
    open(&lab, "n2", PORT);
    restart(&lab, "n2", "true");
    assert!(connects(&lab, "n1", &n2));

    restart(&lab, "n2", "sed -i 's/8000/8001/' /var/lib/rayfish/firewall");
    assert!(!connects(&lab, "n1", &n2) && !pings(&lab, "n1", &n2));
    let shown = ray(&lab, "n2", &["firewall", "show"]);
    assert_eq!((&shown["default_in"], &shown["default_out"]), (&"deny".into(), &"deny".into()), "{shown}");
    assert_eq!(shown["rules"], Value::Array(vec![]));
    let warned = |lab: &Lab| status(lab, "n2")["warnings"].to_string().contains("firewall.damaged");
    assert!(warned(&lab));
    let kept = lab.exec("n2", &["grep", "-c", "8001", "/var/lib/rayfish/firewall.damaged"]).unwrap();
    assert_eq!(kept.code(), 0, "the damaged file is gone");
    restart(&lab, "n2", "true");
    assert!(warned(&lab) && !pings(&lab, "n1", &n2), "the next start takes it for a fresh installation");
    ray(&lab, "n2", &["firewall", "default", "out", "allow"]);
    ray(&lab, "n2", &["firewall", "add", "in", "allow", "icmp"]);
    assert!(!warned(&lab) && pings(&lab, "n1", &n2));
}

#[test]
fn suggestions_count_where_they_are_accepted_and_for_as_long_as_they_stand() {
    let lab = hosts(3);
    ray(&lab, "n1", &["create", "home"]);
    let code = invite(&lab, "n1", &["--uses", "2"]);
    ray(&lab, "n2", &["join", &code]);
    ray(&lab, "n3", &["join", &code, "--auto-accept-firewall"]);
    all_online(&lab, 3);
    ray(&lab, "n1", &["group", "add", "servers", "n2"]);
    ray(&lab, "n1", &["group", "add", "servers", "n3"]);
    refused(&lab, "n2", &["firewall", "suggest", "all", "in", "allow", "tcp", "8000"], 7);
    let suggest = ["firewall", "suggest", "group:servers", "in", "allow", "tcp", "8000", "from", "n1"];
    let suggested = ray(&lab, "n1", &suggest);
    let id = suggested["suggestion"]["id"].as_str().unwrap();

    until(PATIENCE, "n3 accepts by itself", || rules(&lab, "n3").len() == 2);
    assert_eq!(rules(&lab, "n3")[1]["suggestion"]["author"], "n1");
    until(PATIENCE, "n2 is asked", || ray(&lab, "n2", &["firewall", "show"])["pending"] == 1);
    assert_eq!(rules(&lab, "n2").len(), 1, "nobody has accepted it");
    ray(&lab, "n2", &["firewall", "accept", &id[..8]]);
    let (n2, n3) = (address(&lab, "n1", "n2", "v4"), address(&lab, "n1", "n3", "v4"));
    let (_page2, _page3) = (serve(&lab, "n2", &n2), serve(&lab, "n3", &n3));
    assert!(connects(&lab, "n1", &n2) && connects(&lab, "n1", &n3));

    // A deny of the host's own wins, however wide.
    ray(&lab, "n2", &["firewall", "add", "in", "deny", "tcp", "8000"]);
    assert!(!connects(&lab, "n1", &n2));
    ray(&lab, "n2", &["firewall", "remove", "in", "deny", "tcp", "8000"]);
    assert!(connects(&lab, "n1", &n2));

    // Out of the group, out of scope, and in again.
    ray(&lab, "n1", &["group", "remove", "servers", "n2"]);
    until(PATIENCE, "the rule goes", || rules(&lab, "n2").len() == 1);
    assert!(!connects(&lab, "n1", &n2));
    ray(&lab, "n1", &["group", "add", "servers", "n2"]);
    until(PATIENCE, "the rule comes back", || rules(&lab, "n2").len() == 2);
    restart(&lab, "n2", "true");
    assert_eq!(rules(&lab, "n2").len(), 2, "a decision is remembered");

    ray(&lab, "n1", &["firewall", "withdraw", &id[..8]]);
    for node in ["n2", "n3"] {
        until(PATIENCE, "the rule goes with its suggestion", || rules(&lab, node).len() == 1);
    }
    assert!(!connects(&lab, "n1", &n3));
}

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
fn dropped_flows_are_told_to_users_without_what_they_carry() {
    let lab = network(2);
    let n2 = address(&lab, "n1", "n2", "v4");
    // Followers that are gone hold no place.
    let many = "for i in $(seq 30); do (timeout -s KILL 3 ray firewall log; [ $? = 7 ] && echo full) & done; wait";
    let followed = lab.exec_within(PATIENCE, "n2", &["sh", "-c", many]).unwrap();
    assert!(followed.stdout.contains("full"), "{}{}", followed.stdout, followed.stderr);
    let follow = lab.spawn("n2", None, &["ray", "--json", "firewall", "log", "--limit", "1"]).unwrap();
    let mut sent = 0;
    let mut follow = Some(follow);
    let told = loop {
        assert_eq!(tool(&lab, "n1", &["udp-send", &format!("{n2}:53")]).code(), 0);
        sent += 1;
        assert!(sent < 100, "nothing is told");
        let mut running = follow.take().unwrap();
        if running.wait(Duration::from_millis(200)).is_ok() {
            break running.output(PATIENCE).unwrap();
        }
        follow = Some(running);
    };
    let flow: Value = serde_json::from_str(told.stdout.lines().next().unwrap()).unwrap();
    assert_eq!((&flow["peer"], &flow["network"]), (&"n1".into(), &"home".into()), "{flow}");
    assert_eq!((&flow["dst_port"], &flow["reason"]), (&53.into(), &"firewall_default_in".into()), "{flow}");

    for args in [&["firewall", "log"][..], &["firewall", "add", "in", "allow", "any"], &["firewall", "off", "--yes"]] {
        let argv: Vec<&str> = ["ray", "--json"].iter().chain(args).copied().collect();
        assert_eq!(lab.exec_as("n2", "alice", &argv).unwrap().code(), 4, "{args:?}");
    }
    for args in [&["firewall", "show"][..], &["firewall", "test", "n1", "icmp"], &["firewall", "pending"]] {
        let argv: Vec<&str> = ["ray", "--json"].iter().chain(args).copied().collect();
        assert_eq!(lab.exec_as("n2", "alice", &argv).unwrap().code(), 0, "{args:?}");
    }
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

fn drops(lab: &Lab, node: &str, reason: &str) -> u64 {
    status(lab, node)["drops"][reason].as_u64().unwrap_or_default()
}

/// Kills the engine, does something to its files, and waits until the node is linked again.
fn restart(lab: &Lab, node: &str, meanwhile: &str) {
    lab.stop_process(node, Some(Process::Engine)).unwrap();
    assert_eq!(lab.exec(node, &["sh", "-c", meanwhile]).unwrap().code(), 0, "{meanwhile}");
    lab.start_process(node, Some(Process::Engine)).unwrap();
    let members = try_ray(lab, node, &["status"]).json().unwrap()["networks"][0]["members"].as_array().unwrap().len();
    all_online(lab, u32::try_from(members).unwrap());
}
