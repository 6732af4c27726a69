//! Catching up: after a long absence, and with many members.

use std::time::Duration;

use ray_tests::lab::{LabConfig, Process};

use crate::support::{
    PATIENCE, agree, all_online, hosts, invite, known, member, names, network_in, phantom, ray, roster, start,
    state_file, until,
};

/// Members of the large network that do not exist as hosts.
const SIMULATED: usize = 300;

#[test]
fn a_node_that_missed_200_entries_and_two_rotations_catches_up_from_a_plain_member() {
    let lab = network_in(hosts(3), 3);
    let room = known(&lab, "n1", "home")["room_id"].as_str().unwrap().to_owned();
    let epochs = |node: &str| state_file(&lab, node, &format!("networks/{room}/epochs"));
    for (number, name) in [(1, "over"), (2, "done")] {
        ray(&lab, "n1", &["accept", &phantom(number), "home", "--hostname", name]);
    }
    agree(&lab, &["n1", "n2", "n3"], "home");
    lab.stop_process("n3", Some(Process::Engine)).unwrap();
    let missed_from = known(&lab, "n1", "home")["entries"].as_u64().unwrap();
    for name in ["over", "done"] {
        ray(&lab, "n1", &["kick", name, "home", "--yes"]);
    }
    let many = "for i in $(seq 200); do ray invite home -q > /dev/null || exit 1; done";
    let minted = lab.exec_within(PATIENCE, "n1", &["sh", "-c", many]).unwrap();
    assert_eq!(minted.code(), 0, "{}", minted.stderr);
    ray(&lab, "n1", &["hostname", "moved", "--member", "n2", "--network", "home"]);
    until(PATIENCE, "n2 has it all", || {
        known(&lab, "n2", "home")["entries"] == known(&lab, "n1", "home")["entries"] && epochs("n2") == epochs("n1")
    });
    lab.node("n1").stop().unwrap();

    lab.start_process("n3", Some(Process::Engine)).unwrap();
    let agreed = agree(&lab, &["n2", "n3"], "home");
    assert_eq!(names(&agreed), ["moved", "n1", "n3"]);
    assert!(known(&lab, "n3", "home")["entries"].as_u64().unwrap() >= missed_from + 205);
    // The keys of the epochs between are of no use any more; the present one's is.
    let latest = |node: &str| epochs(node).last_chunk::<64>().copied();
    until(PATIENCE, "n3 has the present epoch's key", || latest("n3") == latest("n2"));
    assert!(epochs("n2").len() >= 3 * 64, "two rotations beside the first epoch");
}

#[test]
fn a_network_of_300_is_joined_and_caught_up_with_by_real_nodes() {
    // n5 and n6 are hosts without an engine of their own.
    let mut config = LabConfig { nodes: 6, ..LabConfig::default() };
    for host in ["n5", "n6"] {
        (config.node(host).engine, config.node(host).helper) = (false, false);
    }
    let lab = network_in(start(config), 3);
    lab.stop_process("n3", Some(Process::Engine)).unwrap();
    until(PATIENCE, "n1 sees n3 no more", || member(&lab, "n1", "n3")["state"] != "online");
    // It names those who are there, and both let in.
    let code = invite(&lab, "n1", &["home", "--reusable"]);

    let half = (SIMULATED / 2).to_string();
    let spawn = |host: &str, prefix: &str| {
        let argv = ["ray-lab", "tool", "swarm", &code, &half, "--prefix", prefix];
        lab.spawn(host, None, &argv).unwrap()
    };
    let swarms = [spawn("n5", "east"), spawn("n6", "west")];
    for swarm in swarms {
        let output = swarm.output(Duration::from_secs(150)).unwrap();
        assert_eq!(output.code(), 0, "{}", output.stderr);
        assert_eq!(output.json().unwrap()["joined"], SIMULATED / 2, "{}", output.stdout);
    }
    let joined = ray(&lab, "n4", &["join", &code]);
    assert_eq!(joined["members"], SIMULATED + 4, "{joined}");
    lab.start_process("n3", Some(Process::Engine)).unwrap();
    let agreed = agree(&lab, &["n1", "n2", "n3", "n4"], "home");
    assert_eq!(agreed.len(), SIMULATED + 4);
    let mut hosts = names(&agreed);
    hosts.dedup();
    assert_eq!(hosts.len(), SIMULATED + 4, "two members of one name");
    // With a crowd on the roster that nobody can reach, those who are there still meet.
    for (node, host) in [("n3", "n4"), ("n4", "n1"), ("n4", "n3")] {
        let online = || {
            let members = known(&lab, node, "home")["members"].as_array().cloned().unwrap_or_default();
            members.iter().any(|member| member["hostname"] == host && member["state"] == "online")
        };
        until(PATIENCE, &format!("{node} sees {host}"), online);
    }
}

#[test]
fn a_network_grows_by_plain_members_alone() {
    let lab = network_in(hosts(4), 2);
    let code = invite(&lab, "n1", &["home", "--uses", "2"]);
    all_online(&lab, 2);
    lab.node("n1").stop().unwrap();
    // n2, which no coordinator is, lets n3 in, and n3 lets n4 in: by the same code, which now names n3.
    ray(&lab, "n3", &["join", &code]);
    lab.node("n2").stop().unwrap();
    let mut invite: ray_engine::ledger::Invite = code.parse().unwrap();
    invite.seats = vec![crate::support::id(&lab, "n3").parse().unwrap()];
    let joined = ray(&lab, "n4", &["join", &invite.to_string()]);
    assert_eq!((&joined["seated_by"], &joined["members"]), (&"n3".into(), &4.into()), "{joined}");

    for node in ["n1", "n2"] {
        lab.node(node).start().unwrap();
    }
    let agreed = agree(&lab, &["n1", "n2", "n3", "n4"], "home");
    assert_eq!(names(&agreed), ["n1", "n2", "n3", "n4"]);
    assert_eq!(roster(&lab, "n1", "home").iter().filter(|(.., coordinates)| *coordinates).count(), 1);
    let used = last_use(&lab);
    assert_eq!(used, (2, "used_up".to_owned()));
}

/// How often the last invite was used, as the coordinator that was away sees it, and what that makes of it.
fn last_use(lab: &ray_tests::lab::Lab) -> (u64, String) {
    let invites = ray(lab, "n1", &["invite", "list", "home"])["invites"].as_array().cloned().unwrap_or_default();
    let twice = invites.iter().find(|invite| invite["uses"] == 2).unwrap_or_else(|| panic!("{invites:?}"));
    (twice["used"].as_u64().unwrap_or_default(), twice["state"].as_str().unwrap_or_default().to_owned())
}
