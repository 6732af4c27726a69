//! `ray firewall` and `ray group` beyond what every command is tested for.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    sync::mpsc,
    time::{SystemTime, UNIX_EPOCH},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use ray_ipc::control::{
    FirewallReply, FirewallRequest, FirewallTestReply, FlowDirection, FlowProtocol, GroupsReply, Reply, Request,
    SuggestionRequest, SuggestionScope, SuggestionsReply,
};
use serde_json::Value;

use super::{
    fake_engine::{FakeEngine, Step},
    firewall_samples as samples,
    ray::{command, run, run_with_input},
    snapshot::check,
};

/// Half an hour: the shown hours do not change while a test runs.
const HALF: u64 = 1800;

#[test]
fn show_tells_what_holds_and_where_rules_came_from() {
    let engine = FakeEngine::answering([samples::firewall(now() + 7 * 86_400 - HALF, None)]);
    check("firewall_show", &run(&engine, &["firewall", "show"]), &engine);
    let engine = FakeEngine::answering([samples::firewall(now() + 7 * 86_400 - HALF, None)]);
    check("firewall_show_verbose", &run(&engine, &["firewall", "show", "-v"]), &engine);
}

#[test]
fn show_cries_out_when_nothing_is_filtered() {
    let off = FirewallReply { on: false, reject: true, rules: vec![], pending: 0, ..samples::status(0, None) };
    let engine = FakeEngine::answering([Reply::Firewall(Box::new(off.clone()))]);
    check("firewall_show_off", &run(&engine, &["firewall", "show"]), &engine);
    let engine = FakeEngine::answering([Reply::Firewall(Box::new(off))]);
    check("firewall_add_off", &run(&engine, &["firewall", "add", "in", "deny", "any"]), &engine);
}

#[test]
fn turning_off_needs_no_word_about_being_off() {
    let off = FirewallReply { on: false, ..samples::status(0, Some("the firewall is off")) };
    let ran = run(&FakeEngine::answering([Reply::Firewall(Box::new(off))]), &["firewall", "off", "--yes"]);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("the firewall is off\n", ""));
}

#[test]
fn a_change_that_changes_nothing_says_so() {
    let engine = FakeEngine::answering([samples::firewall(0, None)]);
    check("firewall_on_again", &run(&engine, &["firewall", "on"]), &engine);
    let engine = FakeEngine::answering([samples::firewall(0, None)]);
    assert_eq!(run(&engine, &["firewall", "on", "--json"]).json()["changed"], false);
}

#[test]
fn a_rule_is_its_words_however_they_are_quoted() {
    for words in [&["in", "allow", "tcp", "22"][..], &["in allow tcp 22"], &["in", "allow tcp", "22"]] {
        let engine = FakeEngine::answering([samples::firewall(0, Some("added"))]);
        assert_eq!(run(&engine, &[&["firewall", "add"], words].concat()).code, 0);
        let request = FirewallRequest::Add { rule: "in allow tcp 22".into(), expires_s: None };
        assert_eq!(engine.requests(), [Request::Firewall(request)]);
    }
    let engine = FakeEngine::answering([samples::firewall(0, Some("removed"))]);
    assert_eq!(run(&engine, &["firewall", "remove", "2"]).code, 0);
    assert_eq!(engine.requests(), [Request::Firewall(FirewallRequest::Remove { rule: "2".into() })]);
}

#[test]
fn a_denied_test_is_an_answer() {
    let denied = || {
        let why = "in icmp is denied: no rule matches, and the default for in decides".into();
        let tested = FirewallTestReply { allow: false, rule: None, why, network: "home".into(), peer: "bob".into() };
        FakeEngine::answering([Reply::FirewallTest(Box::new(tested))])
    };
    let engine = denied();
    check("firewall_test_denied", &run(&engine, &["firewall", "test", "bob", "icmp", "--out"]), &engine);
    let request = FirewallRequest::Test {
        peer: "bob".into(),
        protocol: FlowProtocol::Icmp,
        port: None,
        direction: FlowDirection::Out,
        network: None,
    };
    assert_eq!(engine.requests(), [Request::Firewall(request)]);
    let json = run(&denied(), &["firewall", "test", "bob", "any", "--json"]).json();
    assert_eq!((&json["ok"], &json["allow"], &json["rule"]), (&true.into(), &false.into(), &Value::Null));
}

#[test]
fn pending_shows_what_waits_and_what_was_decided() {
    let engine = FakeEngine::answering([samples::suggestions(now() - HALF)]);
    check("firewall_pending", &run(&engine, &["firewall", "pending"]), &engine);
    let nothing = Reply::Suggestions(SuggestionsReply { suggestions: vec![], auto_accept: vec![] });
    let engine = FakeEngine::answering([nothing.clone()]);
    check("firewall_pending_none", &run(&engine, &["firewall", "pending"]), &engine);
    let engine = FakeEngine::answering([nothing]);
    let ran = run(&engine, &["firewall", "accept", "--all"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "no suggestion waits\n"));
    let all = SuggestionRequest { network: None, id: None };
    assert_eq!(engine.requests(), [Request::Firewall(FirewallRequest::Accept(all))]);
}

#[test]
fn a_choice_needs_somebody_to_choose() {
    for (verb, gerund) in [("accept", "accepting"), ("deny", "denying")] {
        let engine = FakeEngine::answering([]);
        let ran = run_with_input(&engine, &["firewall", verb, "--network", "home"], "all\n");
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
        let said = format!(
            "error: {gerund} suggestions: nobody is there to confirm it\n\
             hint: ray firewall {verb} --all --network home\n"
        );
        assert_eq!(ran.stderr, said);
        assert!(engine.requests().is_empty());
    }
}

