//! Names of members as each host answers for them: that a change shows at once, short names that two networks have, and
//! aliases.

use std::{
    thread,
    time::{Duration, Instant},
};

use ray_tests::lab::{Process, Signal};
use serde_json::{Value, json};

use crate::{
    crash::runs,
    support::{Lab, PATIENCE, address, crash, hosts, id, invite, network, ray, refused, state_file, tool, until},
};

/// How long a change may take from host to host.
const AT_ONCE: Duration = Duration::from_secs(1);

#[test]
fn a_join_a_rename_and_a_leave_show_within_a_second_on_every_member() {
    let lab = network(3);
    let nodes = ["n1", "n2", "n3"];
    // Over the quiet of a settled network; the way there is not measured.
    for (number, newname) in ["nas", "printer", "attic"].into_iter().enumerate() {
        let theirs = address(&lab, "n1", if number == 0 { "n2" } else { ["nas", "printer"][number - 1] }, "v4");
        ray(&lab, "n2", &["hostname", newname]);
        shows(&lab, &nodes, &format!("{newname}.home.ray"), &theirs);
        if number > 0 {
            let before = format!("{}.home.ray", ["nas", "printer"][number - 1]);
            shows(&lab, &nodes, &before, "");
        }
    }
    let theirs = address(&lab, "n1", "n3", "v4");
    ray(&lab, "n3", &["leave", "home", "--yes"]);
    shows(&lab, &nodes[..2], "n3.home.ray", "");
    let code = invite(&lab, "n1", &[]);
    ray(&lab, "n3", &["join", &code, "--hostname", "garage"]);
    shows(&lab, &nodes, "garage.home.ray", &theirs);
}

#[test]
fn a_short_name_that_two_networks_have_is_answered_the_same_everywhere_and_told_to_be_ambiguous() {
    let lab = hosts(2);
    for (founder, joiner, name) in [("n1", "n2", "work"), ("n2", "n1", "home")] {
        ray(&lab, founder, &["create", name, "--hostname", "nas"]);
        let code = invite(&lab, founder, &[name]);
        ray(&lab, joiner, &["join", &code]);
    }
    let home = |node: &str| query(&lab, node, "nas.home.ray")["records"].clone();
    for node in ["n1", "n2"] {
        until(PATIENCE, "the answer is there", || query(&lab, node, "nas")["answer"] == "found");
        let flat = query(&lab, node, "nas");
        assert_eq!((&flat["name"], &flat["target"]), (&json!("nas.ray"), &json!("nas.home.ray")), "{flat}");
        assert_eq!((&flat["others"], &flat["network"]), (&json!(["nas.work.ray"]), &json!("home")), "{flat}");
        assert_eq!(flat["records"], home(node));
        assert_eq!(query(&lab, node, "nas.work.ray")["others"], json!([]));
    }
    assert_eq!(home("n1"), home("n2"));
}

#[test]
fn a_query_says_what_a_program_would_be_told() {
    let lab = network(2);
    let (v4, v6) = (address(&lab, "n1", "n2", "v4"), address(&lab, "n1", "n2", "v6"));
    let both = json!([{"type": "A", "data": v4}, {"type": "AAAA", "data": v6}]);
    assert_eq!(query(&lab, "n1", "N2.home.ray.")["records"], both);
    assert_eq!(resolved(&lab, "n1", "n2.home.ray"), v4);
    let back = query(&lab, "n1", &v4);
    assert_eq!(back["records"], json!([{"type": "PTR", "data": "n2.home.ray"}]), "{back}");
    for (name, answer) in [("n3.home.ray", "missing"), ("home.ray", "no-data"), ("example.org", "refused")] {
        let told = query(&lab, "n1", name);
        // Where the host's settings send everything here, other names are passed on.
        let is_so = told["answer"] == answer || (answer == "refused" && told["answer"] == "forwarded");
        assert!(is_so, "{told}");
    }
    refused(&lab, "n1", &["dns", "query", &"a".repeat(64)], 2);
}

#[test]
fn an_alias_is_answered_on_this_host_alone_and_outlives_a_restart() {
    let lab = network(2);
    let theirs = address(&lab, "n1", "n2", "v4");
    let added = ray(&lab, "n1", &["alias", "add", "db", "n2"]);
    assert_eq!((&added["alias"]["name"], &added["alias"]["target"]), (&json!("db.ray"), &json!("n2.home.ray")));
    assert_eq!(ray(&lab, "n1", &["alias", "add", "db", "n2.home"])["changed"], false);
    assert_eq!(resolved(&lab, "n1", "db.ray"), theirs);
    let found = query(&lab, "n1", "db");
    assert_eq!((&found["alias"], &found["target"]), (&json!(true), &json!("n2.home.ray")), "{found}");

    crash(&lab, "n1");
    until(PATIENCE, "n1 is back", || runs(&lab, "n1") && resolved(&lab, "n1", "db.ray") == theirs);
    assert_eq!(ray(&lab, "n1", &["alias", "list"])["aliases"][0]["target"], "n2.home.ray");

    // Neither to the other host's resolver, nor in what the network remembers.
    assert_eq!(resolved(&lab, "n2", "db.ray"), "");
    assert_eq!(ray(&lab, "n2", &["alias", "list"])["aliases"], json!([]));
    for node in ["n1", "n2"] {
        let log = ray(&lab, node, &["log", "--limit", "0"]).to_string();
        assert!(!log.contains("\"db"), "{node}: {log}");
    }
    ray(&lab, "n1", &["alias", "remove", "db"]);
    assert_eq!(resolved(&lab, "n1", "db.ray"), "");
    refused(&lab, "n1", &["alias", "remove", "db"], 6);
}

