//! Power cuts: the engine dies by SIGKILL at each point where it makes something durable.

use std::collections::BTreeSet;

use ray_engine::store::CRASH_POINTS;
use ray_tests::lab::Process;

use crate::support::{
    Lab, PATIENCE, agree, hosts, invite, known, names, network_in, phantom, ray, roster, state_file, status, tool,
    try_ray, until,
};

/// A deed on the way of which an engine dies.
struct Deed<'a> {
    /// Where, and at which passing.
    point: &'a str,
    /// Whose engine.
    dies: &'a str,
    /// Who asks for it, and in which words.
    asks: (&'a str, Vec<&'a str>),
    /// Whether it has been done, as everybody sees it.
    done: &'a dyn Fn() -> bool,
}

impl Deed<'_> {
    /// Has the engine die of it, and start again. What was acknowledged is there, and what was not can be asked for again.
    fn outlives_a_crash(&self, lab: &Lab) {
        let Deed { point, dies, asks: (node, args), done } = self;
        assert!(!done(), "{point}: {args:?} is done before it is asked for");
        lab.stop_process(dies, Some(Process::Engine)).unwrap();
        lab.start_process_with(dies, Some(Process::Engine), &[("RAY_CRASH_AT", point)]).unwrap();
        let output = try_ray(lab, node, args);
        until(PATIENCE, &format!("{point}: {dies} dies of {args:?}"), || !runs(lab, dies));
        lab.start_process(dies, Some(Process::Engine)).unwrap();
        if output.code() == 0 {
            until(PATIENCE, &format!("{point}: {args:?}, which was acknowledged, is there"), done);
        } else if !done() {
            // Refused where it has been done, and only word of it has not gone round yet.
            let again = try_ray(lab, node, args).stdout;
            until(PATIENCE, &format!("{point}: {args:?} is done when asked for again: {again}"), done);
        }
        assert!(!status(lab, dies)["warnings"].to_string().contains("damaged"), "{}", status(lab, dies)["warnings"]);
    }
}

