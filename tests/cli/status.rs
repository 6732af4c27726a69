//! `ray status`: the verdict, what is wrong, and every network with its members.

use ray_ipc::control::{
    ConfinementStatus, HelperState, MemberState, NetworkMode, NetworkStatus, PublicationStatus, Reply, Standing,
    StatusReply,
};
use serde_json::Value;

use super::{
    fake_engine::FakeEngine,
    ray::run,
    samples,
    snapshot::{check, check_json},
};

#[test]
fn status_shows_a_member_in_every_state() {
    let engine = FakeEngine::answering([shown(samples::status())]);
    check("status_verbose", &run(&engine, &["status", "--verbose"]), &engine);
}

#[test]
fn status_fits_eighty_columns() {
    let mut status = samples::status();
    let mut widest = samples::member(&"x".repeat(63), 8, samples::online(samples::direct()));
    widest.v4 = Some([100, 127, 255, 250].into());
    if let MemberState::Online { rtt_us, tx_bytes, rx_bytes, .. } = &mut widest.state {
        (*rtt_us, *tx_bytes, *rx_bytes) = (99_999, 999_999, 999_999);
    }
    let mut only_v6 = samples::member("seventeen-chars-1", 9, MemberState::Offline { last_seen_s: Some(3599) });
    only_v6.v4 = None;
    status.networks[0].members.extend([widest, only_v6]);
    let engine = FakeEngine::answering([shown(status)]);
    let ran = run(&engine, &["status"]);
    for line in ran.stdout.lines() {
        assert!(line.chars().count() <= 80, "{} columns: {line}", line.chars().count());
        assert_eq!(line.trim_end(), line, "space at the end");
    }
    check("status_wide", &ran, &engine);
}

#[test]
fn status_counts_a_peer_of_two_networks_once() {
    let mut status = samples::status();
    let mut work = NetworkStatus { name: "work".into(), ..samples::home() };
    for member in &mut work.members {
        member.fqdn = format!("{}.work.ray", member.hostname);
    }
    status.networks.push(work);
    let engine = FakeEngine::answering([shown(status)]);
    let first = run(&engine, &["status", "--quiet"]).stdout;
    assert_eq!(first, "up · 2 networks · 3/6 peers online (1 direct, 1 relay, 1 unsettled) · helper ok\n");
}

#[test]
fn status_of_a_lonely_node_says_what_to_do() {
    let mut status = samples::status();
    status.networks[0].members.truncate(1);
    status_text("status_alone", status);
    status_text("status_empty", StatusReply { networks: vec![], ..samples::status() });
}

#[test]
fn status_while_down_lists_no_peers() {
    let status = StatusReply { wanted_up: false, tun: None, helper: HelperState::Idle, ..samples::status() };
    let json = run(&FakeEngine::answering([shown(status.clone())]), &["status", "--json"]).json();
    assert_eq!((&json["up"], &json["wanted_up"], &json["tun"]), (&false.into(), &false.into(), &Value::Null));
    status_text("status_down", status);
}

#[test]
fn status_without_a_helper_says_why_and_what_to_do() {
    let status = StatusReply {
        tun: None,
        helper: HelperState::Missing { reason: "connecting to /run/rayfish/helper.sock: no such file".into() },
        warnings: vec!["no relay answers: peers behind NAT are out of reach".into()],
        ..samples::status()
    };
    let json = run(&FakeEngine::answering([shown(status.clone())]), &["status", "--json"]).json();
    assert_eq!((&json["up"], &json["wanted_up"]), (&false.into(), &true.into()));
    assert_eq!(json["helper"]["state"], "missing");
    status_text("status_no_helper", status);
}

#[test]
fn status_says_when_the_engine_is_not_fully_confined() {
    let shows = |missing: &[&str]| {
        let missing = missing.iter().map(ToString::to_string).collect();
        let confinement = ConfinementStatus { landlock_abi: None, missing };
        let status = StatusReply { networks: vec![], confinement, ..samples::status() };
        run(&FakeEngine::answering([shown(status)]), &["status"]).stdout
    };
    assert!(!shows(&[]).contains("confined"));
    let warned = shows(&["the kernel lacks Landlock", "and more"]);
    assert!(
        warned.contains("\n! the engine is not fully confined: the kernel lacks Landlock → ray doctor\n"),
        "{warned}"
    );
}

#[test]
fn status_shows_what_is_not_settled_in_a_network() {
    let status = || {
        let mut home = NetworkStatus { mode: NetworkMode::Approval, ephemeral_s: 5400, ..samples::home() };
        (home.requests, home.unconfirmed, home.unknown_entries) = (2, 1, 3);
        let error = Some("asking https://pkarr.example: no answer".into());
        home.publication = PublicationStatus { publisher: false, seen_s: None, error, ..home.publication };
        home.members.truncate(2);
        StatusReply { networks: vec![home], ..samples::status() }
    };
    status_text("status_unsettled", status());
    let engine = FakeEngine::answering([shown(status())]);
    let verbose = run(&engine, &["status", "-v"]).stdout;
    assert!(verbose.contains("not found yet; the last attempt failed: asking https://pkarr.example"), "{verbose}");
    check_json("status_unsettled_json", &run(&FakeEngine::answering([shown(status())]), &["status", "--json"]));
}

#[test]
fn status_shows_networks_that_are_over_and_joins_that_wait() {
    let status = || {
        let mut networks = vec![samples::home(), samples::home(), samples::home()];
        networks[0].members.truncate(2);
        networks[1].name = "work".into();
        networks[1].standing = Standing::Out { reason: "bob removed this node".into() };
        networks[2].name = "club".into();
        networks[2].standing = Standing::Ended { by: "carol".into() };
        let warnings = vec!["work: this node is no member any more; forget it with: ray leave work".into()];
        StatusReply { networks, waiting: vec![samples::waiting()], warnings, ..samples::status() }
    };
    status_text("status_past", status());
    let quiet = run(&FakeEngine::answering([shown(status())]), &["status", "-q"]).stdout;
    assert_eq!(quiet, "up · 1 network · 1/1 peer online (1 direct) · helper ok\n");
    let json = run(&FakeEngine::answering([shown(status())]), &["status", "--json"]).json();
    let standing = |network: usize| json["networks"][network]["standing"].clone();
    let expected =
        |state, reason: Value, by: Value| serde_json::json!({"state": state, "reason": reason, "ended_by": by});
    assert_eq!(standing(0), expected("member", Value::Null, Value::Null));
    assert_eq!(standing(1), expected("out", "bob removed this node".into(), Value::Null));
    assert_eq!(standing(2), expected("ended", Value::Null, "carol".into()));
    assert_eq!(json["waiting"], serde_json::json!([{"room_id": "a".repeat(64), "hostname": "bob"}]));
}

#[test]
fn status_of_a_node_that_only_waits_does_not_say_that_there_is_nothing() {
    let status = StatusReply { networks: vec![], waiting: vec![samples::waiting()], ..samples::status() };
    let text = run(&FakeEngine::answering([shown(status)]), &["status"]).stdout;
    assert!(!text.contains("no network yet") && text.contains("waiting · to be let in as bob"), "{text}");
}

fn status_text(name: &str, status: StatusReply) {
    let engine = FakeEngine::answering([shown(status)]);
    check(name, &run(&engine, &["status"]), &engine);
}

fn shown(status: StatusReply) -> Reply {
    Reply::Status(Box::new(status))
}
