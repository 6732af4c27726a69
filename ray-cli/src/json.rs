//! Answers as JSON values with a versioned schema. Within a version keys are only ever added.

use ray_ipc::control::{
    EngineInfo, HelperState, InviteReply, JoinReply, LeaveReply, MemberState, MemberStatus, NetworkReply,
    NetworkStatus, PathState, PingReply, PingSummary, StatusReply, TunStatus, UpReply, VERSION,
};
use serde_json::{Map, Value, json};

use crate::{client::RELEASE, error::Failure};

pub(crate) fn up(up: &UpReply) -> Value {
    json!({"schema": "ray.up/1", "ok": true, "was_up": up.was_up, "tun": tun(&up.tun)})
}

pub(crate) fn down(was_up: bool) -> Value {
    json!({"schema": "ray.down/1", "ok": true, "was_up": was_up})
}

pub(crate) fn created(network: &NetworkReply) -> Value {
    json!({
        "schema": "ray.create/1", "ok": true, "name": network.name, "room_id": network.room_id,
        "hostname": network.hostname, "v4": network.v4, "v6": network.v6,
    })
}

pub(crate) fn joined(joined: &JoinReply) -> Value {
    let network = &joined.network;
    json!({
        "schema": "ray.join/1", "ok": true, "name": network.name, "room_id": network.room_id,
        "hostname": network.hostname, "v4": network.v4, "v6": network.v6,
        "members": joined.members, "seated_by": joined.seated_by,
    })
}

pub(crate) fn left(left: &LeaveReply) -> Value {
    json!({"schema": "ray.leave/1", "ok": true, "name": left.name, "told": left.told})
}

pub(crate) fn invited(invite: &InviteReply) -> Value {
    json!({
        "schema": "ray.invite/1", "ok": true, "code": invite.code, "network": invite.network, "uses": invite.uses,
        "expires_at": invite.expires_at, "hostname": invite.hostname,
    })
}

pub(crate) fn version(info: &EngineInfo) -> Value {
    json!({
        "schema": "ray.version/1", "ok": true, "ray": {"release": RELEASE, "protocol": VERSION},
        "engine": engine(info),
    })
}

pub(crate) fn completions(shell: &str, script: &str) -> Value {
    json!({"schema": "ray.completions/1", "ok": true, "shell": shell, "script": script})
}

pub(crate) fn ping(replies: &[PingReply], summary: &PingSummary) -> Value {
    let replies: Vec<Value> = replies
        .iter()
        .map(|reply| {
            let (path, remote) = path(&reply.path);
            json!({"seq": reply.seq, "rtt_ms": reply.rtt_us.map(millis), "path": path, "remote": remote})
        })
        .collect();
    let (path, remote) = path(&summary.path);
    json!({
        // As with the exit code, no answer at all is not ok.
        "schema": "ray.ping/1", "ok": summary.received > 0, "peer": summary.peer, "address": summary.address,
        "replies": replies,
        "summary": {
            "sent": summary.sent, "received": summary.received, "loss_percent": loss_percent(summary),
            "min_ms": summary.min_us.map(millis), "avg_ms": summary.avg_us.map(millis),
            "max_ms": summary.max_us.map(millis), "path": path, "remote": remote,
        },
    })
}

pub(crate) fn status(status: &StatusReply) -> Value {
    let drops: Map<String, Value> =
        status.drops.iter().map(|drop| (drop.reason.clone(), Value::from(drop.packets))).collect();
    let networks: Vec<Value> = status.networks.iter().map(network).collect();
    json!({
        "schema": "ray.status/1", "ok": true, "up": is_up(status), "wanted_up": status.wanted_up,
        "engine": engine(&status.engine), "helper": helper(&status.helper), "tun": status.tun.as_ref().map(tun),
        "underlay": status.underlay, "networks": networks, "drops": drops, "warnings": status.warnings,
    })
}

