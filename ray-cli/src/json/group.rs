//! Groups of members.

use ray_ipc::control::{GroupStatus, GroupsReply};
use serde_json::{Value, json};

pub(crate) fn groups(schema: &str, groups: &GroupsReply) -> Value {
    let listed: Vec<Value> = groups.groups.iter().map(group).collect();
    json!({"schema": schema, "ok": true, "network": groups.network, "groups": listed})
}

fn group(group: &GroupStatus) -> Value {
    json!({"name": group.name, "members": group.members})
}
