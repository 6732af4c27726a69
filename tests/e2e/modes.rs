//! Networks that are entered without an invite: open ones, and those where a coordinator decides.

use serde_json::Value;

use crate::support::{
    Lab, PATIENCE, agree, crash, hosts, id, known, names, ray, refused, roster, status, tool, try_ray, until,
};

#[test]
fn an_open_network_lets_in_whoever_knows_its_room_id_and_a_closed_one_does_not() {
    let lab = hosts(3);
    let room = ray(&lab, "n1", &["create", "home", "--open"])["room_id"].as_str().unwrap().to_owned();
    found_by(&lab, "n3", &room);
    let joined = ray(&lab, "n2", &["join", &room]);
    assert_eq!(
        (&joined["waiting"], &joined["name"], &joined["seated_by"]),
        (&false.into(), &"home".into(), &"n1".into())
    );
    assert_eq!(names(&agree(&lab, &["n1", "n2"], "home")), ["n1", "n2"]);

    ray(&lab, "n1", &["network", "mode", "closed", "home"]);
    until(PATIENCE, "n2 knows", || known(&lab, "n2", "home")["mode"] == "closed");
    refused(&lab, "n3", &["join", &room, "--timeout", "20"], 7);
    assert_eq!(roster(&lab, "n1", "home").len(), 2);

    // Who was removed comes back by no open door, but by a coordinator's word.
    ray(&lab, "n1", &["network", "mode", "open", "home"]);
    ray(&lab, "n1", &["kick", "n2", "home", "--yes"]);
    until(PATIENCE, "n2 knows", || known(&lab, "n2", "home")["standing"]["state"] == "out");
    ray(&lab, "n2", &["leave", "home", "--yes"]);
    let again = ray(&lab, "n2", &["join", &room]);
    assert_eq!(again["waiting"], true, "{again}");
    ray(&lab, "n1", &["accept", "n2", "home"]);
    until(PATIENCE, "n2 is in again", || roster(&lab, "n2", "home").len() == 2);
    agree(&lab, &["n1", "n2"], "home");
}

#[test]
fn requests_survive_restarts_on_both_sides_until_a_coordinator_decides() {
    let lab = hosts(4);
    let room = ray(&lab, "n1", &["create", "home", "--approval"])["room_id"].as_str().unwrap().to_owned();
    found_by(&lab, "n2", &room);
    let reply = ray(&lab, "n2", &["join", &room, "--hostname", "nas"]);
    assert_eq!((&reply["waiting"], &reply["hostname"]), (&true.into(), &"nas".into()), "{reply}");
    let asking = [asked(&lab, "n1")];
    assert_eq!(asking[0], [("nas".to_owned(), id(&lab, "n2"))]);
    let first_asked = ray(&lab, "n1", &["requests", "home"])["requests"][0]["asked_at"].clone();

    crash(&lab, "n1");
    assert_eq!(asked(&lab, "n1"), asking[0], "the coordinator forgot who asks");
    crash(&lab, "n2");
    assert_eq!(status(&lab, "n2")["waiting"][0]["room_id"], *room, "the joiner forgot what it asked");
    // It asks again, and keeps its place.
    until(PATIENCE, "n2 is in the queue with its first time", || {
        ray(&lab, "n1", &["requests", "home"])["requests"][0]["asked_at"] == first_asked
    });
    ray(&lab, "n1", &["accept", "nas", "home"]);
    until(PATIENCE, "n2 is in", || roster(&lab, "n2", "home").len() == 2);
    assert_eq!(status(&lab, "n2")["waiting"], Value::Array(vec![]));
    assert_eq!(names(&agree(&lab, &["n1", "n2"], "home")), ["n1", "nas"]);
    assert_eq!(asked(&lab, "n1"), []);

    // A plain member hears a request while the coordinator is off, and hands it on.
    until(PATIENCE, "the record names n2", || {
        let record = record(&lab, "n3", &room);
        record["seeds"].as_array().is_some_and(|seeds| seeds.len() == 2)
    });
    lab.node("n1").stop().unwrap();
    assert_eq!(ray(&lab, "n3", &["join", &room])["waiting"], true);
    assert_eq!(asked(&lab, "n2"), [("n3".to_owned(), id(&lab, "n3"))]);
    assert_eq!(refused(&lab, "n2", &["accept", "n3", "home"], 7)["code"], "refused");
    crash(&lab, "n2");
    lab.node("n1").start().unwrap();
    until(PATIENCE, "n1 hears of n3", || asked(&lab, "n1") == [("n3".to_owned(), id(&lab, "n3"))]);

    ray(&lab, "n1", &["deny", "n3", "home"]);
    assert_eq!(asked(&lab, "n1"), []);
    until(PATIENCE, "n2 knows of the denial", || asked(&lab, "n2").is_empty());
    until(PATIENCE, "n3 is told no", || status(&lab, "n3")["waiting"] == Value::Array(vec![]));
    let warnings = status(&lab, "n3")["warnings"].to_string();
    assert!(warnings.contains("denied"), "{warnings}");
    refused(&lab, "n3", &["join", &room, "--timeout", "20"], 7);
    assert_eq!(names(&agree(&lab, &["n1", "n2"], "home")), ["n1", "nas"]);

    // Whoever waits may give up.
    assert_eq!(ray(&lab, "n4", &["join", &room])["waiting"], true);
    ray(&lab, "n4", &["leave", &room, "--yes"]);
    assert_eq!(status(&lab, "n4")["waiting"], Value::Array(vec![]));
}

fn found_by(lab: &Lab, node: &str, room: &str) {
    until(PATIENCE, "the network's record is there", || tool(lab, node, &["record", room]).code() == 0);
}

fn record(lab: &Lab, node: &str, room: &str) -> Value {
    tool(lab, node, &["record", room]).json().unwrap_or_default()
}

/// Who asks to be let in, by name and id.
fn asked(lab: &Lab, node: &str) -> Vec<(String, String)> {
    let output = try_ray(lab, node, &["requests", "home"]);
    let reply = output.json().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let requests = reply["requests"].as_array().cloned().unwrap_or_default();
    requests.iter().map(|asked| (text(&asked["hostname"]), text(&asked["endpoint_id"]))).collect()
}
