//! Members, coordinators, and who wants to be one.

use std::time::{SystemTime, UNIX_EPOCH};

use ray_ipc::control::{MemberReply, RenameRequest, Reply, Request, RequestsReply};

use super::{fake_engine::FakeEngine, ray::run, samples, snapshot::check};

/// Half an hour: the shown hours do not change while a test runs.
const HALF: u64 = 1800;

#[test]
fn requests_show_since_when_and_the_whole_id() {
    let engine = FakeEngine::answering([samples::requests(now() - HALF)]);
    check("requests", &run(&engine, &["requests"]), &engine);
    let nobody = Reply::Requests(RequestsReply { network: "home".into(), requests: vec![] });
    let engine = FakeEngine::answering([nobody]);
    check("requests_none", &run(&engine, &["requests"]), &engine);
}

#[test]
fn coordinators_are_listed_by_seniority() {
    let engine = FakeEngine::answering([samples::coordinators(now() - HALF)]);
    check("admin_list", &run(&engine, &["admin", "list"]), &engine);
}

#[test]
fn a_name_that_is_taken_is_told() {
    let renamed = MemberReply { hostname: "nas-2".into(), ..samples::member_reply() };
    let engine = FakeEngine::answering([Reply::Renamed(renamed)]);
    let ran = run(&engine, &["hostname", "nas"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "the name is nas-2.home.ray, as nas is taken\n"));
    let request = RenameRequest { network: None, hostname: "nas".into(), member: None };
    assert_eq!(engine.requests(), [Request::Rename(request)]);
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
