//! Members, coordinators, and who wants to be one.

use ray_ipc::control::{CoordinatorStatus, CoordinatorsReply, JoinAsked, MemberReply, RequestsReply};
use serde_json::{Value, json};

use crate::render::measure::iso;

/// The member that something was done to; what, says the schema.
pub(crate) fn changed(schema: &str, member: &MemberReply) -> Value {
    json!({
        "schema": schema, "ok": true, "network": member.network, "endpoint_id": member.endpoint_id,
        "hostname": member.hostname,
    })
}

pub(crate) fn requests(requests: &RequestsReply) -> Value {
    let asked: Vec<Value> = requests.requests.iter().map(asked).collect();
    json!({"schema": "ray.requests/1", "ok": true, "network": requests.network, "requests": asked})
}

pub(crate) fn coordinators(coordinators: &CoordinatorsReply) -> Value {
    let listed: Vec<Value> = coordinators.coordinators.iter().map(coordinator).collect();
    json!({"schema": "ray.admin.list/1", "ok": true, "network": coordinators.network, "coordinators": listed})
}

fn asked(asked: &JoinAsked) -> Value {
    json!({
        "endpoint_id": asked.endpoint_id, "hostname": asked.hostname, "asked_at": asked.asked_at,
        "asked": iso(asked.asked_at),
    })
}

fn coordinator(coordinator: &CoordinatorStatus) -> Value {
    json!({
        "endpoint_id": coordinator.endpoint_id, "hostname": coordinator.hostname,
        "granted_by": coordinator.granted_by, "since_at": coordinator.since, "since": iso(coordinator.since),
        "me": coordinator.me,
    })
}
