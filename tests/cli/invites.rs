//! Invites: the code for a pipe, the QR code for a phone, and the list.

use std::time::{SystemTime, UNIX_EPOCH};

use ray_ipc::control::{InviteRequest, InvitesReply, Reply, Request, RevokeInviteRequest};
use serde_json::Value;

use super::{
    fake_engine::FakeEngine,
    ray::{run, run_with_input},
    samples::{self, CODE},
    snapshot::check,
};

#[test]
fn invite_prints_the_code_alone_on_stdout() {
    let engine = FakeEngine::answering([samples::invited(1, None)]);
    assert_eq!(run(&engine, &["invite"]).stdout, format!("{CODE}\n"));
    let request = InviteRequest { network: None, uses: 1, expires_s: 86_400, hostname: None };
    assert_eq!(engine.requests(), [Request::Invite(request)]);
}

#[test]
fn a_reusable_invite_has_no_number() {
    let reply = || samples::invited(u32::MAX, None);
    let engine = FakeEngine::answering([reply()]);
    check("invite_reusable", &run(&engine, &["invite", "home", "--reusable", "--expires", "7d"]), &engine);
    let request = InviteRequest { network: Some("home".into()), uses: u32::MAX, expires_s: 604_800, hostname: None };
    assert_eq!(engine.requests(), [Request::Invite(request)]);
    let json = run(&FakeEngine::answering([reply()]), &["invite", "--reusable", "--json"]).json();
    assert_eq!(json["uses"], Value::Null);
}

#[test]
fn a_qr_code_stands_above_the_code() {
    let show = |options: &[&str]| {
        let engine = FakeEngine::answering([samples::invited(1, None)]);
        (run(&engine, &[&["invite", "--qr"], options].concat()), engine)
    };
    let (plain, engine) = show(&[]);
    check("invite_qr", &plain, &engine);
    let (drawn, code) = plain.stdout.trim_end().rsplit_once('\n').unwrap();
    assert_eq!(code, CODE);
    // With colour each line says which colours it means; the blocks are the same.
    let coloured = show(&["--color", "always"]).0.stdout;
    let lines: Vec<String> = drawn.lines().map(|line| format!("\u{1b}[30;47m{line}\u{1b}[0m")).collect();
    assert_eq!(coloured, format!("{}\n{CODE}\n", lines.join("\n")));
    assert_eq!(show(&["--json"]).0.json()["code"], CODE);
    assert!(show(&["--quiet"]).0.stdout.starts_with(drawn));
}

#[test]
fn a_code_that_fits_no_qr_code_is_an_error() {
    let Reply::Invited(mut invite) = samples::invited(1, None) else { panic!("no invite") };
    invite.code = "a".repeat(8000);
    let ran = run(&FakeEngine::answering([Reply::Invited(invite)]), &["invite", "--qr"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert!(ran.stderr.starts_with("error: drawing the invite as a QR code\ncaused by: "), "{}", ran.stderr);
}

#[test]
fn the_list_shows_every_state_and_as_much_of_a_key_as_tells_it_apart() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    // Half an hour more, so that the shown hours do not change while the test runs.
    let engine = FakeEngine::answering([samples::invites(now + 23 * 3600 + 1800)]);
    let ran = run(&engine, &["invite", "list"]);
    check("invite_list", &ran, &engine);
    assert!(ran.stdout.lines().all(|line| line.chars().count() <= 80), "{}", ran.stdout);
    let none = Reply::Invites(InvitesReply { network: "home".into(), invites: vec![] });
    let engine = FakeEngine::answering([none]);
    check("invite_list_none", &run(&engine, &["invite", "list"]), &engine);
}

#[test]
fn an_invite_to_revoke_may_come_from_standard_input() {
    let engine = FakeEngine::answering([Reply::InviteRevoked(samples::invite(samples::MOMENT))]);
    let ran = run_with_input(&engine, &["invite", "revoke", "-"], &format!("{CODE}\n"));
    assert_eq!(ran.code, 0, "{ran:?}");
    let request = RevokeInviteRequest { network: None, invite: CODE.into() };
    assert_eq!(engine.requests(), [Request::RevokeInvite(request)]);
}

#[test]
fn options_of_an_invite_do_not_mix_with_its_list() {
    let engine = FakeEngine::answering([]);
    for words in
        [&["invite", "home", "list"][..], &["invite", "--uses", "2", "list"], &["invite", "--qr", "revoke", "x"]]
    {
        let ran = run(&engine, words);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{words:?}");
        assert!(ran.stderr.contains("room id"), "{words:?}: {}", ran.stderr);
    }
    assert!(engine.requests().is_empty());
}

#[test]
fn a_json_list_may_be_asked_for_before_the_word_list() {
    let engine = FakeEngine::answering([samples::invites(samples::MOMENT)]);
    let json = run(&engine, &["invite", "--json", "list"]).json();
    assert_eq!((&json["schema"], json["invites"].as_array().map(Vec::len)), (&"ray.invite.list/1".into(), Some(5)));
}
