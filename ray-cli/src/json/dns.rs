//! Names on this host, and how one is answered.

use ray_ipc::control::{DnsKeeper, DnsQueryReply, DnsReply, HostDns, RecordKind};
use serde_json::{Value, json};

use crate::render::measure::iso;

pub(crate) fn status(status: &DnsReply) -> Value {
    let reason = match &status.keeper {
        DnsKeeper::Connected => None,
        DnsKeeper::Missing { reason } => Some(reason),
    };
    let upstreams: Vec<Value> = status
        .upstreams
        .iter()
        .map(|upstream| json!({"address": upstream.address, "answers": upstream.answers}))
        .collect();
    let events: Vec<Value> = status
        .events
        .iter()
        .map(|event| json!({"happened_at": event.time, "happened": iso(event.time), "text": event.text}))
        .collect();
    json!({
        "schema": "ray.dns.status/1", "ok": true, "mode": status.mode.name(), "search": status.search,
        "keeper": {"state": if reason.is_none() { "connected" } else { "missing" }, "reason": reason},
        "host": status.host.as_ref().map(host), "trouble": status.trouble, "answers": status.answers,
        "forwards": status.forwards, "upstreams": upstreams, "events": events,
    })
}

pub(crate) fn query(found: &DnsQueryReply) -> Value {
    let records: Vec<Value> =
        found.records.iter().map(|record| json!({"type": record.kind.name(), "data": record.data})).collect();
    let kind = Some(found.kind).filter(|kind| *kind != RecordKind::Any).map(RecordKind::name);
    json!({
        "schema": "ray.dns.query/1", "ok": true, "name": found.name, "type": kind, "answer": found.verdict.name(),
        "target": found.target, "network": found.network, "alias": found.alias, "records": records,
        "others": found.others, "upstreams": found.upstreams,
    })
}

fn host(host: &HostDns) -> Value {
    let conflicts: Vec<Value> =
        host.conflicts.iter().map(|conflict| json!({"what": conflict.what, "remedy": conflict.remedy})).collect();
    json!({
        "backend": host.backend, "why": host.why, "state": host.state.name(), "set": host.set, "conflicts": conflicts,
        "resolvers": host.resolvers, "search_domains": host.search,
    })
}
