//! Who was removed is out: of the traffic, of the names, and of what is published later.

use std::time::{Duration, Instant};

use ray_engine::{
    ident::RoomId,
    ledger::{Action, EntryId, epoch::EpochKey, verify},
    publish::blob,
};
use ray_tests::lab::{Lab, Process};
use serde_json::Value;

use crate::support::{
    PATIENCE, address, agree, crash, hosts, id, invite, known, names, network_in, pings, ray, roster, state_file,
    status, tool, until,
};

/// What removal has to be felt within, everywhere.
const FELT: Duration = Duration::from_secs(5);

#[test]
fn traffic_of_a_removed_node_stops_in_5_s_and_other_networks_with_it_go_on() {
    let lab = network_in(hosts(4), 4);
    // n2 and n4 share a network of their own, too.
    ray(&lab, "n2", &["create", "club"]);
    let code = invite(&lab, "n2", &["club"]);
    ray(&lab, "n4", &["join", &code]);
    let removed = address(&lab, "n1", "n4", "v4");
    let of = |host: &str| address(&lab, "n1", host, "v4");
    let (first, second, third) = (of("n1"), of("n2"), of("n3"));
    for (node, target) in [("n1", &removed), ("n2", &removed), ("n3", &removed), ("n4", &first)] {
        until(PATIENCE, &format!("{node} pings {target}"), || pings(&lab, node, target));
    }
    agree(&lab, &["n1", "n2", "n3", "n4"], "home");

    ray(&lab, "n1", &["kick", "n4", "home", "--yes"]);
    let kicked = Instant::now();
    for (node, target) in [("n1", &removed), ("n3", &removed), ("n4", &first), ("n4", &third)] {
        let left = FELT.saturating_sub(kicked.elapsed());
        until(left, &format!("{node} to {target} is cut"), || !pings(&lab, node, target));
    }
    for node in ["n1", "n2", "n3"] {
        let left = FELT.saturating_sub(kicked.elapsed());
        until(left, &format!("{node} knows that n4 is out"), || {
            names(&roster(&lab, node, "home")) == ["n1", "n2", "n3"]
        });
        assert_eq!(resolved(&lab, node, "n4.home.ray"), "", "{node} still has the name");
    }
    assert!(!pings(&lab, "n1", &removed) && !pings(&lab, "n4", &first), "it came back");
    assert_eq!(known(&lab, "n4", "home")["standing"]["state"], "out", "{}", status(&lab, "n4"));

    // Not out of what it shares with n2 elsewhere.
    assert!(pings(&lab, "n2", &removed));
    assert!(pings(&lab, "n4", &second));
    assert_eq!(resolved(&lab, "n2", "n4.club.ray"), removed);
    assert_eq!(roster(&lab, "n2", "club").len(), 2);
}

#[test]
fn what_a_removed_node_has_saved_opens_nothing_that_is_published_later() {
    let lab = network_in(hosts(4), 3);
    let room = known(&lab, "n1", "home")["room_id"].as_str().unwrap().to_owned();
    let (publisher, removed) = (id(&lab, "n1"), id(&lab, "n3"));
    let epochs = |node: &str| state_file(&lab, node, &format!("networks/{room}/epochs"));
    until(PATIENCE, "n3 has the first epoch's key", || !epochs("n3").is_empty() && epochs("n3") == epochs("n1"));
    let saved = keys(&epochs("n3"));

    ray(&lab, "n1", &["kick", "n3", "home", "--yes"]);
    until(PATIENCE, "n2 has the second epoch's key", || epochs("n2").len() > 64 && epochs("n2") == epochs("n1"));
    // A coordinator that starts publishes at once; one that runs bides its time.
    crash(&lab, "n1");
    lab.stop_process("n2", Some(Process::Engine)).unwrap();
    let members = keys(&state_file(&lab, "n2", &format!("networks/{room}/epochs")));
    let as_member = ["--key", "/var/lib/rayfish/identity.key"];

    let number: RoomId = room.parse().unwrap();
    let mut published = (String::new(), String::new(), Vec::new());
    until(PATIENCE, "what is published tells of the removal", || {
        let record = tool(&lab, "n4", &["record", &room]).json().unwrap_or_default();
        let Some(hash) = record["hash"].as_str().map(str::to_owned) else { return false };
        assert!(record["seeds"].is_null(), "{record}");
        let len = record["len"].to_string();
        let fetched = fetch(&lab, "n2", &publisher, &hash, &len, &as_member);
        let Some(sealed) = fetched["blob"].as_str() else { return false };
        let sealed = data_encoding::HEXLOWER.decode(sealed.as_bytes()).unwrap();
        let tells = members.iter().any(|key| tells_of_removal(number, &sealed, key, &removed));
        published = (hash, len, sealed);
        tells
    });
    let (hash, len, sealed) = published;
    assert!(saved.iter().all(|key| blob::open(number, &sealed, key).is_err()), "a saved key opens what came later");
    assert!(members.contains(&saved[0]), "the saved key was one of the network's");

    // And it is not even handed out: neither to the removed node, as itself, nor to a stranger.
    lab.stop_process("n3", Some(Process::Engine)).unwrap();
    let refusals: Vec<Value> = [("n3", &as_member[..]), ("n4", &as_member[..]), ("n4", &[][..])]
        .iter()
        .map(|(node, key)| fetch(&lab, node, &publisher, &hash, &len, key))
        .collect();
    for refused in &refusals {
        assert!(refused["blob"].is_null(), "{refused}");
        assert_eq!(refused, &refusals[0], "refusals differ");
    }
}

fn keys(epochs: &[u8]) -> Vec<EpochKey> {
    epochs.as_chunks::<64>().0.iter().map(|record| EpochKey(*record[32..].first_chunk().unwrap())).collect()
}

fn tells_of_removal(room: RoomId, sealed: &[u8], key: &EpochKey, removed: &str) -> bool {
    let Ok(entries) = blob::open(room, sealed, key) else { return false };
    entries.iter().any(|bytes| {
        let entry = verify(bytes, room).unwrap_or_else(|error| panic!("{}: {error}", EntryId::of(bytes).short()));
        matches!(entry.action(), Action::Remove { member } if member.to_string() == removed)
    })
}

fn fetch(lab: &Lab, node: &str, from: &str, hash: &str, len: &str, key: &[&str]) -> Value {
    let output = tool(lab, node, &[&["blob", from, hash, len], key].concat());
    output.json().unwrap_or_else(|error| panic!("{error}: {}{}", output.stdout, output.stderr))
}

fn resolved(lab: &Lab, node: &str, name: &str) -> String {
    let output = tool(lab, node, &["resolve", name, "A", "--dns", "100.100.100.53"]);
    output.stdout.split_whitespace().last().unwrap_or_default().to_owned()
}
