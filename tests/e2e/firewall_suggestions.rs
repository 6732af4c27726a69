//! What coordinators suggest, what hosts make of it, and groups.

use ray_tests::lab::Lab;
use serde_json::Value;

use crate::{
    firewall_reach::{Held, answers, firewall, serve},
    support::{PATIENCE, address, hosts, invite, network, ray, refused, until},
};

const PORT: u16 = 7001;

#[test]
fn a_suggestion_counts_once_it_is_accepted_and_no_longer_when_it_is_withdrawn() {
    let lab = network(3);
    let _server = serve(&lab, "n2", &[PORT]);
    let cell = format!("tcp/{}:{PORT}", address(&lab, "n3", "n2", "v4"));
    refused(&lab, "n2", &["firewall", "suggest", "all", "in", "allow", "any"], 7);

    let id = suggest(&lab, &["all", "in", "allow", "tcp", "7001", "from", "n3"]);
    let heard = one_pending(&lab, "n2");
    assert_eq!((&heard["id"], &heard["author"], &heard["scope"]), (&id.as_str().into(), &"n1".into(), &"all".into()));
    assert_eq!(heard["rule"], "in allow tcp 7001 from n3 on home");
    assert_eq!(rules(&lab, "n2"), ["in allow icmp"]);
    assert!(!answers(&lab, "n3", &cell), "nobody accepted it");

    // A rule of one's own is neither replaced nor overridden.
    firewall(&lab, "n2", &["add", "in", "deny", "tcp", "7001"]);
    firewall(&lab, "n2", &["accept", &id[..12]]);
    assert_eq!(rules(&lab, "n2"), ["in allow icmp", "in deny tcp 7001", "in allow tcp 7001 from n3 on home"]);
    assert!(!answers(&lab, "n3", &cell), "a suggestion overrides a deny of this host's own");
    firewall(&lab, "n2", &["remove", "in", "deny", "tcp", "7001"]);
    let shown = firewall(&lab, "n2", &["show"]);
    let origin = &shown["rules"][1]["suggestion"];
    assert_eq!(
        (&origin["author"], &origin["network"], &origin["id"]),
        (&"n1".into(), &"home".into(), &id.as_str().into())
    );

    firewall(&lab, "n2", &["reject", "on"]);
    let held = Held::open(&lab, "n3", &format!("{}:{PORT}", address(&lab, "n3", "n2", "v4")));
    firewall(&lab, "n1", &["withdraw", &id]);
    until(PATIENCE, "the rule goes", || rules(&lab, "n2") == ["in allow icmp"]);
    assert!(["ECONNRESET", "ECONNREFUSED"].contains(&held.error().as_str()));
    assert_eq!(firewall(&lab, "n2", &["pending"])["suggestions"].as_array().unwrap().len(), 0);
}

#[test]
fn a_suggestion_reaches_those_in_its_scope_and_may_be_turned_down() {
    let lab = network(3);
    ray(&lab, "n1", &["group", "add", "servers", "n2"]);
    suggest(&lab, &["n2", "in", "allow", "udp", "1"]);
    suggest(&lab, &["group:servers", "in", "allow", "udp", "2"]);
    suggest(&lab, &["all", "in", "allow", "udp", "3"]);
    until(PATIENCE, "n2 hears of all", || pending(&lab, "n2").len() == 3);
    until(PATIENCE, "n3 hears of one", || pending(&lab, "n3").len() == 1);
    assert_eq!(firewall(&lab, "n3", &["show"])["pending"], 1);

    firewall(&lab, "n2", &["deny", "--all"]);
    assert_eq!((pending(&lab, "n2").len(), rules(&lab, "n2").len()), (0, 1));
    // One changes one's mind; the others stay turned down.
    let denied = firewall(&lab, "n2", &["pending"])["suggestions"].clone();
    let first = denied.as_array().unwrap().iter().find(|one| one["rule"] == "in allow udp 1 on home").unwrap();
    assert_eq!(first["state"], "denied");
    firewall(&lab, "n2", &["accept", first["id"].as_str().unwrap()]);
    assert_eq!(rules(&lab, "n2"), ["in allow icmp", "in allow udp 1 on home"]);

    // Out of the group, out of its scope.
    ray(&lab, "n1", &["group", "remove", "servers", "n2"]);
    until(PATIENCE, "n2 is out of the scope", || {
        firewall(&lab, "n2", &["pending"])["suggestions"].as_array().unwrap().len() == 2
    });
}

