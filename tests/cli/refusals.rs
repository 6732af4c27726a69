//! Every kind of failure has its words, its remedy and its exit code.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, net::UnixListener, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use ray_ipc::control::{ErrorCode, Message, Reply, ServerHello};

use super::{
    commands,
    fake_engine::{Directory, FakeEngine},
    ray::{binary, command, finish, run, run_with_input},
    samples,
    snapshot::{check, check_json},
};

/// A user without rights anywhere.
const NOBODY: u32 = 65534;

#[test]
fn every_kind_of_engine_error_has_its_exit_code() {
    let kinds = [
        (ErrorCode::Other, 1),
        (ErrorCode::Usage, 2),
        (ErrorCode::Timeout, 3),
        (ErrorCode::NotPermitted, 4),
        (ErrorCode::NotRunning, 5),
        (ErrorCode::NotFound, 6),
        (ErrorCode::Refused, 7),
    ];
    for (code, exit) in kinds {
        let ran = run(&FakeEngine::answering([samples::error(code)]), &["invite", "home"]);
        let expected = format!("error: inviting to home: {}\nhint: ask alice\n", code.name());
        assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (exit, "", expected.as_str()));
        let ran = run(&FakeEngine::answering([samples::error(code)]), &["invite", "home", "--json"]);
        assert_eq!(ran.code, exit);
        let json = ran.json();
        assert_eq!((&json["code"], &json["exit"]), (&code.name().into(), &exit.into()));
    }
    let engine = FakeEngine::answering([samples::error(ErrorCode::Refused)]);
    check_json("error_json", &run(&engine, &["invite", "--json"]));
}

#[test]
fn every_verb_passes_an_error_on() {
    for command in commands::all() {
        let words = command.words();
        let ran = run(&FakeEngine::answering([samples::error(ErrorCode::NotPermitted)]), &words);
        assert_eq!((ran.code, ran.stdout.as_str()), (4, ""), "{words:?}");
        let unasked = if words == ["down"] { samples::left(1) } else { Reply::Down { was_up: true } };
        let ran = run(&FakeEngine::answering([unasked]), &words);
        assert_eq!(ran.code, 1, "{words:?} takes an answer to another question: {ran:?}");
        assert!(ran.stderr.contains("instead"), "{words:?}: {}", ran.stderr);
    }
}

#[test]
fn a_missing_socket_means_that_the_engine_does_not_run() {
    let engine = FakeEngine::answering([]);
    let missing = engine.directory().join("missing.sock");
    let ran = finish(command(&missing).arg("status"));
    assert_eq!(ran.code, 5);
    let expected = format!(
        "error: the engine is not running: no socket at {}\n\
         hint: start it: systemctl start rayfish-engine, or run `cargo demo` from a source checkout\n",
        missing.display()
    );
    assert_eq!(ran.stderr, expected);
    let json = finish(command(&missing).args(["status", "--json"])).json();
    assert_eq!((&json["schema"], &json["exit"]), (&"ray.error/1".into(), &5.into()));
}

