//! The processes of a host: the rights that they start with, and how the lab tells what happens to them.

use ray_tests::lab::{Lab, LabConfig, LabError, Process, Signal};

use crate::{bare, stdout};

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
    let engine = || lab.status().unwrap().nodes[1].processes[1].clone();
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
fn helper_and_engine_start_with_the_rights_that_a_distribution_gives_them() {
    let config = LabConfig { infra: false, nodes: 1, ..LabConfig::default() };
    let lab = Lab::start(config).unwrap();
    let list = lab.exec("n1", &["ray-lab", "tool", "ps", "--json"]).unwrap().json().unwrap();
    for (program, uid, caps) in [("ray-helper", 0, "0000000000001000"), ("ray-engine", 60077, "0000000000000000")] {
        let is_it = |info: &&serde_json::Value| info["command"].as_str().unwrap().ends_with(program);
        let info = list["processes"].as_array().unwrap().iter().find(is_it).unwrap();
        assert_eq!((info["uid"].as_i64(), info["cap_bnd"].as_str()), (Some(uid), Some(caps)), "{program}");
        assert_eq!(info["cap_eff"], caps, "{program}");
    }
}

#[test]
fn orphans_are_reaped() {
    let lab = bare(1);
    stdout(&lab, "n1", &["sh", "-c", "for i in 1 2 3 4 5; do (sleep 0.01 &) ; done; sleep 0.1"]);
    let zombies = || stdout(&lab, "n1", &["sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z ' || true"]);
    ray_tests::lab::wait_until(crate::DEADLINE, "no zombie is left", || zombies().trim() == "0").unwrap();
}
