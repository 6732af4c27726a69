//! Who may do what, as the program and its manual say it.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::Path};

use ray_engine::control::need;
use ray_ipc::control::{EphemeralRequest, FirewallRequest, Level, Reply, Request};

use super::{
    access_samples, commands,
    fake_engine::FakeEngine,
    ray::{command, finish, run},
    samples,
    snapshot::{check, check_json},
};

#[test]
fn whoami_says_why_to_every_kind_of_caller() {
    for (name, reply) in access_samples::all() {
        let engine = FakeEngine::answering([reply.clone()]);
        check(&format!("whoami_{name}"), &run(&engine, &["whoami"]), &engine);
        let quiet = run(&FakeEngine::answering([reply.clone()]), &["whoami", "-q"]).stdout;
        let Reply::Whoami(who) = reply else { panic!("{reply:?}") };
        assert_eq!(quiet, format!("{}\n", who.level.name()));
    }
    let (name, foreign) = access_samples::all().pop().unwrap();
    check_json(&format!("whoami_{name}_json"), &run(&FakeEngine::answering([foreign]), &["whoami", "--json"]));
}

#[test]
fn the_manual_gives_each_command_the_level_that_the_engine_asks_for() {
    let manual = manual_levels();
    let mut expected: BTreeMap<String, Level> =
        commands::all().iter().map(|command| (command.verb.join(" "), need(&command.request).level)).collect();
    // With these words, or without, the same command makes another request.
    expected.insert(
        "ephemeral show".to_owned(),
        need(&Request::Ephemeral(EphemeralRequest { network: None, seconds: None })).level,
    );
    let shown = FirewallRequest::AutoAccept { network: None, on: None };
    expected.insert("firewall auto-accept NETWORK".to_owned(), need(&Request::Firewall(shown)).level);
    assert_eq!(manual, expected);
}

#[test]
fn a_socket_that_anybody_could_have_put_there_is_not_trusted() {
    let engine = FakeEngine::answering([samples::version()]);
    let open = |mode| fs::set_permissions(engine.directory(), fs::Permissions::from_mode(mode)).unwrap();
    open(0o777);
    let ran = finish(command(engine.socket()).arg("version"));
    assert_eq!(ran.code, 7, "{ran:?}");
    let expected = format!("anybody could have put it into {}\n", engine.directory().display());
    assert!(ran.stderr.contains(&expected), "{}", ran.stderr);
    assert!(engine.requests().is_empty(), "nothing is asked of it");
    // What lies in a sticky directory stays with its owner, who is the caller here.
    open(0o1777);
    assert_eq!(run(&engine, &["version"]).code, 0);
}

#[test]
fn a_socket_of_a_stranger_in_a_shared_directory_is_not_trusted() {
    let engine = FakeEngine::answering([samples::version()]);
    if !nix::unistd::geteuid().is_root() {
        // Only root can give a directory away.
        return;
    }
    // The system's temporary directory is open to everybody: whoever came first owns the place.
    let squatter = Some(60_099);
    std::os::unix::fs::chown(engine.directory(), squatter, None).unwrap();
    let ran = finish(command(engine.socket()).arg("version"));
    std::os::unix::fs::chown(engine.directory(), Some(0), None).unwrap();
    assert_eq!(ran.code, 7, "{ran:?}");
    assert!(ran.stderr.contains("anybody could have put it into"), "{}", ran.stderr);
    assert!(engine.requests().is_empty(), "nothing is asked of it");
}

/// The table of the manual: command by level.
fn manual_levels() -> BTreeMap<String, Level> {
    let manual = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cli.md")).unwrap();
    let mut found = BTreeMap::new();
    for level in Level::ALL {
        let start = format!("| `{}` |", level.name());
        let row = manual.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("no row {start}"));
        let commands = row.split('|').nth(3).unwrap().split('`').skip(1).step_by(2);
        for command in commands.filter_map(|command| command.strip_prefix("ray ")) {
            assert_eq!(found.insert(command.to_owned(), level), None, "{command} stands in two rows");
        }
    }
    found
}
