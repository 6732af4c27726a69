//! `ray doctor --sandbox` on whole hosts: everything is refused, and the probe would notice if it were not.

use serde_json::Value;

use ray_tests::lab::{Lab, Output};

use crate::support::{PATIENCE, hosts};

/// Of each process.
const REFUSED_MIN: usize = 60;
/// Leaves the confinement of the probe's children out; builds for debugging know it.
const UNCONFINED: &str = "RAY_PROBE_UNCONFINED=1";

#[test]
fn every_forbidden_act_is_refused_on_a_live_host() {
    let lab = hosts(1);
    let output = probe(&lab, &["ray", "doctor", "--sandbox", "--json"]);
    let report = object(&output);
    assert_eq!(verdicts(&report, "got_through"), [] as [String; 0], "{:#}", broken_promises(&report));
    assert_eq!(output.code(), 0, "{:#}", broken_promises(&report));
    assert_eq!((&report["ok"], &report["as_root"]), (&Value::Bool(true), &Value::Bool(true)));
    for process in ["engine", "helper"] {
        let one = &report[process];
        let refused = usize::try_from(one["refused"].as_u64().unwrap_or_default()).unwrap_or_default();
        assert!(refused >= REFUSED_MIN, "{process}: {refused}");
        // The live process was found, and the kernel holds it to what it promises.
        assert!(one["pid"].is_u64(), "{process} is not seen running");
        let promises = one["promises"].as_array().unwrap();
        assert!(promises.len() >= 3 && promises.iter().all(|promise| promise["holds"] == true), "{promises:?}");
        for name in ["programs.execve", "kernel.bpf", "sockets.packet", "processes.ptrace", "identity.setuid"] {
            let act = act(&report, process, name);
            assert_eq!((&act["verdict"], &act["by"]), (&"refused".into(), &"seccomp".into()), "{process}: {act}");
        }
    }
    // The device that the probe tries it on is a real one.
    for name in ["persist", "owner", "group", "attach", "detach"] {
        let act = act(&report, "engine", &format!("device.{name}"));
        assert_eq!((&act["verdict"], &act["errno"]), (&"refused".into(), &"EPERM".into()), "{act}");
    }
    assert_eq!(leftovers(&lab), "");
}

#[test]
fn another_user_is_told_what_only_root_can_try() {
    let lab = hosts(1);
    let output = lab.exec_as("n1", "alice", &["ray", "doctor", "--sandbox", "--json"]).unwrap();
    let report = object(&output);
    assert_eq!(verdicts(&report, "got_through"), [] as [String; 0]);
    assert_eq!((output.code(), &report["as_root"]), (0, &Value::Bool(false)));
    assert!(report["engine"]["refused"].as_u64() >= Some(REFUSED_MIN as u64), "{}", report["engine"]["refused"]);
    let reasons: Vec<Value> = acts(&report, "engine").iter().map(|act| act["reason"].clone()).collect();
    assert!(reasons.contains(&"run it with sudo".into()), "{reasons:?}");
    let text = lab.exec_as("n1", "alice", &["ray", "doctor", "--sandbox"]).unwrap();
    assert!(text.stdout.contains("→ sudo ray doctor --sandbox\n"), "{}", text.stdout);
}

#[test]
fn acts_get_through_without_the_confinement_and_the_probe_says_so() {
    let lab = hosts(1);
    let output = probe(&lab, &["env", UNCONFINED, "ray", "doctor", "--sandbox", "--json"]);
    let report = object(&output);
    assert_eq!((output.code(), &report["exit"], &report["code"]), (8, &8.into(), &"unsafe".into()));
    let through = verdicts(&report, "got_through");
    // For want of the filter; for want of Landlock; for want of the capabilities being cut.
    for id in ["engine programs.execve", "engine device.persist", "engine sockets.listen", "helper host.settimeofday"] {
        assert!(through.iter().any(|found| found == id), "{id} is not among {through:?}");
    }
    assert!(through.len() > REFUSED_MIN, "{through:?}");
    assert_eq!(leftovers(&lab), "", "what got through is cleaned up");
    let text = probe(&lab, &["env", UNCONFINED, "ray", "doctor", "--sandbox", "--quiet"]);
    assert!(text.code() == 8 && text.stdout.starts_with("unsafe · "), "{}", text.stdout);
}

fn probe(lab: &Lab, argv: &[&str]) -> Output {
    lab.exec_within(PATIENCE, "n1", argv).unwrap_or_else(|error| panic!("{argv:?}: {error}"))
}

fn object(output: &Output) -> Value {
    let object = output.json().unwrap_or_else(|error| panic!("{error}: {}{}", output.stdout, output.stderr));
    assert_eq!(object["schema"], "ray.doctor.sandbox/1", "{object}");
    object
}

fn acts(report: &Value, process: &str) -> Vec<Value> {
    report[process]["acts"].as_array().cloned().unwrap_or_default()
}

fn act(report: &Value, process: &str, id: &str) -> Value {
    acts(report, process).into_iter().find(|act| act["id"] == id).unwrap_or_else(|| panic!("no act {id}"))
}

/// Process and id of each act with this verdict.
fn verdicts(report: &Value, verdict: &str) -> Vec<String> {
    let of = |process: &str| {
        let acts = acts(report, process).into_iter().filter(|act| act["verdict"] == verdict);
        acts.map(|act| format!("{process} {}", act["id"].as_str().unwrap_or_default())).collect::<Vec<_>>()
    };
    [of("engine"), of("helper")].concat()
}

fn broken_promises(report: &Value) -> Value {
    let of = |process: &str| report[process]["promises"].as_array().cloned().unwrap_or_default();
    [of("engine"), of("helper")].concat().into_iter().filter(|promise| promise["holds"] != true).collect()
}

/// What a probe has left in the directories that it tries.
fn leftovers(lab: &Lab) -> String {
    let find = "find /etc /usr/bin /run /root /var/lib/rayfish -maxdepth 2 -name 'rayfish-sandbox-probe*' -o -name ld.so.preload";
    lab.exec("n1", &["sh", "-c", find]).unwrap().stdout
}
