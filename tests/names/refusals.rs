//! What the engine may not do, and anybody else: each is refused or ends the connection, and nothing changes.

use std::{
    fs,
    time::{Duration, Instant},
};

use ray_ipc::{
    limits::NAMES_FRAME_MAX,
    names::{Mode, NamesRefusal, NamesReply, NamesRequest, State, VERSION, Wanted, encode_request},
};
use ray_tests::{
    live_helper::{ENGINE_UID, OTHER_UID},
    live_names::{Client, NamesHost, eventually, names, search},
};

const PLAIN: &[u8] = b"nameserver 192.0.2.1\n";

#[test]
fn serves_the_engine_and_nobody_else() {
    let host = NamesHost::with_list(PLAIN);
    let _names = host.start();
    for uid in [0, OTHER_UID] {
        let stranger = host.connect_as(uid).unwrap();
        let _ = stranger.send(&NamesRequest::Hello { version: VERSION });
        assert_eq!(stranger.receive(), None, "{uid}");
    }
    host.connect_as(ENGINE_UID).unwrap().greet();
}

#[test]
fn refuses_a_user_outside_the_engines_group_at_the_socket() {
    let host = NamesHost::with_list(PLAIN);
    let _names = host.start();
    let refused = Client::connect_as(&host.at("/run/rayfish/names.sock"), OTHER_UID, OTHER_UID);
    assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
}

#[test]
fn refuses_all_lookups_unless_root_allows_it() {
    let host = NamesHost::with_list(PLAIN);
    let full = NamesRequest::ReplaceDns(Wanted { mode: Mode::Full, ..names() });
    {
        let _names = host.start();
        let mut engine = host.connect().greet();
        assert_eq!(engine.ask(&full), Some(NamesReply::Refused(NamesRefusal::FullForbidden)));
        assert_eq!(host.list_bytes(), PLAIN);
        // What is in effect stays in effect.
        engine.set(names());
        assert_eq!(engine.ask(&full), Some(NamesReply::Refused(NamesRefusal::FullForbidden)));
        assert_eq!(engine.look().state, State::Set);
    }
    assert_eq!(host.undo(), Some(0));
    host.write_policy("full = \"allow\"");
    let _names = host.start();
    assert_eq!(host.connect().greet().ask(&full), Some(NamesReply::Done));
}

#[test]
fn refuses_search_domains_that_would_write_another_line_or_another_domain() {
    let host = NamesHost::with_list(PLAIN);
    let _names = host.start();
    let mut engine = host.connect().greet();
    let long = "a".repeat(64);
    for name in ["", "com.example", "x\nnameserver 6.6.6.6", "x y", "x#", "X", "-x", "x\0", "\u{202e}x", &long] {
        let refused = engine.ask(&NamesRequest::ReplaceDns(search(&["fine", name])));
        assert_eq!(refused, Some(NamesReply::Refused(NamesRefusal::SearchName)), "{name:?}");
    }
    let refused = engine.ask(&NamesRequest::ReplaceDns(search(&["a", "b", "c", "d", "e"])));
    assert_eq!(refused, Some(NamesReply::Refused(NamesRefusal::SearchCount { max: 4 })));
    assert_eq!(host.list_bytes(), PLAIN);
}

#[test]
fn a_violation_ends_the_connection_and_undoes() {
    let hello = encode_request(&NamesRequest::Hello { version: VERSION }).unwrap();
    let surplus = [encode_request(&NamesRequest::Release).unwrap(), vec![0]].concat();
    let violations: [(&str, Vec<u8>); 6] = [
        ("a second hello", hello),
        ("an unknown tag", vec![9, 0, 0, 0]),
        ("bytes left over", surplus),
        ("half a message", vec![1, 0]),
        ("a frame over the limit", vec![1; NAMES_FRAME_MAX + 1]),
        ("a mode that is none", vec![1, 0, 0, 0, 7, 0, 0, 0, 1]),
    ];
    for (what, bytes) in violations {
        let host = NamesHost::with_list(PLAIN);
        let mut process = host.start();
        let mut engine = host.connect().greet();
        engine.set(names());
        let waited = Instant::now();
        assert!(engine.send_raw(&bytes), "{what}");
        while engine.receive().is_some() {}
        assert_eq!(host.list_bytes(), PLAIN, "{what}");
        assert!(process.is_alive() && host.log().contains("violation: "), "{what}: {}", host.log());
        // Who had set something and broke the rules waits.
        host.connect().greet();
        assert!(waited.elapsed() >= Duration::from_secs(1), "{what}");
    }
}

#[test]
fn a_descriptor_is_a_violation() {
    let host = NamesHost::with_list(PLAIN);
    let process = host.start();
    let open = || fs::read_dir(format!("/proc/{}/fd", process.pid())).unwrap().count();
    let idle = open();
    for _ in 0..20 {
        let engine = host.connect().greet();
        engine.send_with_descriptor(&encode_request(&NamesRequest::Look).unwrap());
        while engine.receive().is_some() {}
    }
    eventually("all is closed", || open() == idle);
}

#[test]
fn nothing_is_done_before_the_hello() {
    for request in [NamesRequest::ReplaceDns(names()), NamesRequest::Release, NamesRequest::Look] {
        let host = NamesHost::with_list(PLAIN);
        let _names = host.start();
        let mut engine = host.connect();
        assert_eq!(engine.ask(&request), None, "{request:?}");
        assert_eq!(host.list_bytes(), PLAIN);
    }
}

#[test]
fn another_version_is_told_ours_and_closed() {
    let host = NamesHost::with_list(PLAIN);
    let _names = host.start();
    let mut engine = host.connect();
    assert_eq!(engine.ask(&NamesRequest::Hello { version: VERSION + 1 }), Some(NamesReply::Hello { version: VERSION }));
    assert_eq!(engine.receive(), None);
}

#[test]
fn a_second_connection_of_the_engine_changes_nothing() {
    let host = NamesHost::with_list(PLAIN);
    let _names = host.start();
    let mut engine = host.connect().greet();
    engine.set(names());
    let second = host.connect();
    let _ = second.send(&NamesRequest::Hello { version: VERSION });
    assert_eq!(second.receive(), None);
    assert_eq!(engine.look().state, State::Set);
    assert!(host.list().contains("100.100.100.53"));
}

#[test]
fn an_engine_that_does_not_read_is_given_up_and_what_it_wanted_undone() {
    let host = NamesHost::with_list(PLAIN);
    let mut process = host.start();
    let mut engine = host.connect().greet();
    engine.set(names());
    for _ in 0..100_000 {
        if !engine.send(&NamesRequest::Look) {
            break;
        }
    }
    eventually("it is undone", || host.list_bytes() == PLAIN);
    assert!(process.is_alive());
}

#[test]
fn a_flood_of_changes_is_made_to_wait() {
    let host = NamesHost::with_list(PLAIN);
    let _names = host.start();
    let mut engine = host.connect().greet();
    let begin = Instant::now();
    for round in 0..100 {
        engine.set(if round % 2 == 0 { names() } else { search(&["home"]) });
    }
    // Fifty at once, then twenty a second.
    assert!(begin.elapsed() > Duration::from_secs(2), "{:?}", begin.elapsed());
    assert_eq!(engine.look().state, State::Set);
}

#[test]
fn an_idle_connection_is_told_nothing() {
    let host = NamesHost::with_list(PLAIN);
    let _names = host.start();
    let mut engine = host.connect().greet();
    engine.set(names());
    engine.report();
    // Others wake it for nothing.
    for _ in 0..3 {
        drop(host.connect());
    }
    assert!(engine.is_quiet(Duration::from_millis(300)));
}