pub(crate) fn failure(failure: &Failure) -> Value {
    let mut message = failure.message.clone();
    for cause in failure.causes() {
        message.push_str(": ");
        message.push_str(&cause);
    }
    json!({
        "schema": "ray.error/1", "ok": false, "code": failure.code.name(), "message": message,
        "hint": failure.hint, "exit": failure.code.exit_code(),
    })
}

/// Packets can flow: they shall, and the device is there.
pub(crate) fn is_up(status: &StatusReply) -> bool {
    status.wanted_up && status.tun.is_some()
}

/// Share of echo requests without an answer, in per cent.
pub(crate) fn loss_percent(summary: &PingSummary) -> f64 {
    if summary.sent == 0 {
        return 0.0;
    }
    let lost = summary.sent.saturating_sub(summary.received);
    // One decimal is what four or a hundred thousand requests can tell.
    (f64::from(lost) * 1000.0 / f64::from(summary.sent)).round() / 10.0
}

fn engine(info: &EngineInfo) -> Value {
    json!({"release": info.release, "endpoint_id": info.endpoint_id, "pid": info.pid, "uid": info.uid})
}

fn helper(state: &HelperState) -> Value {
    match state {
        HelperState::Connected => json!({"state": "connected", "reason": null}),
        HelperState::Idle => json!({"state": "idle", "reason": null}),
        HelperState::Missing { reason } => json!({"state": "missing", "reason": reason}),
    }
}

fn tun(tun: &TunStatus) -> Value {
    json!({
        "ifname": tun.ifname, "mtu": tun.mtu, "queues": tun.queues, "offload": tun.offload, "v4": tun.v4, "v6": tun.v6,
    })
}

fn network(network: &NetworkStatus) -> Value {
    let members: Vec<Value> = network.members.iter().map(member).collect();
    json!({
        "name": network.name, "room_id": network.room_id, "hostname": network.hostname,
        "coordinator": network.coordinator, "members": members,
    })
}

/// Every member has every key, so that a reader needs no case for each state.
fn member(member: &MemberStatus) -> Value {
    let mut value = json!({
        "hostname": member.hostname, "fqdn": member.fqdn, "endpoint_id": member.endpoint_id, "v4": member.v4,
        "v6": member.v6, "coordinator": member.coordinator, "me": member.me, "state": state_name(&member.state),
        "path": null, "remote": null, "rtt_ms": null, "since_s": null, "last_seen_s": null, "tx_bytes": null,
        "rx_bytes": null,
    });
    match &member.state {
        MemberState::Online { path: route, rtt_us, since_s, tx_bytes, rx_bytes } => {
            let (path, remote) = path(route);
            value["path"] = path.into();
            value["remote"] = remote.into();
            value["rtt_ms"] = millis(*rtt_us).into();
            value["since_s"] = (*since_s).into();
            value["tx_bytes"] = (*tx_bytes).into();
            value["rx_bytes"] = (*rx_bytes).into();
        }
        MemberState::Offline { last_seen_s } => value["last_seen_s"] = (*last_seen_s).into(),
        MemberState::Me | MemberState::Connecting => {}
    }
    value
}

fn state_name(state: &MemberState) -> &'static str {
    match state {
        MemberState::Me => "me",
        MemberState::Online { .. } => "online",
        MemberState::Connecting => "connecting",
        MemberState::Offline { .. } => "offline",
    }
}

/// Kind of path, where there is one, and the address or relay at its other end.
fn path(path: &PathState) -> (Option<&'static str>, Option<&str>) {
    match path {
        PathState::Direct { remote } => (Some("direct"), Some(remote)),
        PathState::Relay { url } => (Some("relay"), Some(url)),
        PathState::Unsettled => (Some("unsettled"), None),
        PathState::Absent => (None, None),
    }
}

/// Microseconds as milliseconds.
#[allow(clippy::cast_precision_loss)] // 2^53 µs are 285 years.
fn millis(us: u64) -> f64 {
    us as f64 / 1000.0
}
