//! The history of a network.

use ray_ipc::control::{LogDone, LogEffect, LogEntry};
use serde_json::{Value, json};

use crate::render::measure::iso;

pub(crate) fn log(entries: &[LogEntry], done: &LogDone) -> Value {
    let told: Vec<Value> = entries.iter().map(entry).collect();
    json!({
        "schema": "ray.log/1", "ok": true, "network": done.network, "entries": told,
        "total": done.entries, "unconfirmed": done.unconfirmed,
    })
}

fn entry(entry: &LogEntry) -> Value {
    let (effect, reason) = match &entry.effect {
        LogEffect::Counted => ("counted", None),
        LogEffect::NoEffect { reason } => ("none", Some(reason)),
        LogEffect::Unknown => ("unknown", None),
    };
    json!({
        "id": entry.id, "signed_at": entry.time, "signed": iso(entry.time), "author_id": entry.author_id,
        "author": entry.author, "action": entry.action, "text": entry.text, "effect": effect, "reason": reason,
    })
}
