//! What each verb asks, and what it shows for the answer.

use ray_ipc::control::{
    CreateRequest, HelperState, InviteRequest, JoinRequest, LeaveRequest, MemberState, NetworkStatus, PingRequest,
    Reply, Request, StatusReply,
};

use serde_json::Value;

use super::{
    fake_engine::FakeEngine,
    ray::{Ran, run, run_with_input},
    samples::{self, CODE},
    snapshot::{check, check_json},
};

#[test]
fn up_shows_the_device() {
    both("up", &["up"], samples::up(false), &Request::Up);
    let again = FakeEngine::answering([samples::up(true)]);
    check("up_again", &run(&again, &["up"]), &again);
}

#[test]
fn down_says_whether_it_changed_anything() {
    both("down", &["down"], Reply::Down { was_up: true }, &Request::Down);
    let again = FakeEngine::answering([Reply::Down { was_up: false }]);
    check("down_again", &run(&again, &["down"]), &again);
}

#[test]
fn create_shows_the_network_and_the_next_command() {
    let request = Request::Create(CreateRequest { name: "home".into(), hostname: Some("alice".into()) });
    let reply = Reply::Created(samples::network_reply());
    both("create", &["create", "home", "--hostname", "alice"], reply, &request);
}

#[test]
fn join_shows_who_opened_the_door() {
    let request = Request::Join(JoinRequest { code: CODE.into(), hostname: None, timeout_ms: 60_000 });
    both("join", &["join", CODE], samples::joined(), &request);
}

#[test]
fn join_takes_the_invite_from_standard_input() {
    let engine = FakeEngine::answering([samples::joined()]);
    let ran = run_with_input(&engine, &["join", "-", "--timeout", "7", "--hostname", "bob"], &format!("\n {CODE}\r\n"));
    assert_eq!(ran.code, 0, "{ran:?}");
    let hostname = Some("bob".into());
    assert_eq!(engine.requests(), [Request::Join(JoinRequest { code: CODE.into(), hostname, timeout_ms: 7000 })]);
}

#[test]
fn leave_says_how_many_heard_of_it() {
    let request = Request::Leave(LeaveRequest { network: "home".into() });
    both("leave", &["leave", "home", "--yes"], samples::left(2), &request);
    let alone = FakeEngine::answering([samples::left(0)]);
    check("leave_untold", &run(&alone, &["leave", "home", "-y"]), &alone);
}

#[test]
fn invite_prints_the_code_alone_on_stdout() {
    let request = InviteRequest { network: None, uses: 1, expires_s: 86_400, hostname: None };
    both("invite", &["invite"], samples::invited(1, None), &Request::Invite(request));
    let engine = FakeEngine::answering([samples::invited(1, None)]);
    assert_eq!(run(&engine, &["invite"]).stdout, format!("{CODE}\n"));
}

#[test]
fn invite_passes_its_options_on() {
    let engine = FakeEngine::answering([samples::invited(10, Some("nas"))]);
    let ran = run(&engine, &["invite", "home", "--uses", "10", "--expires", "7d", "--hostname", "nas"]);
    let request =
        InviteRequest { network: Some("home".into()), uses: 10, expires_s: 604_800, hostname: Some("nas".into()) };
    assert_eq!(engine.requests(), [Request::Invite(request)]);
    check("invite_bound", &ran, &engine);
}

#[test]
fn version_shows_both_sides() {
    both("version", &["version"], samples::version(), &Request::Version);
}

