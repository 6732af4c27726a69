//! Commands in a host: who they run as, what they get, and how their end comes back.

use std::{
    io::{Read, Write},
    os::unix::process::ExitStatusExt,
    process::Command,
    time::Duration,
};

use ray_tests::{
    binaries,
    lab::{Lab, LabError, Signal, wait_until},
};

use crate::{DEADLINE, bare, stdout};

#[test]
fn passes_streams_and_exit_codes_through() {
    let lab = bare(1);
    let mut exec = lab.spawn("n1", None, &["sh", "-c", "cat; echo oops >&2; exit 7"]).unwrap();
    exec.stdin.take().unwrap().write_all(b"hello").unwrap();
    let output = exec.output(DEADLINE).unwrap();
    assert_eq!((output.code(), output.stdout.as_str(), output.stderr.as_str()), (7, "hello", "oops\n"));
}

#[test]
fn tells_a_signal_from_an_exit_code() {
    let lab = bare(1);
    let output = lab.exec("n1", &["sh", "-c", "kill -TERM $$"]).unwrap();
    assert_eq!((output.status.signal(), output.code()), (Some(15), 143));
}

#[test]
fn names_a_command_that_is_not_there_or_cannot_be_run() {
    let lab = bare(1);
    let output = lab.exec("n1", &["no-such-program"]).unwrap();
    assert_eq!(output.code(), 127);
    assert!(output.stderr.contains("no-such-program"), "{}", output.stderr);
    assert_eq!(lab.exec("n1", &["/etc/passwd"]).unwrap().code(), 126);
}

#[test]
fn refuses_an_unknown_node_and_an_unknown_user() {
    let lab = bare(1);
    let error = lab.exec("n9", &["true"]).unwrap_err();
    assert!(matches!(&error, LabError::UnknownNode { node, .. } if node == "n9"), "{error}");
    assert_eq!(error.exit_code(), 6);
    let output = lab.exec_as("n1", "mallory", &["true"]).unwrap();
    assert_eq!(output.code(), 126);
    assert!(output.stderr.contains("mallory"), "{}", output.stderr);
}

#[test]
fn runs_commands_as_root_or_as_a_user_of_the_host() {
    let lab = bare(1);
    assert_eq!(stdout(&lab, "n1", &["id", "-u"]).trim(), "0");
    for (user, uid) in [("rayfish", "60077"), ("alice", "60078")] {
        let output =
            lab.exec_as("n1", user, &["sh", "-c", "id -u; id -g; id -G; grep CapEff /proc/self/status"]).unwrap();
        let lines: Vec<_> = output.stdout.lines().collect();
        assert_eq!(lines, [uid, uid, uid, "CapEff:\t0000000000000000"], "{output:?}");
    }
}

#[test]
fn every_user_finds_our_programs_first_on_the_path() {
    let lab = bare(1);
    for user in ["root", "alice"] {
        let output = lab.exec_as("n1", user, &["sh", "-c", "command -v ray-lab && ray-lab --version"]).unwrap();
        assert!(output.stdout.starts_with("/run/ray-lab/bin/ray-lab\nray-lab "), "{output:?}");
    }
}

#[test]
fn a_command_sees_the_hosts_network_but_no_process_of_the_machine() {
    let lab = bare(1);
    assert!(stdout(&lab, "n1", &["cat", "/proc/net/fib_trie"]).contains("10.77.0.11"));
    let first = stdout(&lab, "n1", &["cat", "/proc/1/cmdline"]);
    assert_eq!(first.split('\0').collect::<Vec<_>>(), ["ray-lab", "supervise-inner", ""]);
}

#[test]
fn kills_a_command_and_its_children_when_its_client_leaves() {
    let lab = bare(1);
    let mut exec = lab.spawn("n1", None, &["sh", "-c", "sleep 4711 & echo started; wait"]).unwrap();
    let mut word = [0; 8];
    exec.stdout.as_mut().unwrap().read_exact(&mut word).unwrap();
    assert!(runs(&lab, "4711"));
    drop(exec);
    wait_until(DEADLINE, "the command ends", || !runs(&lab, "4711")).unwrap();
}

#[test]
fn gives_up_on_a_command_that_takes_too_long() {
    let lab = bare(1);
    let error = lab.exec_within(Duration::from_millis(100), "n1", &["sleep", "4712"]).unwrap_err();
    assert!(matches!(error, LabError::Deadline { .. }), "{error}");
    wait_until(DEADLINE, "the command ends", || !runs(&lab, "4712")).unwrap();
}

#[test]
fn does_not_wait_for_a_child_that_keeps_the_streams_open() {
    let lab = bare(1);
    let output = lab.exec_within(DEADLINE, "n1", &["sh", "-c", "sleep 4713 & echo done"]).unwrap();
    assert_eq!(output.stdout, "done\n");
}

#[test]
fn the_command_line_passes_all_of_it_on() {
    let lab = bare(1);
    let run = |args: &[&str]| {
        let mut command = Command::new(binaries::path("ray-lab"));
        command.args(["exec", "--name", lab.name()]).args(args).output().unwrap()
    };
    let output = run(&["n1", "--", "sh", "-c", "pwd; uname -n; exit 3"]);
    let cwd = std::env::current_dir().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{}\nn1\n", cwd.display()));
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(run(&["--user", "alice", "n1", "--", "id", "-un"]).stdout, b"alice\n");
    assert_eq!(run(&["n1", "--", "sh", "-c", "kill -KILL $$"]).status.code(), Some(137));
    assert_eq!(run(&["n9", "--", "true"]).status.code(), Some(6));
    assert_eq!(run(&["n1"]).status.code(), Some(2));
}

#[test]
fn the_command_line_forwards_signals() {
    let lab = bare(1);
    let mut child = Command::new(binaries::path("ray-lab"))
        .args([
            "exec",
            "--name",
            lab.name(),
            "n1",
            "--",
            "sh",
            "-c",
            "trap 'exit 42' TERM; while :; do sleep 0.05; done # 4714",
        ])
        .spawn()
        .unwrap();
    wait_until(DEADLINE, "the command starts", || runs(&lab, "4714")).unwrap();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    // The shell may not have set its trap yet.
    wait_until(DEADLINE, "the command ends", || {
        nix::sys::signal::kill(pid, Signal::SIGTERM).unwrap();
        child.try_wait().unwrap().is_some_and(|status| {
            assert!([Some(42), Some(143)].contains(&status.code()), "{status}");
            true
        })
    })
    .unwrap();
}

#[test]
fn says_so_when_no_lab_of_that_name_runs() {
    let error = Lab::attach("nobody-started-this").unwrap_err();
    assert!(matches!(&error, LabError::NotRunning { name, .. } if name == "nobody-started-this"));
    for args in [&["status"][..], &["down"], &["exec", "n1", "--", "true"], &["kill", "n1", "engine"]] {
        let mut command = Command::new(binaries::path("ray-lab"));
        let (verb, rest) = args.split_first().unwrap();
        let output = command.args([verb, "--name", "nobody-started-this"]).args(rest).output().unwrap();
        assert_eq!(output.status.code(), Some(5), "{args:?}");
        assert!(output.stdout.is_empty());
    }
}

/// Whether a process whose command line contains `mark` runs in the lab.
fn runs(lab: &Lab, mark: &str) -> bool {
    stdout(lab, "n1", &["ray-lab", "tool", "ps", "--json"]).contains(mark)
}
