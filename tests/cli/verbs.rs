//! What each verb asks, and what it shows for the answer.

use ray_ipc::control::{PingRequest, Reply, Request};

use super::{
    commands,
    fake_engine::FakeEngine,
    firewall_samples,
    ray::run,
    samples::{self, CODE},
    snapshot::{check, check_json},
};

/// Their text tells how far away a moment is; they are shown where the moment moves along.
const CLOCKED: [&[&str]; 5] =
    [&["invite", "list"], &["requests"], &["admin", "list"], &["firewall", "show"], &["firewall", "pending"]];

#[test]
fn every_command_asks_just_that_and_shows_the_answer() {
    for command in commands::all() {
        let name = command.verb.join("_");
        let engine = FakeEngine::answering(command.replies.clone());
        let ran = run(&engine, &command.words());
        assert_eq!(engine.requests(), std::slice::from_ref(&command.request), "{name}");
        if !CLOCKED.contains(&command.verb) {
            check(&name, &ran, &engine);
        }
        let engine = FakeEngine::answering(command.replies.clone());
        let ran = run(&engine, &[&command.words()[..], &["--json"]].concat());
        assert_eq!(engine.requests(), std::slice::from_ref(&command.request), "{name} --json");
        check_json(&format!("{name}_json"), &ran);
        assert_eq!(ran.json()["schema"], format!("ray.{}/1", command.verb.join(".")));
    }
}

#[test]
fn a_network_may_be_left_out() {
    let verbs = [
        "requests",
        "accept",
        "deny",
        "kick",
        "log",
        "nuke",
        "ephemeral",
        "invite list",
        "admin list",
        "invite revoke",
        "admin add",
        "admin remove",
        "network rekey",
        "network mode",
        "firewall pending",
        "group list",
        "group add",
        "group remove",
    ];
    for verb in verbs {
        let all = commands::all();
        let command = all.iter().find(|command| command.verb.join(" ") == verb).unwrap();
        let words: Vec<&str> = command.words().into_iter().filter(|word| *word != "home").collect();
        let engine = FakeEngine::answering(command.replies.clone());
        assert_eq!(run(&engine, &words).code, 0, "{words:?}");
        let expected = format!("{:?}", command.request).replace("Some(\"home\")", "None");
        assert_eq!(format!("{:?}", engine.requests()[0]), expected);
    }
}

#[test]
fn doing_again_what_is_done_says_so() {
    let engine = FakeEngine::answering([samples::up(true)]);
    check("up_again", &run(&engine, &["up"]), &engine);
    let engine = FakeEngine::answering([Reply::Down { was_up: false }]);
    check("down_again", &run(&engine, &["down"]), &engine);
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
    check("ping_partly", &run(&engine, &["ping", "bob", "-c", "3", "-i", "0.2", "-W", "1.5", "-6"]), &engine);
    let request = PingRequest { target: "bob".into(), count: 3, interval_ms: 200, timeout_ms: 1500, v6: true };
    assert_eq!(engine.requests(), [Request::Ping(request)]);
    check_json("ping_partly_json", &run(&FakeEngine::answering(script()), &["ping", "bob", "-c", "3", "--json"]));
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
fn quiet_verbs_print_what_was_asked_for_and_nothing_else() {
    let quiet = |words: &[&str], replies: Vec<Reply>| {
        let ran = run(&FakeEngine::answering(replies), &[words, &["--quiet"]].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{words:?}");
        ran.stdout
    };
    let shows = [
        "status",
        "ping",
        "log",
        "invite",
        "invite list",
        "requests",
        "admin list",
        "config",
        "config get",
        "version",
        "whoami",
        "firewall show",
        "firewall test",
        "firewall pending",
        "firewall log",
        "group list",
        "dns status",
        "dns query",
        "alias list",
    ];
    for command in commands::all() {
        let said = quiet(&command.words(), command.replies.clone());
        assert_eq!(!said.is_empty(), shows.contains(&command.verb.join(" ").as_str()), "{:?}: {said}", command.verb);
    }
    assert_eq!(quiet(&["invite"], vec![samples::invited(1, None)]), format!("{CODE}\n"));
    assert_eq!(quiet(&["join", "aa"], vec![Reply::Waiting(samples::waiting())]), "");
    assert!(!quiet(&["firewall", "auto-accept", "home"], vec![firewall_samples::auto_accept(true)]).is_empty());
    assert!(!quiet(&["ephemeral"], vec![samples::ephemeral(0, false)]).is_empty());
}

#[test]
fn completions_know_every_verb() {
    let engine = FakeEngine::answering([]);
    for shell in ["bash", "zsh", "fish"] {
        let ran = run(&engine, &["completions", shell]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        for word in commands::verbs().concat() {
            assert!(ran.stdout.contains(word), "{shell} does not know {word}");
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
    for verb in commands::verbs() {
        let ran = run(&engine, &[verb, &["--help"]].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        assert!(ran.stdout.lines().count() <= 40, "{verb:?}");
        assert_eq!(ran.stdout, run(&engine, &[&["help"], verb].concat()).stdout, "{verb:?}");
        assert_eq!(ran.stdout, run(&engine, &[verb, &["-h"]].concat()).stdout, "{verb:?}");
    }
    assert!(overview.stdout.lines().count() <= 40);
    assert_eq!(run(&engine, &["--version"]).stdout, format!("ray {}\n", env!("CARGO_PKG_VERSION")));
}
