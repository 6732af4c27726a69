//! When the helper does not start: each time with a message that names the object, and the right exit code.

use std::{
    fs,
    os::unix::{fs::chown, net::UnixListener},
    path::Path,
    process::Command,
};

use ray_tests::{
    binaries,
    live_helper::{ENGINE_UID, LiveHelper, OTHER_UID, policy_in, run_to_end, set_mode, socket_in},
};

const POLICY: &str = "engine_user = \"60077\"\n";

#[test]
fn refuses_a_policy_that_others_can_write() {
    for mode in [0o664, 0o646, 0o666] {
        let (code, log) = run_to_end(POLICY, |directory| set_mode(&policy_in(directory), mode));
        assert_eq!(code, Some(2), "{log}");
        assert!(log.contains("helper.toml: its mode 0") && log.contains("chmod go-w /"), "{log}");
    }
}

#[test]
fn refuses_a_policy_in_a_directory_that_others_can_write() {
    for mode in [0o775, 0o757, 0o1777] {
        let (code, log) = run_to_end(POLICY, |directory| set_mode(directory, mode));
        assert_eq!(code, Some(2), "{log}");
        assert!(log.contains("lets others than root write to it") && log.contains("chmod go-w /"), "{log}");
    }
}

#[test]
fn refuses_a_policy_that_is_not_roots() {
    let (code, log) = run_to_end(POLICY, |directory| chown(policy_in(directory), Some(ENGINE_UID), None).unwrap());
    assert_eq!(code, Some(2), "{log}");
    assert!(log.contains("it belongs to uid 60077, not to root") && log.contains("chown root /"), "{log}");
    let (code, log) = run_to_end(POLICY, |directory| chown(directory, Some(ENGINE_UID), None).unwrap());
    assert_eq!(code, Some(2), "{log}");
}

#[test]
fn refuses_a_link_into_a_directory_that_others_can_write() {
    let (code, log) = run_to_end(POLICY, |directory| {
        let open = directory.join("open");
        fs::create_dir(&open).unwrap();
        set_mode(&open, 0o777);
        fs::rename(policy_in(directory), open.join("helper.toml")).unwrap();
        std::os::unix::fs::symlink(open.join("helper.toml"), policy_in(directory)).unwrap();
    });
    assert_eq!(code, Some(2), "{log}");
    assert!(log.contains("open: its mode 0777"), "{log}");
}

#[test]
fn refuses_a_missing_policy() {
    let (code, log) = run_to_end(POLICY, |directory| fs::remove_file(policy_in(directory)).unwrap());
    assert_eq!(code, Some(2), "{log}");
    assert!(log.contains("reading /") && log.contains("No such file") && log.contains("hint: "), "{log}");
}

#[test]
fn refuses_a_policy_that_it_does_not_understand() {
    let cases = [
        ("", "\"engine_user\" is missing"),
        ("engine_user = \"0\"\n", "line 1: \"engine_user\" wants a user"),
        ("engine_user = \"root\"\n", "it is root"),
        ("engine_user = \"nobody-of-that-name\"\n", "has no such user"),
        ("engine_user = \"60077\"\nexit = 1\n", "line 2: \"exit\" is not a known key"),
        ("engine_user = \"60077\"\ngrace_s = 1\ngrace_s = 2\n", "line 3: \"grace_s\" is given twice"),
        ("engine_user = \"60077\"\nprefix_v4 = \"0.0.0.0/0\"\n", "line 2: \"prefix_v4\" wants a network"),
        ("engine_user = \"60077\"\ninterface = \"eth0\"\n", "line 2: \"interface\" wants"),
    ];
    for (policy, message) in cases {
        let (code, log) = run_to_end(policy, |_| {});
        assert_eq!(code, Some(2), "{policy}: {log}");
        assert!(log.contains(message), "{policy}: {log}");
    }
}

#[test]
fn refuses_a_socket_path_that_is_not_its_own() {
    let file = |directory: &Path| fs::write(socket_in(directory), "").unwrap();
    let foreign = |directory: &Path| {
        drop(UnixListener::bind(socket_in(directory)).unwrap());
        chown(socket_in(directory), Some(OTHER_UID), None).unwrap();
    };
    let link = |directory: &Path| std::os::unix::fs::symlink("/dev/null", socket_in(directory)).unwrap();
    for prepare in [&file as &dyn Fn(&Path), &foreign, &link] {
        let (code, log) = run_to_end(POLICY, |directory| {
            prepare(directory);
        });
        assert_eq!(code, Some(1), "{log}");
        assert!(log.contains("not a socket of root's stands there"), "{log}");
    }
}

#[test]
fn refuses_to_start_where_another_helper_answers() {
    let mut helper = LiveHelper::start("");
    let client = helper.connect();
    client.bring_up(1);
    let before = helper.state();
    let (code, log) = helper.run_rival();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("another one answers there"), "{log}");
    assert_eq!(helper.state(), before);
    assert!(helper.is_alive() && helper.socket_path().exists());
}

#[test]
fn refuses_to_start_without_the_one_capability_it_needs() {
    let (code, log) = std::thread::scope(|scope| {
        let run = || {
            // Root gets at exec what the bounding set allows; sets belong to threads, and this one ends here.
            caps::drop(None, caps::CapSet::Bounding, caps::Capability::CAP_NET_ADMIN).unwrap();
            run_to_end(POLICY, |_| {})
        };
        scope.spawn(run).join().unwrap()
    });
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("lacks CAP_NET_ADMIN") && log.contains("hint: start the helper as root"), "{log}");
}

#[test]
fn refuses_arguments_that_it_does_not_know() {
    let helper = |arguments: &[&str]| Command::new(binaries::path("ray-helper")).args(arguments).output().unwrap();
    for arguments in [&["--interface", "eth0"][..], &["--policy"], &["x"]] {
        let output = helper(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("ray-helper --help"), "{arguments:?}");
    }
    let version = helper(&["--version"]);
    assert_eq!((version.status.code(), version.stdout.starts_with(b"ray-helper ")), (Some(0), true));
    assert!(String::from_utf8_lossy(&helper(&["--help"]).stdout).contains("--policy PATH"));
}
