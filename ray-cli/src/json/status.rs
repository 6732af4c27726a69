//! The whole status in one object.

use ray_ipc::control::{
    ConfinementStatus, HelperState, MemberState, MemberStatus, NetworkStatus, PublicationStatus, Standing, StatusReply,
    WaitingReply,
};
use serde_json::{Map, Value, json};

use super::{engine, millis, mode_name, path, tun};

pub(crate) fn status(status: &StatusReply) -> Value {
    let drops: Map<String, Value> =
        status.drops.iter().map(|drop| (drop.reason.clone(), Value::from(drop.packets))).collect();
    let networks: Vec<Value> = status.networks.iter().map(network).collect();
    let waiting: Vec<Value> = status.waiting.iter().map(waiting).collect();
    json!({
        "schema": "ray.status/1", "ok": true, "up": is_up(status), "wanted_up": status.wanted_up,
        "engine": engine(&status.engine), "helper": helper(&status.helper), "tun": status.tun.as_ref().map(tun),
        "underlay": status.underlay, "confinement": confinement(&status.confinement), "networks": networks, "waiting": waiting, "drops": drops,
        "warnings": status.warnings,
    })
}

/// Packets can flow: they shall, and the device is there.
pub(crate) fn is_up(status: &StatusReply) -> bool {
    status.wanted_up && status.tun.is_some()
}

fn helper(state: &HelperState) -> Value {
    match state {
        HelperState::Connected => json!({"state": "connected", "reason": null}),
        HelperState::Idle => json!({"state": "idle", "reason": null}),
        HelperState::Missing { reason } => json!({"state": "missing", "reason": reason}),
    }
}

fn confinement(confinement: &ConfinementStatus) -> Value {
    json!({"landlock_abi": confinement.landlock_abi, "missing": confinement.missing})
}

fn waiting(waiting: &WaitingReply) -> Value {
    json!({"room_id": waiting.room_id, "hostname": waiting.hostname})
}

fn network(network: &NetworkStatus) -> Value {
    let members: Vec<Value> = network.members.iter().map(member).collect();
    json!({
        "name": network.name, "room_id": network.room_id, "hostname": network.hostname,
        "coordinator": network.coordinator, "mode": mode_name(network.mode), "standing": standing(&network.standing),
        "ephemeral_s": (network.ephemeral_s > 0).then_some(network.ephemeral_s), "entries": network.entries,
        "unconfirmed": network.unconfirmed, "unknown_entries": network.unknown_entries, "requests": network.requests,
        "publication": publication(&network.publication), "members": members,
    })
}

fn standing(standing: &Standing) -> Value {
    match standing {
        Standing::Member => json!({"state": "member", "reason": null, "ended_by": null}),
        Standing::Out { reason } => json!({"state": "out", "reason": reason, "ended_by": null}),
        Standing::Ended { by } => json!({"state": "ended", "reason": null, "ended_by": by}),
    }
}

fn publication(publication: &PublicationStatus) -> Value {
    json!({
        "discovery_key": publication.discovery_key, "publisher": publication.publisher, "seen_s": publication.seen_s,
        "error": publication.error,
    })
}

/// Every member has every key, so that a reader needs no case for each state.
fn member(member: &MemberStatus) -> Value {
    let mut value = json!({
        "hostname": member.hostname, "fqdn": member.fqdn, "endpoint_id": member.endpoint_id, "v4": member.v4,
        "v6": member.v6, "coordinator": member.coordinator, "me": member.me, "state": state_name(&member.state),
        "path": null, "remote": null, "rtt_ms": null, "since_s": null, "last_seen_s": null, "tx_bytes": null,
        "rx_bytes": null,
        "tx_packets": null,
        "rx_packets": null,
        "lost_packets": null,
    });
    match &member.state {
        MemberState::Online {
            path: route,
            rtt_us,
            since_s,
            tx_bytes,
            rx_bytes,
            tx_packets,
            rx_packets,
            lost_packets,
        } => {
            let (path, remote) = path(route);
            value["path"] = path.into();
            value["remote"] = remote.into();
            value["rtt_ms"] = millis(*rtt_us).into();
            value["since_s"] = (*since_s).into();
            value["tx_bytes"] = (*tx_bytes).into();
            value["rx_bytes"] = (*rx_bytes).into();
            value["tx_packets"] = (*tx_packets).into();
            value["rx_packets"] = (*rx_packets).into();
            value["lost_packets"] = (*lost_packets).into();
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
