//! Names: how they stand on this host, how one is answered, and those of its own.

use ray_ipc::control::{
    AliasesReply, DnsMode, DnsQueryReply, DnsReply, DnsRequest, DnsState, DnsVerdict, HostDns, RecordKind, Reply,
    Request,
};

use super::{
    fake_engine::FakeEngine,
    names_samples as samples,
    ray::run,
    snapshot::{check, check_json},
};

#[test]
fn the_first_line_says_whether_programs_find_mesh_names() {
    let host = |state| Some(HostDns { state, ..samples::status().host.unwrap() });
    for (status, verdict) in [
        (samples::status(), "programs here find mesh names\n"),
        (samples::missing(), "programs here do not find mesh names: ray-names is not running: no socket at "),
        (DnsReply { mode: DnsMode::Off, ..samples::missing() }, "names are off: nothing is changed on this host"),
        (
            DnsReply { trouble: Some("root does not let it".into()), ..samples::status() },
            "programs here do not find mesh names: root does not let it\n",
        ),
        (DnsReply { host: host(DnsState::Waiting), ..samples::status() }, "programs here do not find mesh names yet\n"),
        (
            DnsReply { host: host(DnsState::StoodDown), ..samples::status() },
            "programs here do not find mesh names: another program's settings go first\n",
        ),
        (
            DnsReply {
                host: Some(HostDns { backend: "off".into(), ..samples::status().host.unwrap() }),
                ..samples::status()
            },
            "root keeps this host's DNS settings as they are",
        ),
        (
            DnsReply { host: host(DnsState::Unset), answers: vec![], ..samples::status() },
            "nothing is changed on this host: the tunnel is not up",
        ),
    ] {
        let whole = run(&FakeEngine::answering([Reply::Dns(Box::new(status.clone()))]), &["dns", "status"]);
        let quiet = run(&FakeEngine::answering([Reply::Dns(Box::new(status))]), &["dns", "status", "--quiet"]);
        assert_eq!((whole.code, quiet.code), (0, 0));
        assert!(quiet.stdout.starts_with(verdict), "{}", quiet.stdout);
        assert_eq!(quiet.stdout.lines().count(), 1);
        assert!(whole.stdout.starts_with(&quiet.stdout) && whole.stdout.lines().count() > 2, "{}", whole.stdout);
    }
}

#[test]
fn a_status_shows_what_was_set_what_stands_in_the_way_and_what_has_changed() {
    let reply = || [Reply::Dns(Box::new(samples::status()))];
    let verbose = run(&FakeEngine::answering(reply()), &["dns", "status", "--verbose"]).stdout;
    let plain = run(&FakeEngine::answering(reply()), &["dns", "status"]).stdout;
    assert!(verbose.starts_with(&plain), "{verbose}");
    for told in ["host's own 192.0.2.53:53", "its search example", " ago: the host asks the mesh's resolver"] {
        assert!(verbose.contains(told) && !plain.contains(told), "{told}: {verbose}");
    }
    let engine = FakeEngine::answering([Reply::Dns(Box::new(samples::missing()))]);
    check("dns_status_missing", &run(&engine, &["dns", "status"]), &engine);
    let missing = FakeEngine::answering([Reply::Dns(Box::new(samples::missing()))]);
    check_json("dns_status_missing_json", &run(&missing, &["dns", "status", "--json"]));
}

#[test]
fn a_query_tells_each_way_in_which_it_can_end() {
    let upstreams = vec!["192.0.2.53:53".parse().unwrap()];
    let alias = DnsQueryReply { alias: true, target: Some("nas.home.ray".into()), ..found(DnsVerdict::NoData) };
    for (reply, told) in [
        (found(DnsVerdict::Missing), "x.ray does not exist\n"),
        (found(DnsVerdict::NoData), "x.ray exists and has no A\n"),
        (found(DnsVerdict::Refused), "x.ray is not ours; the question is refused, and the host asks others\n"),
        (
            DnsQueryReply { upstreams, ..found(DnsVerdict::Forwarded) },
            "x.ray is not ours; it is passed on to 192.0.2.53:53\n",
        ),
        (alias, "x.ray exists and has no A\n  an alias of this host for nas.home.ray\n"),
    ] {
        let engine = FakeEngine::answering([Reply::DnsQuery(Box::new(reply))]);
        let ran = run(&engine, &["dns", "query", "x", "--type", "a"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, told));
        let asked = DnsRequest::Query { name: "x".into(), kind: RecordKind::A };
        assert_eq!(engine.requests(), [Request::Dns(asked)]);
    }
    let engine = FakeEngine::answering([]);
    assert_eq!(run(&engine, &["dns", "query", "x", "--type", "mx"]).code, 2);
    assert!(engine.requests().is_empty());
}

#[test]
fn no_alias_and_the_same_alias_again_are_told() {
    let none = Reply::Aliases(AliasesReply { aliases: vec![] });
    let engine = FakeEngine::answering([none]);
    check("alias_list_none", &run(&engine, &["alias", "list"]), &engine);
    let engine = FakeEngine::answering([samples::added(false)]);
    check("alias_add_again", &run(&engine, &["alias", "add", "db", "nas"]), &engine);
}

fn found(verdict: DnsVerdict) -> DnsQueryReply {
    samples::found("x.ray", RecordKind::A, verdict)
}
