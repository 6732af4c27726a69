//! How it starts, and when it does not.

use std::{
    fs,
    os::unix::fs::{chown, symlink},
};

use ray_tests::{
    binaries,
    live_helper::{ServiceManager, set_mode},
    live_names::{Launch, NamesHost, eventually, names},
};

const PLAIN: &[u8] = b"nameserver 192.0.2.1\n";
const POLICY: &str = "/etc/rayfish/names.toml";

#[test]
fn refuses_a_policy_that_others_than_root_can_write() {
    let flaws: [fn(&NamesHost); 4] = [
        |host| set_mode(&host.at(POLICY), 0o664),
        |host| chown(host.at(POLICY), Some(1), None).unwrap(),
        |host| set_mode(&host.at("/etc/rayfish"), 0o777),
        |host| {
            fs::rename(host.at(POLICY), host.at("/etc/policy")).unwrap();
            set_mode(&host.at("/etc/policy"), 0o666);
            symlink("../policy", host.at(POLICY)).unwrap();
        },
    ];
    for flaw in flaws {
        let host = NamesHost::with_list(PLAIN);
        flaw(&host);
        assert_eq!(host.run(&Launch::default()), Some(2), "{}", host.log());
        assert!(host.log().contains("hint: "), "{}", host.log());
    }
}

#[test]
fn refuses_a_policy_with_a_mistake_and_says_where() {
    let host = NamesHost::with_list(PLAIN);
    host.write_policy("\nbackend = \"resolvectl\"");
    assert_eq!(host.run(&Launch::default()), Some(2));
    assert!(host.log().contains("line 3: \"backend\" wants one of auto, resolved"), "{}", host.log());
}

#[test]
fn a_policy_that_is_not_there_is_the_default_one() {
    let host = NamesHost::with_list(PLAIN);
    fs::remove_file(host.at(POLICY)).unwrap();
    assert_eq!(host.run(&Launch::default()), Some(2), "{}", host.log());
    // The default engine is looked for, and this host has none.
    assert!(host.log().contains("engine_user \"rayfish\""), "{}", host.log());
    let mut users = fs::read_to_string(host.at("/etc/passwd")).unwrap();
    users.push_str("rayfish:x:60077:60077::/:/bin/false\n");
    fs::write(host.at("/etc/passwd"), users).unwrap();
    let _names = host.start();
    host.connect().greet().set(names());
}

#[test]
fn undo_does_nothing_while_a_process_serves() {
    let host = NamesHost::with_list(PLAIN);
    let _names = host.start();
    let mut engine = host.connect().greet();
    engine.set(names());
    assert_eq!(host.undo(), Some(0));
    assert!(host.list().contains("100.100.100.53") && host.log().contains("nothing to undo"), "{}", host.log());
}

#[test]
fn undo_works_with_a_policy_that_is_broken() {
    let host = NamesHost::with_list(PLAIN);
    let mut process = host.start();
    let mut engine = host.connect().greet();
    engine.set(names());
    process.kill();
    host.write_policy("bakcend = \"off\"");
    assert_eq!(host.undo(), Some(0));
    assert_eq!(host.list_bytes(), PLAIN);
    assert_eq!(host.undo(), Some(0), "nothing is there to undo");
}

#[test]
fn the_service_manager_hears_when_it_serves_and_what_is_set() {
    let host = NamesHost::with_list(PLAIN);
    let mut manager = ServiceManager::new();
    let launch = Launch { env: manager.launch().env, ..Launch::default() };
    let mut process = host.start_with(&launch);
    eventually("it is ready", || manager.has_heard("READY=1"));
    let mut engine = host.connect().greet();
    engine.set(names());
    eventually("it says so", || manager.has_heard("STATUS=the host asks the mesh for its names"));
    drop(engine);
    assert!(process.end_by(nix::sys::signal::Signal::SIGTERM).success());
    eventually("it says so", || manager.has_heard("STOPPING=1"));
}

#[test]
fn refuses_arguments_that_it_does_not_know() {
    let run =
        |arguments: &[&str]| std::process::Command::new(binaries::path("ray-names")).args(arguments).output().unwrap();
    assert_eq!(run(&["--resolv-conf", "/etc/passwd"]).status.code(), Some(2));
    let help = run(&["--help"]);
    let text = String::from_utf8(help.stdout).unwrap();
    assert!(
        help.status.success() && text.contains("/etc/rayfish/names.toml") && text.contains("/run/rayfish/names.sock")
    );
    assert!(text.lines().count() <= 40 && text.lines().all(|line| line.len() <= 80));
}