#[test]
fn what_a_member_was_told_outlives_a_crash_at_every_point() {
    let lab = &network_in(hosts(3), 2);
    for (number, name) in [(1, "over"), (2, "done")] {
        ray(lab, "n1", &["accept", &phantom(number), "home", "--hostname", name]);
    }
    let code = invite(lab, "n1", &["home"]);
    agree(lab, &["n1", "n2"], "home");
    let mut passed = BTreeSet::new();
    let mut deed = |point: &'static str, dies: &str, asks: (&str, &[&str]), done: &dyn Fn() -> bool| {
        passed.insert(point.split(':').next().unwrap());
        Deed { point, dies, asks: (asks.0, asks.1.to_vec()), done }.outlives_a_crash(lab);
        agree(lab, &["n1", "n2"], "home");
    };
    let named = |name: &str| names(&roster(lab, "n2", "home")).contains(&name);
    let minted = |name: &str| ray(lab, "n2", &["invite", "list", "home"])["invites"].to_string().contains(name);
    let has = |name: &str| known(lab, "n1", name)["standing"]["state"] == "member";

    deed("append-before-write", "n1", ("n1", &["invite", "home", "--hostname", "guest-1"]), &|| minted("guest-1"));
    deed("append-half-written", "n1", ("n1", &["invite", "home", "--hostname", "guest-2"]), &|| minted("guest-2"));
    deed("append-before-sync", "n2", ("n2", &["hostname", "box", "--network", "home"]), &|| named("box"));
    deed("append-after-sync", "n1", ("n1", &["kick", "over", "home", "--yes"]), &|| !named("over"));
    deed("append-after-sync:2", "n1", ("n1", &["kick", "done", "home", "--yes"]), &|| !named("done"));
    deed("replace-before-temporary", "n1", ("n1", &["create", "one"]), &|| has("one"));
    deed("replace-after-temporary:2", "n1", ("n1", &["create", "two"]), &|| has("two"));
    deed("replace-after-rename:3", "n1", ("n1", &["create", "three"]), &|| has("three"));
    deed("add-network-after-ledger", "n1", ("n1", &["create", "four"]), &|| has("four"));
    deed("add-network-after-rename", "n1", ("n1", &["create", "five"]), &|| has("five"));
    deed("epochs-after", "n1", ("n1", &["create", "six"]), &|| has("six"));
    let room = known(lab, "n1", "home")["room_id"].clone();
    let rekeyed = || known(lab, "n2", "home")["publication"]["discovery_key"] != room;
    deed("network-keys-after", "n1", ("n1", &["network", "rekey", "home"]), &rekeyed);

    // The single use of the invite is not lost with the engine that used it; the next invite brings the leave along.
    let inside = || roster(lab, "n3", "home").len() == 3;
    deed("add-network-after-rename", "n3", ("n3", &["join", &code]), &inside);
    // The others may not have heard it: it died before it could say so. They do when it joins again.
    let outside = || roster(lab, "n3", "home").is_empty();
    deed("remove-network-after-left", "n3", ("n3", &["leave", "home", "--yes"]), &outside);
    let code = invite(lab, "n1", &["home"]);
    deed("add-network-after-ledger", "n3", ("n3", &["join", &code]), &inside);
    deed("remove-network-after-rename", "n3", ("n3", &["leave", "home", "--yes"]), &outside);
    let code = invite(lab, "n1", &["home"]);
    deed("append-half-written", "n1", ("n3", &["join", &code]), &inside);
    assert_eq!(names(&agree(lab, &["n1", "n2", "n3"], "home")), ["box", "n1", "n3"]);

    let expected: BTreeSet<&str> = CRASH_POINTS
        .into_iter()
        .filter(|point| !["requests-", "joining-", "tunnel-"].iter().any(|other| point.starts_with(other)))
        .collect();
    assert_eq!(passed, expected);
    // Whoever was removed knows no key of what came after, though the engine died between the two.
    let log = || ray(lab, "n2", &["log", "home", "--limit", "0"])["entries"].as_array().cloned().unwrap_or_default();
    until(PATIENCE, "the epoch began after the last removal", || {
        let last = |action: &str| log().iter().rposition(|entry| entry["action"] == action);
        last("rotate-epoch") > last("remove")
    });
    let latest = |node: &str| {
        state_file(lab, node, &format!("networks/{}/epochs", room.as_str().unwrap())).last_chunk::<64>().copied()
    };
    until(PATIENCE, "all have its key", || latest("n2") == latest("n1") && latest("n3") == latest("n1"));
}

#[test]
fn what_a_node_that_waits_was_told_outlives_a_crash_at_every_point() {
    let lab = &hosts(2);
    let room = ray(lab, "n1", &["create", "home", "--approval"])["room_id"].as_str().unwrap().to_owned();
    until(PATIENCE, "the network's record is there", || tool(lab, "n2", &["record", &room]).code() == 0);
    let join: &[&str] = &["join", &room, "--timeout", "20"];
    let heard = || ray(lab, "n1", &["requests", "home"])["requests"].as_array().map(Vec::len) == Some(1);
    let waits = || status(lab, "n2")["waiting"][0]["room_id"] == *room;
    let inside = || roster(lab, "n2", "home").len() == 2 && status(lab, "n2")["waiting"][0].is_null();
    for (point, dies, asks, args, done) in [
        ("requests-after", "n1", "n2", join, &heard as &dyn Fn() -> bool),
        ("joining-after", "n2", "n2", join, &waits),
        ("joining-after-removal", "n2", "n1", &["accept", "n2", "home"], &inside),
    ] {
        if point == "joining-after" && waits() {
            // It waits already; that its request is not done before it is asked for takes another start.
            ray(lab, "n2", &["leave", &room, "--yes"]);
        }
        Deed { point, dies, asks: (asks, args.to_vec()), done }.outlives_a_crash(lab);
    }
    agree(lab, &["n1", "n2"], "home");
}

pub(crate) fn runs(lab: &Lab, node: &str) -> bool {
    let status = lab.status().unwrap();
    let node = status.nodes.iter().find(|known| known.name == node).unwrap();
    node.processes.iter().any(|process| process.process == Process::Engine && process.pid.is_some())
}
