//! What coordinators decide and everybody follows: ends, successors, names, invites, idle members, and the log that tells.

use crate::support::{
    PATIENCE, agree, crash, hosts, id, invite, known, names, network, network_in, ray, refused, roster, told, tool,
    until,
};

#[test]
fn a_network_that_is_ended_is_ended_for_all() {
    let lab = network(3);
    assert_eq!(refused(&lab, "n2", &["nuke", "home", "--yes"], 7)["code"], "refused");
    assert_eq!(ray(&lab, "n1", &["nuke", "home", "--yes"])["told"], 2);
    until(PATIENCE, "n2 knows", || known(&lab, "n2", "home")["standing"]["state"] == "ended");
    crash(&lab, "n2");
    for node in ["n1", "n2", "n3"] {
        until(PATIENCE, &format!("{node} knows"), || known(&lab, node, "home")["standing"]["state"] == "ended");
        assert_eq!(known(&lab, node, "home")["standing"]["ended_by"], "n1");
        ray(&lab, node, &["leave", "home", "--yes"]);
        assert_eq!(roster(&lab, node, "home"), []);
    }
    ray(&lab, "n2", &["create", "home"]);
}

#[test]
fn the_last_coordinator_goes_only_when_somebody_follows() {
    let lab = network(3);
    assert_eq!(refused(&lab, "n1", &["leave", "home", "--yes"], 7)["code"], "refused");
    refused(&lab, "n1", &["admin", "remove", "n1", "home"], 7);
    refused(&lab, "n1", &["kick", "n1", "home", "--yes"], 7);
    refused(&lab, "n2", &["kick", "n1", "home", "--yes"], 7);
    refused(&lab, "n1", &["leave", "home", "--successor", "nobody", "--yes"], 6);
    ray(&lab, "n1", &["leave", "home", "--successor", "n3", "--yes"]);
    assert_eq!(roster(&lab, "n1", "home"), []);
    until(PATIENCE, "n2 and n3 see n1 gone", || {
        ["n2", "n3"].iter().all(|node| names(&roster(&lab, node, "home")) == ["n2", "n3"])
    });
    let left = agree(&lab, &["n2", "n3"], "home");
    assert_eq!(left.iter().filter(|(_, name, _, coordinates)| *coordinates && name == "n3").count(), 1);
    let granted_by = ray(&lab, "n3", &["admin", "list", "home"])["coordinators"][0]["granted_by"].clone();
    assert!(id(&lab, "n1").starts_with(granted_by.as_str().unwrap()), "{granted_by}");
    // The successor has what it takes.
    let code = invite(&lab, "n3", &["home"]);
    ray(&lab, "n1", &["join", &code]);
    assert_eq!(agree(&lab, &["n1", "n2", "n3"], "home").len(), 3);
    until(PATIENCE, "n3 publishes", || known(&lab, "n3", "home")["publication"]["publisher"] == true);
    refused(&lab, "n1", &["invite", "home"], 7);
}