#[test]
fn status_shows_a_member_in_every_state() {
    both("status", &["status"], shown(samples::status()), &Request::Status);
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
fn ping_shows_each_answer_and_the_sum() {
    let script = || {
        [
            samples::ping_reply(0, Some(1_700)),
            samples::ping_reply(1, None),
            samples::ping_reply(2, Some(1_900)),
            samples::ping_summary(3, 2),
        ]
    };
    let engine = FakeEngine::answering(script());
    check("ping", &run(&engine, &["ping", "bob", "-c", "3", "-i", "0.2", "-W", "1.5", "-6"]), &engine);
    let request = PingRequest { target: "bob".into(), count: 3, interval_ms: 200, timeout_ms: 1500, v6: true };
    assert_eq!(engine.requests(), [Request::Ping(request)]);
    check_json("ping_json", &run(&FakeEngine::answering(script()), &["ping", "bob", "-c", "3", "--json"]));
    let quiet = FakeEngine::answering(script());
    check("ping_quiet", &run(&quiet, &["ping", "bob", "-c", "3", "-q"]), &quiet);
}

#[test]
fn ping_without_an_answer_ends_with_one() {
    let script = || [samples::ping_reply(0, None), samples::ping_summary(1, 0)];
    let engine = FakeEngine::answering(script());
    check("ping_lost", &run(&engine, &["ping", "bob", "-c", "1"]), &engine);
    check_json("ping_lost_json", &run(&FakeEngine::answering(script()), &["ping", "bob", "-c", "1", "--json"]));
}

#[test]
fn quiet_verbs_say_nothing_when_all_is_well() {
    let quiet = |arguments: &[&str], reply: Reply| {
        let ran = run(&FakeEngine::answering([reply]), arguments);
        assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "", ""), "{arguments:?}");
    };
    quiet(&["-q", "up"], samples::up(false));
    quiet(&["down", "-q"], Reply::Down { was_up: true });
    quiet(&["create", "-q", "home"], Reply::Created(samples::network_reply()));
    quiet(&["join", "--quiet", CODE], samples::joined());
    quiet(&["leave", "-qy", "home"], samples::left(1));
    let ran = run(&FakeEngine::answering([samples::invited(1, None)]), &["invite", "-q"]);
    assert_eq!((ran.stdout, ran.stderr), (format!("{CODE}\n"), String::new()));
}

#[test]
fn completions_know_every_verb() {
    let engine = FakeEngine::answering([]);
    for shell in ["bash", "zsh", "fish"] {
        let ran = run(&engine, &["completions", shell]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        for verb in ["up", "down", "create", "join", "leave", "invite", "status", "ping", "version", "completions"] {
            assert!(ran.stdout.contains(verb), "{shell} does not know {verb}");
        }
        let json = run(&engine, &["completions", shell, "--json"]).json();
        assert_eq!((&json["schema"], &json["ok"]), (&"ray.completions/1".into(), &true.into()));
        assert_eq!((&json["shell"], &json["script"]), (&shell.into(), &ran.stdout.into()));
    }
    assert!(engine.requests().is_empty(), "completions need no engine");
}

#[test]
fn help_needs_no_engine_and_fits_one_screen() {
    let engine = FakeEngine::answering([]);
    let overview = run(&engine, &["--help"]);
    check("help", &overview, &engine);
    for verb in ["up", "down", "create", "join", "leave", "invite", "status", "ping", "version", "completions"] {
        let ran = run(&engine, &[verb, "--help"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        assert!(ran.stdout.lines().count() <= 40, "{verb}");
        assert_eq!(ran.stdout, run(&engine, &["help", verb]).stdout, "{verb}");
        assert_eq!(ran.stdout, run(&engine, &[verb, "-h"]).stdout, "{verb}");
    }
    assert!(overview.stdout.lines().count() <= 40);
    assert_eq!(run(&engine, &["--version"]).stdout, format!("ray {}\n", env!("CARGO_PKG_VERSION")));
}

/// Checks the text, the JSON, and that the engine was asked for just that.
fn both(name: &str, arguments: &[&str], reply: Reply, request: &Request) {
    let ask = |arguments: &[&str]| -> (FakeEngine, Ran) {
        let engine = FakeEngine::answering([reply.clone()]);
        let ran = run(&engine, arguments);
        assert_eq!(engine.requests(), std::slice::from_ref(request));
        (engine, ran)
    };
    let (engine, text) = ask(arguments);
    check(name, &text, &engine);
    let (_engine, json) = ask(&[arguments, &["--json"]].concat());
    check_json(&format!("{name}_json"), &json);
}

fn status_text(name: &str, status: StatusReply) {
    let engine = FakeEngine::answering([shown(status)]);
    check(name, &run(&engine, &["status"]), &engine);
}

fn shown(status: StatusReply) -> Reply {
    Reply::Status(Box::new(status))
}
