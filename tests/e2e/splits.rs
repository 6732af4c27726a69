//! Networks that fall apart and meet again.

use crate::support::{
    Lab, PATIENCE, agree, hosts, invite, known, names, network_in, phantom, ray, roster, told, until,
};

#[test]
fn halves_that_both_admit_remove_and_rename_are_one_network_again_when_they_meet() {
    let lab = network_in(hosts(6), 4);
    ray(&lab, "n1", &["admin", "add", "n3", "home"]);
    for (number, name) in [(1, "left-over"), (2, "right-over"), (3, "both-over")] {
        ray(&lab, "n1", &["accept", &phantom(number), "home", "--hostname", name]);
    }
    // n6 knows n3 from elsewhere: in the half without the infra nobody finds anybody else.
    ray(&lab, "n3", &["create", "other"]);
    let code = invite(&lab, "n3", &["other"]);
    ray(&lab, "n6", &["join", &code]);
    assert_eq!(agree(&lab, &["n1", "n2", "n3", "n4"], "home").len(), 7);
    direct(&lab, "n6", "other", "n3");
    direct(&lab, "n4", "home", "n3");

    lab.split(&["n3", "n4", "n6"]).unwrap();
    for (node, gone) in [("n1", ["n3", "n4"]), ("n2", ["n3", "n4"]), ("n3", ["n1", "n2"]), ("n4", ["n1", "n2"])] {
        for host in gone {
            until(PATIENCE, &format!("{node} sees {host} no more"), || state(&lab, node, "home", host) != "online");
        }
    }
    for (node, joiner, own, theirs, over) in
        [("n1", "n5", "n2", "left", "left-over"), ("n3", "n6", "n4", "right", "right-over")]
    {
        let code = invite(&lab, node, &["home"]);
        ray(&lab, joiner, &["join", &code, "--hostname", "box"]);
        ray(&lab, node, &["kick", over, "home", "--yes"]);
        ray(&lab, node, &["kick", "both-over", "home", "--yes"]);
        ray(&lab, node, &["hostname", theirs, "--member", own, "--network", "home"]);
    }
    assert_eq!(names(&agree(&lab, &["n1", "n2", "n5"], "home")), ["box", "left", "n1", "n3", "n4", "right-over"]);
    assert_eq!(names(&agree(&lab, &["n3", "n4", "n6"], "home")), ["box", "left-over", "n1", "n2", "n3", "right"]);

    lab.heal().unwrap();
    let all = ["n1", "n2", "n3", "n4", "n5", "n6"];
    until(PATIENCE, "the halves hear of each other", || roster(&lab, "n2", "home") == roster(&lab, "n4", "home"));
    let healed = agree(&lab, &all, "home");
    assert_eq!(names(&healed), ["box", "box-2", "left", "n1", "n3", "right"]);
    assert_eq!(known(&lab, "n6", "other")["members"].as_array().map(Vec::len), Some(2));
}

#[test]
fn of_two_coordinators_who_dismiss_each_other_in_a_split_the_senior_one_stands() {
    let lab = network_in(hosts(4), 4);
    // n3 is the senior of the two, whatever the order of their names and ids.
    for host in ["n3", "n2"] {
        ray(&lab, "n1", &["admin", "add", host, "home"]);
    }
    agree(&lab, &["n1", "n2", "n3", "n4"], "home");
    until(PATIENCE, "all know all coordinators", || {
        ["n2", "n3", "n4"].iter().all(|node| coordinators(&lab, node) == ["n1", "n3", "n2"])
    });

    lab.split(&["n3", "n4"]).unwrap();
    until(PATIENCE, "n2 sees n3 no more", || state(&lab, "n2", "home", "n3") != "online");
    until(PATIENCE, "n3 sees n2 no more", || state(&lab, "n3", "home", "n2") != "online");
    ray(&lab, "n2", &["admin", "remove", "n3", "home"]);
    ray(&lab, "n3", &["admin", "remove", "n2", "home"]);
    until(PATIENCE, "each half has one of them", || {
        coordinators(&lab, "n1") == ["n1", "n2"] && coordinators(&lab, "n4") == ["n1", "n3"]
    });

    lab.heal().unwrap();
    for node in ["n1", "n2", "n3", "n4"] {
        until(PATIENCE, &format!("{node} knows who stands"), || coordinators(&lab, node) == ["n1", "n3"]);
    }
    agree(&lab, &["n1", "n2", "n3", "n4"], "home");
    let revocations = told(&lab, "n4", "home", "revoke");
    let of = |author: &str| {
        revocations.iter().find(|entry| entry["author"] == author).unwrap_or_else(|| panic!("{revocations:?}"))
    };
    assert_eq!(of("n3")["effect"], "counted");
    assert_eq!(of("n2")["effect"], "none", "{revocations:?}");
    assert!(of("n2")["reason"].is_string());
}

fn coordinators(lab: &Lab, node: &str) -> Vec<String> {
    let reply = ray(lab, node, &["admin", "list", "home"]);
    let listed = reply["coordinators"].as_array().cloned().unwrap_or_default();
    listed.iter().map(|coordinator| coordinator["hostname"].as_str().unwrap_or_default().to_owned()).collect()
}

fn state(lab: &Lab, node: &str, network: &str, host: &str) -> String {
    seen(lab, node, network, host)["state"].as_str().unwrap_or_default().to_owned()
}

fn direct(lab: &Lab, node: &str, network: &str, host: &str) {
    until(PATIENCE, &format!("{node} reaches {host} directly"), || seen(lab, node, network, host)["path"] == "direct");
}

fn seen(lab: &Lab, node: &str, network: &str, host: &str) -> serde_json::Value {
    let members = known(lab, node, network)["members"].as_array().cloned().unwrap_or_default();
    members.into_iter().find(|member| member["hostname"] == host).unwrap_or_default()
}