#[test]
fn the_option_wins_over_the_environment() {
    let engine = FakeEngine::answering([Reply::Down { was_up: true }]);
    let ran = finish(command(Path::new("/nonexistent")).args(["down", "--socket"]).arg(engine.socket()));
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[test]
fn a_socket_without_a_listener_means_that_the_engine_does_not_run() {
    let directory = Directory::make();
    let socket = directory.path().join("ray.sock");
    drop(UnixListener::bind(&socket).unwrap());
    let ran = finish(command(&socket).arg("status"));
    assert_eq!(ran.code, 5);
    assert!(ran.stderr.contains("nobody listens at"), "{}", ran.stderr);
}

#[test]
fn a_forbidden_socket_means_not_permitted() {
    let engine = FakeEngine::answering([]);
    let mut ray = command(engine.socket());
    if nix::unistd::geteuid().is_root() {
        // Root may connect to anything, so another user runs a copy that it can reach.
        let copy = copy_of_ray(engine.directory());
        ray = Command::new(copy);
        ray.env_clear().env("RAY_SOCKET", engine.socket()).uid(NOBODY).gid(NOBODY);
    }
    fs::set_permissions(engine.directory(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(engine.socket(), fs::Permissions::from_mode(0o000)).unwrap();
    let ran = finish(ray.arg("status"));
    check("error_forbidden_socket", &ran, &engine);
    assert_eq!(ran.code, 4);
    // The engine's own end must reach it again.
    fs::set_permissions(engine.socket(), fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn an_engine_of_another_version_is_named_with_the_remedy() {
    let hello = |version| ServerHello { version, engine_release: "9.8.7".into() }.to_frame().unwrap();
    let older = FakeEngine::greeting(hello(0), vec![]);
    check("error_older_engine", &run(&older, &["status"]), &older);
    let newer = FakeEngine::greeting(hello(77), vec![]);
    check("error_newer_engine", &run(&newer, &["status"]), &newer);
    assert!(newer.requests().is_empty(), "nothing is asked after a mismatch");
}

#[test]
fn an_engine_whose_hello_has_changed_is_still_recognised_by_its_version() {
    let engine = FakeEngine::greeting(vec![5, 0, 0, 0, 77, 0, 0xff, 0xff, 0xff], vec![]);
    let ran = run(&engine, &["status"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("speaks control protocol 77"), "{}", ran.stderr);
}

#[test]
fn wrong_usage_ends_with_two_in_text_and_json() {
    let engine = FakeEngine::answering([]);
    let wrong: [&[&str]; 48] = [
        &[],
        &["frobnicate"],
        &["up", "--frobnicate"],
        &["up", "now"],
        &["create"],
        &["join"],
        &["leave"],
        &["ping"],
        &["ping", "bob", "-c", "0"],
        &["ping", "bob", "-c", "100001"],
        &["ping", "bob", "-i", "0"],
        &["ping", "bob", "-W", "-1"],
        &["invite", "--uses", "0"],
        &["invite", "--expires", "12"],
        &["join", "ray1x", "--timeout", "0"],
        &["completions", "powershell"],
        &["create", "home", "--open", "--approval"],
        &["invite", "--uses", "3", "--reusable"],
        &["invite", "home", "list"],
        &["invite", "--qr", "list"],
        &["invite", "revoke"],
        &["accept"],
        &["kick"],
        &["deny", "bob", "home", "nas"],
        &["admin"],
        &["admin", "promote", "bob"],
        &["network", "mode"],
        &["network", "mode", "home"],
        &["network", "mode", "ajar", "home"],
        &["ephemeral", "home"],
        &["ephemeral", "60"],
        &["log", "--limit", "-1"],
        &["status", "--color", "sometimes"],
        &["firewall"],
        &["firewall", "add"],
        &["firewall", "add", "in", "--expires", "12"],
        &["firewall", "remove"],
        &["firewall", "default", "in"],
        &["firewall", "default", "up", "deny"],
        &["firewall", "reject"],
        &["firewall", "test", "bob"],
        &["firewall", "test", "bob", "tcp"],
        &["firewall", "test", "bob", "icmp", "22"],
        &["firewall", "test", "bob", "tcp", "0"],
        &["firewall", "accept", "4f2a", "--all"],
        &["firewall", "auto-accept"],
        &["firewall", "suggest", "all"],
        &["group", "add", "guests"],
    ];
    for arguments in wrong {
        let ran = run(&engine, arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(!ran.stderr.is_empty());
        let ran = run(&engine, &[&["--json"], arguments].concat());
        assert_eq!(ran.code, 2, "{arguments:?}");
        let json = ran.json();
        assert_eq!((&json["schema"], &json["code"]), (&"ray.error/1".into(), &"usage".into()), "{arguments:?}");
        assert!(json["message"].as_str().is_some_and(|message| !message.is_empty() && !message.contains('\n')));
    }
    check("error_usage", &run(&engine, &["up", "--frobnicate"]), &engine);
    check_json("error_usage_json", &run(&engine, &["ping", "bob", "-c", "0", "--json"]));
    assert!(engine.requests().is_empty(), "the engine hears nothing of it");
}

#[test]
fn an_argument_that_fits_no_request_is_wrong_usage() {
    let engine = FakeEngine::answering([]);
    let ran = run(&engine, &["create", &"x".repeat(20_000)]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(engine.requests().is_empty());
}

#[test]
fn what_cannot_be_undone_needs_a_confirmation() {
    for verb in [&["kick", "bob", "home"][..], &["kick", "bob"], &["nuke", "home"], &["nuke"]] {
        let engine = FakeEngine::answering([]);
        let ran = run_with_input(&engine, verb, "yes\nhome\n");
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{verb:?}");
        assert!(ran.stderr.contains("nobody is there to confirm it"), "{}", ran.stderr);
        let json = run(&engine, &[verb, &["--json"]].concat()).json();
        assert_eq!(json["hint"], format!("ray {} --yes", verb.join(" ")));
        assert!(engine.requests().is_empty(), "{verb:?}");
    }
}

#[test]
fn leaving_needs_a_confirmation() {
    let engine = FakeEngine::answering([]);
    check("leave_unconfirmed", &run_with_input(&engine, &["leave", "home"], "yes\n"), &engine);
    let ran = run(&engine, &["leave", "home", "--json"]);
    assert_eq!(ran.code, 2);
    assert_eq!(ran.json()["hint"], "ray leave home --yes");
    assert!(engine.requests().is_empty());
}

#[test]
fn an_empty_invite_is_not_sent() {
    let engine = FakeEngine::answering([]);
    check("join_empty", &run_with_input(&engine, &["join", "-"], "\n"), &engine);
    assert_eq!(run(&engine, &["join", "  "]).code, 2);
    assert!(engine.requests().is_empty());
}

#[test]
fn a_listener_that_does_not_own_its_socket_is_not_trusted() {
    let engine = FakeEngine::answering([samples::version()]);
    if !nix::unistd::geteuid().is_root() {
        // Only root can give a file away. The engine then is what it should be, and is believed.
        assert_eq!(run(&engine, &["version"]).code, 0);
        return;
    }
    std::os::unix::fs::chown(engine.socket(), Some(NOBODY), None).unwrap();
    check("error_impostor", &run(&engine, &["version"]), &engine);
    assert!(engine.requests().is_empty());
}

/// Copies the binary and waits until it can run: a child that another test forks meanwhile holds our writing end of the
/// copy until it execs.
fn copy_of_ray(directory: &Path) -> PathBuf {
    let copy = directory.join("ray");
    fs::copy(binary(), &copy).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match Command::new(&copy).arg("--version").stdout(Stdio::null()).status() {
            Ok(status) => {
                assert!(status.success());
                return copy;
            }
            Err(error) => assert!(
                error.kind() == std::io::ErrorKind::ExecutableFileBusy && Instant::now() < deadline,
                "running a copy of ray: {error}"
            ),
        }
    }
}
