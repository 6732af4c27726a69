//! Networks: made, entered, left, ended, changed.

use ray_ipc::control::{
    EphemeralReply, JoinReply, LeaveReply, ModeReply, NetworkMode, NetworkReply, NukeReply, RekeyReply, WaitingReply,
};
use serde_json::{Value, json};

use super::mode_name;

pub(crate) fn created(network: &NetworkReply, mode: NetworkMode) -> Value {
    json!({
        "schema": "ray.create/1", "ok": true, "name": network.name, "room_id": network.room_id,
        "hostname": network.hostname, "v4": network.v4, "v6": network.v6, "mode": mode_name(mode),
    })
}

pub(crate) fn joined(joined: &JoinReply) -> Value {
    let network = &joined.network;
    json!({
        "schema": "ray.join/1", "ok": true, "waiting": false, "name": network.name, "room_id": network.room_id,
        "hostname": network.hostname, "v4": network.v4, "v6": network.v6,
        "members": joined.members, "seated_by": joined.seated_by,
    })
}

/// The same object with what is not known yet left open.
pub(crate) fn waiting(waiting: &WaitingReply) -> Value {
    json!({
        "schema": "ray.join/1", "ok": true, "waiting": true, "name": null, "room_id": waiting.room_id,
        "hostname": waiting.hostname, "v4": null, "v6": null, "members": null, "seated_by": null,
    })
}

pub(crate) fn left(left: &LeaveReply) -> Value {
    json!({"schema": "ray.leave/1", "ok": true, "name": left.name, "told": left.told})
}

pub(crate) fn nuked(nuked: &NukeReply) -> Value {
    json!({"schema": "ray.nuke/1", "ok": true, "network": nuked.network, "told": nuked.told})
}

pub(crate) fn ephemeral(ephemeral: &EphemeralReply) -> Value {
    json!({
        "schema": "ray.ephemeral/1", "ok": true, "network": ephemeral.network,
        "ephemeral_s": (ephemeral.seconds > 0).then_some(ephemeral.seconds), "changed": ephemeral.changed,
    })
}

pub(crate) fn mode(mode: &ModeReply) -> Value {
    json!({"schema": "ray.network.mode/1", "ok": true, "network": mode.network, "mode": mode_name(mode.mode)})
}

pub(crate) fn rekeyed(rekeyed: &RekeyReply) -> Value {
    json!({
        "schema": "ray.network.rekey/1", "ok": true, "network": rekeyed.network,
        "discovery_key": rekeyed.discovery_key,
    })
}