#[test]
fn opening_the_host_needs_a_confirmation() {
    for words in [&["firewall", "off"][..], &["firewall", "default", "in", "allow"]] {
        let engine = FakeEngine::answering([]);
        let ran = run_with_input(&engine, words, "yes\n");
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{words:?}");
        let json = run(&engine, &[words, &["--json"]].concat()).json();
        assert_eq!(json["hint"], format!("ray {} --yes", words.join(" ")));
        assert!(engine.requests().is_empty(), "{words:?}");
        let engine = FakeEngine::answering([samples::firewall(0, Some("done"))]);
        assert_eq!(run(&engine, &[words, &["--yes"]].concat()).code, 0);
    }
}

#[test]
fn closing_the_host_needs_none() {
    for words in [&["on"][..], &["default", "in", "deny"], &["default", "out", "allow"], &["reject", "off"]] {
        let engine = FakeEngine::answering([samples::firewall(0, Some("done"))]);
        assert_eq!(run(&engine, &[&["firewall"], words].concat()).code, 0, "{words:?}");
        assert_eq!(engine.requests().len(), 1);
    }
}

#[test]
fn auto_accept_only_shows_without_a_word() {
    let engine = FakeEngine::answering([samples::auto_accept(false)]);
    let ran = run(&engine, &["firewall", "auto-accept", "home"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "suggestions of home wait for a decision\n"));
    let request = FirewallRequest::AutoAccept { network: Some("home".into()), on: None };
    assert_eq!(engine.requests(), [Request::Firewall(request)]);
}

#[test]
fn a_suggestion_goes_to_all_or_to_a_member() {
    for (word, scope) in [("all", SuggestionScope::All), ("nas", SuggestionScope::Member("nas".into()))] {
        let engine = FakeEngine::answering([Reply::DroppedDone]);
        let ran = run(&engine, &["firewall", "suggest", word, "in", "deny", "any"]);
        assert!(ran.stderr.contains("it answered firewall log instead"), "{}", ran.stderr);
        let request = FirewallRequest::Suggest { network: None, scope, rule: "in deny any".into() };
        assert_eq!(engine.requests(), [Request::Firewall(request)]);
    }
}

#[test]
fn join_may_take_what_coordinators_suggest() {
    let engine = FakeEngine::answering([super::samples::joined()]);
    assert_eq!(run(&engine, &["join", "ray1x", "--auto-accept-firewall"]).code, 0);
    let [Request::Join(join)] = &engine.requests()[..] else { panic!("no join") };
    assert!(join.auto_accept_firewall);
}

#[test]
fn the_last_member_takes_the_group_along() {
    let none = || Reply::Groups(GroupsReply { network: "home".into(), groups: vec![] });
    let ran = run(&FakeEngine::answering([none()]), &["group", "remove", "guests", "bob"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "group guests of home: nobody\n"));
    let ran = run(&FakeEngine::answering([none()]), &["group", "list"]);
    assert_eq!(ran.stdout, "home · no groups → ray group add GROUP MEMBER home\n");
}

#[test]
fn dropped_flows_are_shown_as_they_come_until_control_c() {
    for (json, first) in [
        (&[][..], "2026-09-21 14:13:27  in   bob.home  tcp 100.75.1.3:50022 → 100.75.1.2:22  firewall_default_in"),
        (&["--json"], r#"{"direction":"in","dropped":"2026-09-21T14:13:27Z","dropped_at":1790000007,"#),
    ] {
        let (open, gate) = mpsc::channel();
        let engine = FakeEngine::playing(vec![Step::Reply(samples::dropped(0)), Step::Gate(gate)]);
        let mut ray = command(engine.socket());
        ray.args(["firewall", "log"]).args(json);
        let mut child = ray.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        assert!(line.starts_with(first), "{line}");
        kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
        assert_eq!(lines.count(), 0);
        let output = child.wait_with_output().unwrap();
        drop(open);
        let said = if json.is_empty() { "1 dropped flow; times in UTC\n" } else { "" };
        assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), said));
        assert_eq!(engine.requests(), [Request::Firewall(FirewallRequest::Log { limit: 0 })]);
    }
}

#[test]
fn an_engine_that_goes_away_ends_the_log_with_an_error() {
    let steps = vec![Step::Reply(samples::dropped(0)), Step::Close];
    let ran = run(&FakeEngine::playing(steps), &["firewall", "log"]);
    assert_eq!((ran.code, ran.stdout.lines().count()), (1, 1));
    assert!(ran.stderr.contains("it closed the connection"), "{}", ran.stderr);
}

#[test]
fn an_engine_that_stops_amid_an_answer_is_left() {
    let (open, gate) = mpsc::channel();
    let engine = FakeEngine::playing(vec![Step::Raw(vec![9, 0]), Step::Gate(gate)]);
    let ran = run(&engine, &["firewall", "log"]);
    drop(open);
    assert_eq!(ran.code, 3, "{ran:?}");
}

#[test]
fn more_flows_than_were_asked_for_end_the_log() {
    let ran = run(&FakeEngine::answering([0, 1, 2].map(samples::dropped)), &["firewall", "log", "-n", "2"]);
    assert_eq!((ran.code, ran.stdout.lines().count()), (1, 2));
    assert!(ran.stderr.contains("the engine tells more than 2"), "{}", ran.stderr);
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
