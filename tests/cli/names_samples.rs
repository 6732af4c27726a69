//! Answers about names.

use ray_ipc::control::{
    AliasReply, AliasStatus, AliasesReply, DnsConflict, DnsEvent, DnsKeeper, DnsMode, DnsQueryReply, DnsRecord,
    DnsReply, DnsState, DnsUpstream, DnsVerdict, HostDns, RecordKind, Reply,
};

use super::samples::{MOMENT, id};

/// A host that keeps a list of resolvers in a file, which another program writes too.
pub(crate) fn status() -> DnsReply {
    let quarrel = DnsConflict {
        what: "another program has written /etc/resolv.conf 5 times in 10 s".into(),
        remedy: "have it keep the lines between the marks, or: ray config set dns off".into(),
    };
    DnsReply {
        mode: DnsMode::Names,
        search: true,
        keeper: DnsKeeper::Connected,
        host: Some(HostDns {
            backend: "file".into(),
            why: "no other program keeps the settings".into(),
            state: DnsState::Set,
            set: vec!["nameserver 100.100.100.53 in /etc/resolv.conf".into(), "search home.ray".into()],
            conflicts: vec![quarrel],
            resolvers: vec!["192.0.2.53:53".parse().unwrap()],
            search: vec!["example".into()],
        }),
        trouble: None,
        answers: vec!["100.100.100.53".parse().unwrap(), "200::53".parse().unwrap()],
        upstreams: vec![
            DnsUpstream { address: "192.0.2.53:53".parse().unwrap(), answers: true },
            DnsUpstream { address: "[2001:db8::53]:53".parse().unwrap(), answers: false },
        ],
        forwards: true,
        events: vec![DnsEvent { time: MOMENT, text: "the host asks the mesh's resolver (backend file)".into() }],
    }
}

pub(crate) fn missing() -> DnsReply {
    DnsReply {
        keeper: DnsKeeper::Missing { reason: "no socket at /run/rayfish/names.sock".into() },
        host: None,
        upstreams: vec![],
        forwards: false,
        events: vec![],
        ..status()
    }
}

/// A flat name that two networks have.
pub(crate) fn ambiguous() -> Reply {
    Reply::DnsQuery(Box::new(DnsQueryReply {
        name: "nas.ray".into(),
        kind: RecordKind::Any,
        verdict: DnsVerdict::Found,
        target: Some("nas.home.ray".into()),
        network: Some("home".into()),
        alias: false,
        records: vec![
            DnsRecord { kind: RecordKind::A, data: "100.75.1.5".into() },
            DnsRecord { kind: RecordKind::Aaaa, data: "200::5".into() },
        ],
        others: vec!["nas.work.ray".into()],
        upstreams: vec![],
    }))
}

pub(crate) fn found(name: &str, kind: RecordKind, verdict: DnsVerdict) -> DnsQueryReply {
    DnsQueryReply {
        name: name.into(),
        kind,
        verdict,
        target: None,
        network: None,
        alias: false,
        records: vec![],
        others: vec![],
        upstreams: vec![],
    }
}

pub(crate) fn aliases() -> Reply {
    let gone = AliasStatus { name: "old.ray".into(), target: id('9'), endpoint_id: id('9'), addresses: vec![] };
    Reply::Aliases(AliasesReply { aliases: vec![alias(), gone] })
}

pub(crate) fn added(changed: bool) -> Reply {
    Reply::Alias(AliasReply { alias: alias(), changed, hides: Some("db.work.ray".into()) })
}

pub(crate) fn removed() -> Reply {
    Reply::Alias(AliasReply { alias: alias(), changed: true, hides: None })
}

fn alias() -> AliasStatus {
    AliasStatus {
        name: "db.ray".into(),
        target: "nas.home.ray".into(),
        endpoint_id: id('4'),
        addresses: vec!["100.75.1.5".parse().unwrap(), "200::5".parse().unwrap()],
    }
}