#[test]
fn a_host_that_trusts_its_coordinators_accepts_by_itself() {
    let lab = hosts(3);
    ray(&lab, "n1", &["create", "home"]);
    let code = invite(&lab, "n1", &["--uses", "2"]);
    ray(&lab, "n2", &["join", &code, "--auto-accept-firewall"]);
    ray(&lab, "n3", &["join", &code]);
    let id = suggest(&lab, &["all", "in", "allow", "udp", "53"]);
    let accepted = ["in allow icmp", "in allow udp 53 on home"];
    until(PATIENCE, "n2 accepts by itself", || rules(&lab, "n2") == accepted);
    until(PATIENCE, "n3 hears of it", || pending(&lab, "n3").len() == 1);
    assert_eq!(rules(&lab, "n3").len(), 1);

    // What waits is accepted too.
    assert_eq!(firewall(&lab, "n3", &["auto-accept", "home", "on"])["networks"][0]["auto_accept"], true);
    assert_eq!(rules(&lab, "n3"), accepted);
    firewall(&lab, "n2", &["auto-accept", "home", "off"]);
    suggest(&lab, &["all", "in", "allow", "udp", "54"]);
    until(PATIENCE, "n3 has both", || rules(&lab, "n3").len() == 3);
    until(PATIENCE, "n2 is asked again", || pending(&lab, "n2").len() == 1);
    firewall(&lab, "n1", &["withdraw", &id]);
    until(PATIENCE, "the first is gone", || rules(&lab, "n2").len() == 1 && rules(&lab, "n3").len() == 2);
}

#[test]
fn who_enters_or_leaves_a_group_gains_or_loses_at_once_what_its_rules_give() {
    let lab = network(3);
    let _server = serve(&lab, "n2", &[PORT]);
    let target = format!("{}:{PORT}", address(&lab, "n3", "n2", "v4"));
    firewall(&lab, "n2", &["reject", "on"]);
    let rule = ["firewall", "add", "in", "allow", "tcp", "7001", "from", "group:admins", "on", "home"];
    refused(&lab, "n2", &rule, 6);
    ray(&lab, "n1", &["group", "add", "admins", "n1"]);
    until(PATIENCE, "n2 knows the group", || !ray(&lab, "n2", &["group", "list"])["groups"][0].is_null());
    ray(&lab, "n2", &rule);
    assert!(answers(&lab, "n1", &format!("tcp/{target}")));
    assert!(!answers(&lab, "n3", &format!("tcp/{target}")));

    ray(&lab, "n1", &["group", "add", "admins", "n3"]);
    until(PATIENCE, "n3 gets in", || answers(&lab, "n3", &format!("tcp/{target}")));
    let (out, still_in) = (Held::open(&lab, "n3", &target), Held::open(&lab, "n1", &target));
    ray(&lab, "n1", &["group", "remove", "admins", "n3"]);
    assert!(["ECONNRESET", "ECONNREFUSED"].contains(&out.error().as_str()));
    still_in.assert_lives();
    assert_eq!(ray(&lab, "n2", &["group", "list"])["groups"][0]["members"], serde_json::json!(["n1"]));
    refused(&lab, "n3", &["group", "add", "admins", "n3"], 7);
}

/// As the coordinator; the suggestion's id.
fn suggest(lab: &Lab, words: &[&str]) -> String {
    let reply = firewall(lab, "n1", &[&["suggest"], words].concat());
    reply["suggestion"]["id"].as_str().unwrap_or_else(|| panic!("{reply}")).to_owned()
}

fn pending(lab: &Lab, node: &str) -> Vec<Value> {
    let reply = firewall(lab, node, &["pending"]);
    let all = reply["suggestions"].as_array().cloned().unwrap_or_default();
    all.into_iter().filter(|suggestion| suggestion["state"] == "pending").collect()
}

fn one_pending(lab: &Lab, node: &str) -> Value {
    until(PATIENCE, &format!("{node} hears of the suggestion"), || pending(lab, node).len() == 1);
    pending(lab, node).remove(0)
}

/// The rules in force, as they are shown.
fn rules(lab: &Lab, node: &str) -> Vec<String> {
    let shown = firewall(lab, node, &["show"]);
    let rules = shown["rules"].as_array().unwrap_or_else(|| panic!("{shown}"));
    rules.iter().map(|rule| rule["rule"].as_str().unwrap().to_owned()).collect()
}
