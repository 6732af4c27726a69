//! What happens at the ends of stdout: pipes that close, disks that are full, answers that arrive one by one.

use std::{
    fs::OpenOptions,
    io::{self, BufRead, BufReader},
    process::Stdio,
    sync::mpsc,
};

use ray_ipc::control::Reply;

use super::{
    fake_engine::{FakeEngine, Step},
    firewall_samples,
    ray::{command, finish},
    samples,
};

#[test]
fn a_reader_that_has_gone_ends_the_command_quietly() {
    let cases: [(&[&str], Vec<Reply>); 7] = [
        (&["status"], vec![Reply::Status(Box::new(samples::status()))]),
        (&["status", "--json"], vec![Reply::Status(Box::new(samples::status()))]),
        (&["ping", "bob"], vec![samples::ping_reply(0, Some(1000)), samples::ping_summary(1, 1)]),
        (&["log"], samples::log()),
        (&["firewall", "log"], vec![firewall_samples::dropped(0), firewall_samples::dropped(1)]),
        (&["completions", "bash"], vec![]),
        (&["--help"], vec![]),
    ];
    for (arguments, replies) in cases {
        let engine = FakeEngine::answering(replies);
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut ray = command(engine.socket());
        ray.args(arguments).stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped());
        let output = ray.spawn().unwrap().wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &[][..]), "{arguments:?}");
    }
}

#[test]
fn an_error_keeps_its_exit_code_when_nobody_reads_it() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let mut ray = command("/nonexistent/ray.sock".as_ref());
    ray.args(["status", "--json"]).stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer);
    assert_eq!(ray.status().unwrap().code(), Some(5));
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let engine = FakeEngine::answering([samples::invited(1, None)]);
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut ray = command(engine.socket());
    ray.arg("invite").stdin(Stdio::null()).stdout(full).stderr(Stdio::piped());
    let output = ray.spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("error: writing to stdout\ncaused by: "), "{said}");
}

#[test]
fn ping_shows_each_answer_as_it_arrives() {
    let (open, gate) = mpsc::channel();
    let engine = FakeEngine::playing(vec![
        Step::Reply(samples::ping_reply(0, Some(1000))),
        Step::Gate(gate),
        Step::Reply(samples::ping_summary(1, 1)),
    ]);
    let mut ray = command(engine.socket());
    let mut child = ray.args(["ping", "bob", "-c", "1"]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert_eq!(first, "seq=0 time=1.00 ms path=direct 10.77.0.12:41383");
    open.send(()).unwrap();
    assert_eq!(lines.count(), 3);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn colour_is_only_for_terminals_unless_asked_for() {
    let status = |arguments: &[&str]| {
        let engine = FakeEngine::answering([Reply::Status(Box::new(samples::status()))]);
        finish(command(engine.socket()).arg("status").args(arguments)).stdout
    };
    assert!(!status(&[]).contains('\u{1b}'));
    assert!(status(&["--color", "always"]).contains('\u{1b}'));
    assert!(!status(&["--color", "always", "--json"]).contains('\u{1b}'));
}