#[test]
fn an_alias_stays_with_its_member_and_nobody_else_gets_it() {
    let lab = network(3);
    let theirs = address(&lab, "n1", "n2", "v4");
    ray(&lab, "n1", &["alias", "add", "db", "n2"]);
    ray(&lab, "n2", &["hostname", "attic"]);
    // Who takes the name that the alias was given by does not take the alias.
    ray(&lab, "n3", &["hostname", "n2"]);
    until(PATIENCE, "both renames are known", || {
        query(&lab, "n1", "attic.home.ray")["answer"] == "found"
            && query(&lab, "n1", "n3.home.ray")["answer"] == "missing"
    });
    assert_eq!(resolved(&lab, "n1", "db.ray"), theirs);
    assert_eq!(ray(&lab, "n1", &["alias", "list"])["aliases"][0]["target"], "attic.home.ray");
    // This host's own word goes before a member of that name.
    let added = ray(&lab, "n1", &["alias", "add", "n2", "attic"]);
    assert_eq!(added["hides"], "n2.home.ray", "{added}");
    assert_eq!(resolved(&lab, "n1", "n2.ray"), theirs);
    assert_ne!(resolved(&lab, "n1", "n2.home.ray"), theirs, "a full name is nobody's to take");

    let before = id(&lab, "n2");
    ray(&lab, "n1", &["kick", "attic", "--yes"]);
    until(PATIENCE, "the alias means nobody", || resolved(&lab, "n1", "db.ray").is_empty());
    assert_eq!(ray(&lab, "n1", &["alias", "list"])["aliases"][0]["target"], before.as_str());
}

#[test]
fn what_cannot_be_an_alias_is_refused_and_a_damaged_file_is_told() {
    let lab = network(2);
    for (name, code) in [("a.b", 2), ("localhost", 2), ("wpad", 2), ("ray", 2), ("", 2), ("home", 7)] {
        refused(&lab, "n1", &["alias", "add", name, "n2"], code);
    }
    refused(&lab, "n1", &["alias", "add", "db", "nobody"], 6);
    assert_eq!(state_file(&lab, "n1", "aliases"), b"");

    ray(&lab, "n1", &["alias", "add", "db", "n2"]);
    lab.kill("n1", Process::Engine, Signal::SIGKILL).unwrap();
    assert_eq!(lab.exec("n1", &["sh", "-c", "echo db >> /var/lib/rayfish/aliases"]).unwrap().code(), 0);
    lab.start_process("n1", Some(Process::Engine)).unwrap();
    until(PATIENCE, "n1 is back", || runs(&lab, "n1"));
    let warned = ray(&lab, "n1", &["status"])["warnings"].to_string();
    assert!(warned.contains("no alias counts"), "{warned}");
    ray(&lab, "n1", &["alias", "add", "db", "n2"]);
    assert!(!ray(&lab, "n1", &["status"])["warnings"].to_string().contains("alias"));
}

#[test]
fn a_user_without_rights_sees_how_names_stand_and_changes_nothing() {
    let lab = network(1);
    let as_alice = |words: &[&str]| {
        let argv: Vec<&str> = ["ray", "--json"].iter().chain(words).copied().collect();
        lab.exec_as("n1", "alice", &argv).unwrap().json().unwrap()
    };
    for looks in [&["dns", "status"][..], &["dns", "query", "n1"], &["alias", "list"], &["config", "get", "dns"]] {
        assert_eq!(as_alice(looks)["ok"], true, "{looks:?}");
    }
    for changes in [
        &["config", "set", "dns", "off"][..],
        &["config", "set", "search", "on"],
        &["config", "unset", "dns"],
        &["alias", "add", "db", "n1"],
        &["alias", "remove", "db"],
    ] {
        assert_eq!(as_alice(changes)["code"], "not_permitted", "{changes:?}");
    }
    assert_eq!(ray(&lab, "n1", &["config", "get", "dns"])["setting"]["from"], "default");
}

fn query(lab: &Lab, node: &str, name: &str) -> Value {
    ray(lab, node, &["dns", "query", name])
}

/// The IPv4 address that the node's resolver has for a name; nothing where it has none.
fn resolved(lab: &Lab, node: &str, name: &str) -> String {
    tool(lab, node, &["resolve", name, "A", "--dns", "100.100.100.53"]).stdout.trim().to_owned()
}

/// Within a second each of these nodes answers so.
fn shows(lab: &Lab, nodes: &[&str], name: &str, address: &str) {
    let began = Instant::now();
    thread::scope(|scope| {
        for node in nodes {
            scope.spawn(move || {
                until(PATIENCE, &format!("{node} answers {address:?} for {name}"), || {
                    resolved(lab, node, name) == address
                });
                let took = began.elapsed();
                assert!(took <= AT_ONCE, "{node} answers {address:?} for {name} after {took:?}");
            });
        }
    });
}
