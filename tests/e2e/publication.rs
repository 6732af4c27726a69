//! What outsiders learn: nothing.

use crate::support::{
    Lab, PATIENCE, hosts, id, invite, known, network_in, ray, roster, state_file, status, tool, until,
};
use serde_json::Value;

#[test]
fn a_stranger_with_the_room_id_hears_what_a_wrong_guess_hears() {
    let lab = network_in(hosts(3), 2);
    let room = known(&lab, "n1", "home")["room_id"].as_str().unwrap().to_owned();
    invite(&lab, "n1", &["home", "--uses", "5"]);
    let invites = ray(&lab, "n1", &["invite", "list", "home"])["invites"].as_array().unwrap().clone();
    let open = invites.iter().find(|invite| invite["state"] == "open").unwrap()["key"].as_str().unwrap().to_owned();
    let mut record = Value::Null;
    until(PATIENCE, "the network publishes a blob", || {
        record = tool(&lab, "n3", &["record", &room]).json().unwrap_or_default();
        record["hash"].is_string()
    });
    assert!(record["seeds"].is_null(), "a closed network names members: {record}");

    let ask = || {
        let (hash, len) = (record["hash"].as_str().unwrap(), record["len"].to_string());
        let output = tool(&lab, "n3", &["stranger", &id(&lab, "n1"), &room, &open, hash, &len]);
        assert_eq!(output.code(), 0, "{}", output.stderr);
        output.json().unwrap()["answers"].clone()
    };
    let answers = ask();
    let wrong = &answers["knock, wrong room"];
    assert!(wrong.as_str().unwrap().len() > 16, "the member did not answer: {answers}");
    for question in [
        "knock, right room",
        "made-up invite, right room",
        "made-up invite, wrong room",
        "known invite without its secret, right room",
        "known invite without its secret, wrong room",
        "hand in, right room",
        "hand in, wrong room",
    ] {
        assert_eq!(&answers[question], wrong, "{question}: {answers}");
    }
    assert_eq!(answers["blob, right hash"], answers["blob, wrong hash"]);
    assert!(!answers["blob, right hash"].as_str().unwrap().chars().all(|c| c.is_ascii_hexdigit()), "{answers}");
    assert!(answers["link"].as_str().unwrap().contains("not a member"), "{answers}");
    assert_eq!(roster(&lab, "n1", "home").len(), 2);
    assert_eq!(known(&lab, "n1", "home")["requests"], 0, "a closed network keeps no request");

    // The same questions tell the right room from a wrong one where the network itself is open.
    ray(&lab, "n1", &["network", "mode", "open", "home"]);
    let answers = ask();
    assert_ne!(answers["knock, right room"], answers["knock, wrong room"]);
    assert_eq!(&answers["knock, wrong room"], wrong);
    assert_eq!(answers["blob, right hash"], answers["blob, wrong hash"]);
}

#[test]
fn a_new_network_key_is_followed_by_all_and_found_by_joiners() {
    let lab = network_in(hosts(4), 3);
    ray(&lab, "n1", &["admin", "add", "n2", "home"]);
    let room = known(&lab, "n1", "home")["room_id"].as_str().unwrap().to_owned();
    until(PATIENCE, "n2 publishes as well", || known(&lab, "n2", "home")["publication"]["publisher"] == true);
    assert_eq!(known(&lab, "n3", "home")["publication"]["publisher"], false);

    ray(&lab, "n1", &["network", "mode", "open", "home"]);
    let rekeyed = ray(&lab, "n1", &["network", "rekey", "home"]);
    let discovery = rekeyed["discovery_key"].as_str().unwrap().to_owned();
    assert_ne!(discovery, room);
    for node in ["n1", "n2", "n3"] {
        until(PATIENCE, &format!("{node} follows"), || {
            known(&lab, node, "home")["publication"]["discovery_key"] == *discovery
        });
    }
    let key = |node: &str| state_file(&lab, node, &format!("networks/{room}/network.key"));
    until(PATIENCE, "n2 has the new key", || {
        known(&lab, "n2", "home")["publication"]["publisher"] == true
            && key("n2").first_chunk::<32>() == key("n1").first_chunk()
    });
    assert!(key("n3").is_empty(), "a plain member has the network key");
    joins_by(&lab, "n4", &discovery);
    assert_eq!(known(&lab, "n4", "home")["room_id"], *room);
    assert_eq!(status(&lab, "n4")["networks"].as_array().unwrap().len(), 1);
}

fn joins_by(lab: &Lab, node: &str, target: &str) {
    let joined = ray(lab, node, &["join", target]);
    assert_eq!(joined["waiting"], false, "{joined}");
}
