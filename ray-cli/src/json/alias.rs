//! Names of this host's own.

use ray_ipc::control::{AliasReply, AliasStatus, AliasesReply};
use serde_json::{Value, json};

pub(crate) fn list(aliases: &AliasesReply) -> Value {
    let listed: Vec<Value> = aliases.aliases.iter().map(alias).collect();
    json!({"schema": "ray.alias.list/1", "ok": true, "aliases": listed})
}

pub(crate) fn change(schema: &str, change: &AliasReply) -> Value {
    json!({
        "schema": schema, "ok": true, "changed": change.changed, "alias": alias(&change.alias), "hides": change.hides,
    })
}

fn alias(alias: &AliasStatus) -> Value {
    json!({
        "name": alias.name, "target": alias.target, "endpoint_id": alias.endpoint_id, "addresses": alias.addresses,
    })
}
