//! The processes of a host: the rights that they start with, and how the lab tells what happens to them.

use std::time::Duration;

use ray_tests::lab::{Lab, LabConfig, LabError, Process, Signal, wait_until};

use crate::{bare, stdout};

const NONE: &str = "0000000000000000";
const NET_ADMIN: &str = "0000000000001000";

#[test]
fn refuses_to_signal_or_read_what_never_ran() {
    let lab = bare(1);
    let error = lab.kill("n1", Process::Engine, Signal::SIGKILL).unwrap_err();
    assert!(matches!(&error, LabError::Refused(message) if message == "the engine of n1 is not running"), "{error}");
    let error = lab.logs("n1", Process::Helper).unwrap_err();
    assert!(error.to_string().contains("has never run"), "{error}");
    let error = lab.start_process("n1", Some(Process::Infra)).unwrap_err();
    assert!(matches!(&error, LabError::Refused(message) if message == "n1 has no infra"), "{error}");
}

#[test]
fn the_status_lists_every_host_and_process() {
    let lab = bare(2);
    let status = lab.status().unwrap();
    let names: Vec<_> = status.nodes.iter().map(|node| (node.name.as_str(), node.v4.as_str())).collect();
    assert_eq!(names, [("infra", "10.77.0.1"), ("n1", "10.77.0.11"), ("n2", "10.77.0.12")]);
    for node in &status.nodes {
        assert!(node.link && node.processes.iter().all(|process| process.pid.is_none() && process.ended.is_none()));
    }
}

#[test]
#[should_panic(expected = "ended for a forbidden system call (signal 31): n1 helper")]
fn a_lab_in_which_a_program_broke_its_policy_did_not_go_well() {
    let lab = bare(1);
    let start = || lab.start_process("n1", Some(Process::Helper)).unwrap();
    start();
    lab.kill("n1", Process::Helper, Signal::SIGSYS).unwrap();
    let ended = || lab.status().unwrap().nodes.iter().flat_map(|node| &node.processes).any(|p| p.ended.is_some());
    wait_until(Duration::from_secs(20), "the helper ends", ended).unwrap();
    // It counts also when the program runs again.
    start();
}

#[test]
fn what_holds_a_host_together_has_no_rights() {
    let lab = bare(1);
    let list = lab.exec("n1", &["ray-lab", "tool", "ps", "--json"]).unwrap().json().unwrap();
    let holders = list["processes"].as_array().unwrap();
    assert_eq!(holders.len(), 1, "{list}");
    for set in ["cap_eff", "cap_prm", "cap_inh", "cap_bnd", "cap_amb"] {
        assert_eq!(holders[0][set], "0000000000000000", "{set}");
    }
}

#[test]
fn a_killed_engine_is_told_and_can_be_started_again() {
    let config = LabConfig { infra: false, nodes: 1, ..LabConfig::default() };
    let lab = Lab::start(config).unwrap();
    let engine = || lab.status().unwrap().nodes[1].processes[2].clone();
    let first = engine();
    assert!(first.process == Process::Engine && first.pid.is_some() && first.ended.is_none(), "{first:?}");
    lab.kill("n1", Process::Engine, Signal::SIGKILL).unwrap();
    assert_eq!((engine().pid, engine().ended.as_deref()), (None, Some("signal: 9 (SIGKILL)")));
    lab.node("n1").start().unwrap();
    assert!(engine().pid.is_some_and(|pid| Some(pid) != first.pid));
    lab.node("n1").stop().unwrap();
    assert_eq!(engine().ended.as_deref(), Some("exit status: 0"));
    assert!(!lab.logs("n1", Process::Engine).unwrap().is_empty());
}

#[test]
fn all_programs_start_with_the_rights_that_a_distribution_gives_them() {
    let lab = bare(1);
    // What a program finds at its start, before it drops anything itself.
    let helper = enter(&lab, "helper");
    assert_eq!(field(&helper, "Uid"), "0\t0\t0\t0");
    assert_eq!(field(&helper, "Groups"), "60077");
    for (set, caps) in
        [("CapPrm", NET_ADMIN), ("CapEff", NET_ADMIN), ("CapBnd", NET_ADMIN), ("CapInh", NONE), ("CapAmb", NONE)]
    {
        assert_eq!(field(&helper, set), caps, "{set} of the helper");
    }
    let names = enter(&lab, "names");
    assert_eq!((field(&names, "Uid"), field(&names, "Groups")), ("0\t0\t0\t0", "60077"));
    for set in ["CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb"] {
        assert_eq!(field(&names, set), NONE, "{set} of the program for names");
    }
    let engine = enter(&lab, "engine");
    assert_eq!(field(&engine, "Uid"), "60077\t60077\t60077\t60077");
    assert_eq!((field(&engine, "Groups"), field(&engine, "NoNewPrivs")), ("", "1"));
    for set in ["CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb"] {
        assert_eq!(field(&engine, set), NONE, "{set} of the engine");
    }
}

#[test]
fn orphans_are_reaped() {
    let lab = bare(1);
    stdout(&lab, "n1", &["sh", "-c", "for i in 1 2 3 4 5; do (sleep 0.01 &) ; done; sleep 0.1"]);
    let zombies = || stdout(&lab, "n1", &["sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z ' || true"]);
    ray_tests::lab::wait_until(crate::DEADLINE, "no zombie is left", || zombies().trim() == "0").unwrap();
}

/// `/proc/self/status` of a program that starts with these rights.
fn enter(lab: &Lab, privileges: &str) -> String {
    let list = lab.exec("n1", &["ray-lab", "tool", "ps", "--json"]).unwrap().json().unwrap();
    let holder = list["processes"][0]["pid"].as_i64().unwrap();
    let args = serde_json::json!({
        "holder": holder, "privileges": privileges, "cwd": null, "argv": ["cat", "/proc/self/status"],
    });
    stdout(lab, "n1", &["ray-lab", "enter", &args.to_string()])
}

fn field<'a>(status: &'a str, name: &str) -> &'a str {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap().trim()
}
