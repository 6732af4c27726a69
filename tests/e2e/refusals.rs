//! What users do wrong: a clear error, the right exit code, and nothing changed.

use ray_tests::lab::{LabConfig, Process};

use crate::support::{hosts, invite, ray, refused, start, status, try_ray};

#[test]
fn refuses_what_cannot_be_meant_and_changes_nothing() {
    let lab = hosts(1);
    ray(&lab, "n1", &["create", "home"]);
    for name in ["Home", "a.b", "-x", "localhost", &"x".repeat(64), "\u{1b}[31m"] {
        assert_eq!(refused(&lab, "n1", &["create", name], 2)["code"], "usage", "{name:?}");
        refused(&lab, "n1", &["create", "other", "--hostname", name], 2);
        refused(&lab, "n1", &["invite", "home", "--hostname", name], 2);
    }
    let error = refused(&lab, "n1", &["create", "home"], 7);
    assert!(error["hint"].as_str().unwrap().contains("ray leave home"), "{error}");
    refused(&lab, "n1", &["invite", "nowhere"], 6);
    refused(&lab, "n1", &["leave", "nowhere", "-y"], 6);
    refused(&lab, "n1", &["ping", "nobody"], 6);
    refused(&lab, "n1", &["ping", "n1"], 2);
    refused(&lab, "n1", &["invite", "home", "--uses", "0"], 2);
    refused(&lab, "n1", &["join", &invite(&lab, "n1", &["home"])], 7);
}

#[test]
fn an_ordinary_user_looks_but_does_not_change() {
    let lab = hosts(1);
    ray(&lab, "n1", &["create", "home"]);
    let as_alice = |args: &[&str]| {
        let argv: Vec<&str> = ["ray", "--json"].iter().chain(args).copied().collect();
        lab.exec_as("n1", "alice", &argv).unwrap()
    };
    assert_eq!(as_alice(&["status"]).code(), 0);
    for args in [
        &["create", "mine"][..],
        &["invite", "home"],
        &["leave", "home", "-y"],
        &["join", "ray1aaaa"],
        &["up"],
        &["down"],
    ] {
        let output = as_alice(args);
        assert_eq!(output.code(), 4, "{args:?}: {}", output.stdout);
        assert_eq!(output.json().unwrap()["code"], "not_permitted");
    }
    assert_eq!(status(&lab, "n1")["networks"].as_array().unwrap().len(), 1);
}

#[test]
fn says_that_the_engine_is_missing() {
    let mut config = LabConfig { nodes: 1, ..LabConfig::default() };
    config.node("n1").engine = false;
    let lab = start(config);
    for args in [&["status"][..], &["create", "home"], &["up"], &["ping", "n2"]] {
        let output = try_ray(&lab, "n1", args);
        assert_eq!(output.code(), 5, "{args:?}: {}", output.stdout);
        assert_eq!(output.json().unwrap()["code"], "not_running");
    }
}

#[test]
fn says_that_the_helper_is_missing_and_recovers_when_it_comes() {
    let mut config = LabConfig { nodes: 1, ..LabConfig::default() };
    config.node("n1").helper = false;
    let lab = start(config);
    let error = refused(&lab, "n1", &["up"], 5);
    assert!(error["message"].as_str().unwrap().contains("helper"), "{error}");
    assert_eq!(status(&lab, "n1")["helper"]["state"], "missing");
    lab.start_process("n1", Some(Process::Helper)).unwrap();
    assert_eq!(ray(&lab, "n1", &["up"])["ok"], true);
}
