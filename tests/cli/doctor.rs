//! `ray doctor`: what it makes of what the engine says, and of an engine that says nothing. The host's own facts are
//! broken on purpose in the end-to-end tests.

use std::{fs, path::Path, sync::mpsc};

use ray_ipc::control::{
    ConfinementStatus, DnsRequest, ErrorCode, FirewallReply, FirewallRequest, HelperState, Message, Reply, Request,
    ServerHello, StatusReply, TunStatus, VERSION,
};
use serde_json::Value;

use super::{
    fake_engine::{FakeEngine, Step},
    firewall_samples, names_samples,
    ray::{Ran, finish, run},
    samples,
};

#[test]
fn doctor_judges_what_the_engine_says() {
    let engine = engine(troubled());
    let ran = run(&engine, &["doctor", "--json"]);
    assert_eq!((ran.code, &ran.json()["ok"]), (1, &Value::Bool(false)));
    let asked = [Request::Status, Request::Dns(DnsRequest::Status), Request::Firewall(FirewallRequest::Show)];
    assert_eq!(engine.requests(), asked);
    for (id, status, found) in [
        ("engine.socket", "ok", "answers"),
        ("engine.version", "ok", "0.1.0"),
        ("engine.landlock", "warning", "no Landlock"),
        ("engine.tunnel", "ok", "ray987"),
        ("engine.notices", "warning", "no relay answers"),
        ("helper.reached", "failed", "gone"),
        ("tun.device", "failed", "ray987 is not there"),
        ("tun.mtu", "skipped", "ray987"),
        ("address.set", "failed", "100.75.1.2"),
        ("address.bind", "failed", "100.75.1.2"),
        ("names.reached", "warning", "no socket at"),
        ("names.conflicts", "ok", "no other program"),
        ("resolver.host", "skipped", "no network"),
        ("firewall.default", "warning", "is off"),
    ] {
        let check = check(&ran, id);
        assert_eq!(check["status"], status, "{check}");
        assert!(check["found"].as_str().unwrap().contains(found), "{check}");
        let needs_remedy = ["warning", "failed"].contains(&status);
        assert_eq!(check["remedy"].is_string(), needs_remedy, "{check}");
    }
}

#[test]
fn doctor_shows_a_line_a_check_and_a_remedy_below() {
    let text = run(&engine(troubled()), &["doctor"]).stdout;
    let shown = "\nFAIL  tun.device        the engine's device ray987 is not there\n      -> ray down && ray up\n";
    assert!(text.contains(shown), "{text}");
    assert!(text.contains("\nok    engine.version ") && text.contains("\nskip  "), "{text}");
    let quiet = run(&engine(troubled()), &["doctor", "--quiet"]).stdout;
    let is_told = |line: &str| ["warn  ", "FAIL  ", "      -> "].iter().any(|start| line.starts_with(start));
    let (last, others) = quiet.trim_end().rsplit_once('\n').map(|(others, last)| (last, others)).unwrap();
    assert!(others.lines().all(is_told), "{quiet}");
    assert!(last.contains(" of 38 ") && last.ends_with('.'), "{last}");
}

#[test]
fn doctor_works_without_an_engine() {
    let directory = FakeEngine::answering([]);
    let nowhere = directory.directory().join("none.sock");
    let ran = finish(super::ray::command(&nowhere).args(["doctor", "--json"]));
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let socket = check(&ran, "engine.socket");
    assert_eq!(socket["status"], "failed");
    assert!(socket["remedy"].as_str().unwrap().contains("systemctl start rayfish-engine"), "{socket}");
    for id in ["engine.privilege", "tun.device", "address.set", "route.mesh", "firewall.default"] {
        assert_eq!(check(&ran, id)["status"], "skipped", "{id}");
    }
    // What needs no engine is checked all the same.
    assert_ne!(check(&ran, "kernel.features")["status"], "skipped");
    let helper = check(&ran, "helper.socket");
    assert!(helper["found"].as_str().unwrap().contains(ray_ipc::helper::SOCKET_PATH), "{helper}");
}

#[test]
fn doctor_tells_an_engine_of_another_protocol_from_one_that_is_not_there() {
    let hello = ServerHello { version: VERSION + 1, engine_release: "9.0.0".into() }.to_frame().unwrap();
    let ran = run(&FakeEngine::greeting(hello, vec![]), &["doctor", "--json"]);
    assert_eq!(ran.code, 1);
    assert_eq!(check(&ran, "engine.socket")["status"], "ok");
    let version = check(&ran, "engine.version");
    assert!(version["status"] == "failed" && version["found"].as_str().unwrap().contains("9.0.0"), "{version}");
}

#[test]
fn doctor_ends_when_the_engine_hangs() {
    let (open, gate) = mpsc::channel();
    let engine = FakeEngine::playing(vec![Step::Gate(gate)]);
    let ran = run(&engine, &["doctor", "--json"]);
    drop(open);
    let socket = check(&ran, "engine.socket");
    assert!(socket["status"] == "failed" && socket["found"].as_str().unwrap().contains("no answer"), "{socket}");
}

#[test]
fn doctor_says_what_an_engine_that_tells_nothing_says() {
    let refused = samples::error(ErrorCode::NotPermitted);
    let Reply::Error(error) = &refused else { panic!("{refused:?}") };
    let words = error.message.clone();
    let ran = run(&FakeEngine::answering([refused]), &["doctor", "--json"]);
    assert_eq!(check(&ran, "engine.socket")["status"], "ok");
    let tunnel = check(&ran, "engine.tunnel");
    assert!(tunnel["status"] == "skipped" && tunnel["found"].as_str().unwrap().contains(&words), "{tunnel}");
}

#[test]
fn the_manual_describes_every_check_in_order() {
    let ran = run(&engine(samples::status()), &["doctor", "--json"]);
    let checks = ran.json()["checks"].as_array().cloned().unwrap();
    let ids: Vec<&str> = checks.iter().map(|check| check["id"].as_str().unwrap()).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/doctor.md");
    let manual = fs::read_to_string(path).unwrap();
    let rows = manual.lines().filter_map(|line| line.strip_prefix("| `"));
    let described: Vec<&str> = rows.filter_map(|row| row.split_once('`')).map(|(id, _)| id).collect();
    assert_eq!(ids, described);
}

/// An engine that has this to say, and whose firewall is off.
fn engine(status: StatusReply) -> FakeEngine {
    let status = StatusReply { networks: vec![], ..status };
    let firewall = FirewallReply { on: false, ..firewall_samples::status(samples::MOMENT, None) };
    let names = names_samples::missing();
    FakeEngine::conversing(vec![
        vec![Reply::Status(Box::new(status))],
        vec![Reply::Dns(Box::new(names))],
        vec![Reply::Firewall(Box::new(firewall))],
    ])
}

/// A device that is nowhere, a helper that is gone, a kernel that confines nothing.
fn troubled() -> StatusReply {
    let status = samples::status();
    let tun = TunStatus { ifname: "ray987".into(), ..status.tun.clone().unwrap() };
    StatusReply {
        tun: Some(tun),
        helper: HelperState::Missing { reason: "gone".into() },
        confinement: ConfinementStatus { landlock_abi: None, missing: vec!["no Landlock".into()] },
        warnings: vec!["no relay answers".into()],
        ..status
    }
}

fn check(ran: &Ran, id: &str) -> Value {
    let object = ran.json();
    let checks = object["checks"].as_array().unwrap();
    checks.iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("no check {id}: {object}")).clone()
}
