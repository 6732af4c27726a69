//! `ray log`: entry by entry as they arrive, or one object.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    sync::mpsc,
};

use ray_ipc::control::{LogRequest, Request};

use super::{
    fake_engine::{FakeEngine, Step},
    ray::{command, run},
    samples,
};

#[test]
fn log_shows_the_latest_fifty_unless_told_otherwise() {
    for (arguments, limit) in [(&["log"][..], 50), (&["log", "-n", "7"], 7), (&["log", "--limit", "0"], 0)] {
        let engine = FakeEngine::answering(samples::log());
        assert_eq!(run(&engine, arguments).code, 0);
        assert_eq!(engine.requests(), [Request::Log(LogRequest { network: None, limit })]);
    }
}

#[test]
fn log_shows_each_entry_as_it_arrives() {
    let (open, gate) = mpsc::channel();
    let mut entries = samples::log().into_iter().map(Step::Reply);
    let mut steps = vec![entries.next().unwrap(), Step::Gate(gate)];
    steps.extend(entries);
    let engine = FakeEngine::playing(steps);
    let mut ray = command(engine.socket());
    let mut child =
        ray.args(["log"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "2026-09-21 14:13  alice         founded the network home");
    open.send(()).unwrap();
    assert_eq!(lines.count(), 2);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn more_entries_than_were_asked_for_end_the_log() {
    let ran = run(&FakeEngine::answering(samples::log()), &["log", "--limit", "2", "--json"]);
    assert_eq!(ran.code, 1);
    assert!(ran.json()["message"].as_str().unwrap().contains("more than 2 entries"));
}

#[test]
fn an_answer_that_breaks_off_is_an_error() {
    let mut replies = samples::log();
    replies.pop();
    let mut steps: Vec<Step> = replies.into_iter().map(Step::Reply).collect();
    steps.push(Step::Close);
    let ran = run(&FakeEngine::playing(steps), &["log", "--json"]);
    assert_eq!((ran.code, &ran.json()["schema"]), (1, &"ray.error/1".into()));
}
