//! Networks: made, entered, changed, left, ended.

use ray_ipc::control::{
    CreateRequest, EphemeralRequest, JoinRequest, LeaveReply, LeaveRequest, NetworkMode, Reply, Request,
};
use serde_json::Value;

use super::{
    fake_engine::FakeEngine,
    ray::{run, run_with_input},
    samples::{self, CODE},
    snapshot::{check, check_json},
};

#[test]
fn create_says_who_may_enter() {
    for (option, mode) in [("--open", NetworkMode::Open), ("--approval", NetworkMode::Approval)] {
        let name = option.trim_start_matches('-');
        let answer = || FakeEngine::answering([Reply::Created(samples::network_reply())]);
        let engine = answer();
        check(&format!("create_{name}"), &run(&engine, &["create", "home", option]), &engine);
        let request = CreateRequest { name: "home".into(), hostname: None, mode };
        assert_eq!(engine.requests(), [Request::Create(request)]);
        assert_eq!(run(&answer(), &["create", "home", option, "--json"]).json()["mode"], name);
    }
}

#[test]
fn join_takes_the_invite_from_standard_input() {
    let engine = FakeEngine::answering([samples::joined()]);
    let ran = run_with_input(&engine, &["join", "-", "--timeout", "7", "--hostname", "bob"], &format!("\n {CODE}\r\n"));
    assert_eq!(ran.code, 0, "{ran:?}");
    let hostname = Some("bob".into());
    assert_eq!(
        engine.requests(),
        [Request::Join(JoinRequest { target: CODE.into(), hostname, timeout_ms: 7000, auto_accept_firewall: false })]
    );
}

#[test]
fn a_join_that_waits_for_a_coordinator_is_no_failure() {
    let room = "a".repeat(64);
    let engine = FakeEngine::answering([Reply::Waiting(samples::waiting())]);
    check("join_waiting", &run(&engine, &["join", &room]), &engine);
    let request = JoinRequest { target: room.clone(), hostname: None, timeout_ms: 60_000, auto_accept_firewall: false };
    assert_eq!(engine.requests(), [Request::Join(request)]);
    let engine = FakeEngine::answering([Reply::Waiting(samples::waiting())]);
    let waiting = run(&engine, &["join", &room, "--json"]);
    check_json("join_waiting_json", &waiting);
    // Whoever reads the one finds every key in the other.
    let joined = run(&FakeEngine::answering([samples::joined()]), &["join", CODE, "--json"]).json();
    assert_eq!(keys(&joined), keys(&waiting.json()));
}

#[test]
fn leave_says_how_many_heard_of_it() {
    let alone = FakeEngine::answering([samples::left(0)]);
    check("leave_untold", &run(&alone, &["leave", "home", "-y"]), &alone);
    assert_eq!(alone.requests(), [Request::Leave(LeaveRequest { network: "home".into(), successor: None })]);
}

#[test]
fn leaving_a_network_that_was_never_entered_says_so() {
    let room = "a".repeat(64);
    let stopped = FakeEngine::answering([Reply::Left(LeaveReply { name: room.clone(), told: 0 })]);
    let ran = run(&stopped, &["leave", &room, "-y"]);
    assert_eq!((ran.code, ran.stdout), (0, format!("no longer asking to be let into {room}\n")));
}

#[test]
fn nuke_without_anybody_there_says_who_will_hear_of_it() {
    let engine = FakeEngine::answering([samples::nuked(0)]);
    check("nuke_untold", &run(&engine, &["nuke", "-y"]), &engine);
}

#[test]
fn ephemeral_shows_sets_and_turns_off() {
    let cases: [(&str, &[&str], Option<u32>, Reply); 4] = [
        ("ephemeral_show", &[], None, samples::ephemeral(604_800, false)),
        ("ephemeral_none", &["show", "home"], None, samples::ephemeral(0, false)),
        ("ephemeral_off", &["off"], Some(0), samples::ephemeral(0, true)),
        ("ephemeral_same", &["90m"], Some(5400), samples::ephemeral(5400, false)),
    ];
    for (name, arguments, seconds, reply) in cases {
        let engine = FakeEngine::answering([reply]);
        check(name, &run(&engine, &[&["ephemeral"], arguments].concat()), &engine);
        let network = arguments.get(1).map(|network| (*network).to_owned());
        assert_eq!(engine.requests(), [Request::Ephemeral(EphemeralRequest { network, seconds })], "{name}");
    }
    let off = run(&FakeEngine::answering([samples::ephemeral(0, true)]), &["ephemeral", "off", "--json"]).json();
    assert_eq!((&off["ephemeral_s"], &off["changed"]), (&Value::Null, &true.into()));
}

#[test]
fn every_mode_says_what_it_means() {
    for mode in [NetworkMode::Closed, NetworkMode::Approval] {
        let name = if mode == NetworkMode::Closed { "closed" } else { "approval" };
        let engine = FakeEngine::answering([samples::mode(mode)]);
        check(&format!("network_mode_{name}"), &run(&engine, &["network", "mode", name]), &engine);
    }
}

fn keys(value: &Value) -> Vec<&String> {
    value.as_object().unwrap().keys().collect()
}