#[test]
fn names_are_taken_once_bound_ones_stay_and_all_agree() {
    let lab = network_in(hosts(4), 3);
    let code = invite(&lab, "n1", &["home", "--hostname", "box"]);
    assert_eq!(ray(&lab, "n2", &["hostname", "box"])["hostname"], "box");
    assert_eq!(names(&agree(&lab, &["n1", "n2", "n3"], "home")), ["box", "n1", "n3"]);
    let error = refused(&lab, "n3", &["hostname", "box"], 7);
    assert!(error["message"].as_str().unwrap().contains("box"), "{error}");
    refused(&lab, "n3", &["hostname", "crate", "--member", "box"], 7);
    for name in ["Box", "a.b", "localhost", "\u{1b}[31m"] {
        refused(&lab, "n3", &["hostname", name], 2);
    }

    // What a coordinator or an invite gives is kept, and taken from whoever merely likes it.
    ray(&lab, "n1", &["hostname", "nas", "--member", "n3", "--network", "home"]);
    until(PATIENCE, "n3 knows", || known(&lab, "n3", "home")["hostname"] == "nas");
    refused(&lab, "n3", &["hostname", "free"], 7);
    refused(&lab, "n1", &["invite", "home", "--hostname", "box"], 7);
    assert_eq!(ray(&lab, "n4", &["join", &code, "--hostname", "other"])["hostname"], "box");
    let named = agree(&lab, &["n1", "n2", "n3", "n4"], "home");
    assert_eq!(names(&named), ["box", "box-2", "n1", "nas"]);
    assert_eq!(known(&lab, "n2", "home")["hostname"], "box-2", "who had it free gave way");
    crash(&lab, "n2");
    assert_eq!(known(&lab, "n2", "home")["hostname"], "box-2");
    let v4 = known(&lab, "n4", "home")["members"].as_array().unwrap().iter().find(|m| m["me"] == true).unwrap()["v4"]
        .clone();
    let resolved = tool(&lab, "n1", &["resolve", "box.home.ray", "A", "--dns", "100.100.100.53"]).stdout;
    assert_eq!(resolved.split_whitespace().last(), v4.as_str());

    // The log tells all of it: who did what, in words and for programs.
    let renames = told(&lab, "n3", "home", "rename");
    let texts: Vec<&str> = renames.iter().map(|entry| entry["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["n2 took the name box", "n1 renamed n3 to nas"]);
    let log = lab.exec("n4", &["ray", "log", "home"]).unwrap().stdout;
    for words in ["n1 founded the network home", "n2 took the name box", "n1 renamed n3 to nas", "let box in"] {
        assert!(log.contains(words), "{words:?} is not in\n{log}");
    }
}

#[test]
fn invites_are_listed_and_revoked_and_a_revoked_one_opens_no_door() {
    let lab = network_in(hosts(3), 2);
    let code = invite(&lab, "n1", &["home", "--uses", "3", "--hostname", "guest"]);
    let state = |node: &str| {
        let reply = ray(&lab, node, &["invite", "list", "home"]);
        let listed = reply["invites"].as_array().cloned().unwrap_or_default();
        let guest = listed.iter().find(|invite| invite["hostname"] == "guest").cloned();
        guest.map(|invite| (invite["state"].as_str().unwrap().to_owned(), invite["key"].as_str().unwrap().to_owned()))
    };
    until(PATIENCE, "n2 lists it", || state("n2").is_some_and(|(state, _)| state == "open"));
    let (_, key) = state("n1").unwrap();
    assert_eq!(refused(&lab, "n2", &["invite", "revoke", &key], 7)["code"], "refused");
    refused(&lab, "n1", &["invite", "revoke", "ffffffffffff"], 6);
    ray(&lab, "n1", &["invite", "revoke", &code]);
    until(PATIENCE, "n2 knows", || state("n2").is_some_and(|(state, _)| state == "revoked"));
    // Not even where no coordinator is there to say so.
    lab.node("n1").stop().unwrap();
    let error = refused(&lab, "n3", &["join", &code], 7);
    assert!(error["message"].as_str().unwrap().contains("revoked"), "{error}");
    assert_eq!(roster(&lab, "n2", "home").len(), 2);
}

#[test]
fn a_member_that_is_silent_for_too_long_is_removed_where_that_is_wanted() {
    let lab = network(3);
    assert_eq!(refused(&lab, "n1", &["ephemeral", "29s", "home"], 2)["code"], "usage");
    assert_eq!(refused(&lab, "n2", &["ephemeral", "30s", "home"], 7)["code"], "refused");
    ray(&lab, "n1", &["ephemeral", "30s", "home"]);
    until(PATIENCE, "n2 knows", || known(&lab, "n2", "home")["ephemeral_s"] == 30);
    lab.node("n3").stop().unwrap();
    until(PATIENCE * 2, "n3 is removed", || names(&roster(&lab, "n2", "home")) == ["n1", "n2"]);
    assert_eq!(agree(&lab, &["n1", "n2"], "home").len(), 2);
    let removals = told(&lab, "n2", "home", "remove");
    assert_eq!(removals.len(), 1, "{removals:?}");
    assert_eq!(removals[0]["text"], "n1 removed n3");
}
