//! Settings that are changed while the engine runs.

use ray_ipc::control::{SettingEffect, SettingReply, SettingStatus, SettingValue, SettingsReply};
use serde_json::{Value, json};

pub(crate) fn list(settings: &SettingsReply) -> Value {
    let listed: Vec<Value> = settings.settings.iter().map(setting).collect();
    json!({"schema": "ray.config/1", "ok": true, "file": settings.file, "settings": listed})
}

pub(crate) fn one(status: &SettingStatus, file: &str) -> Value {
    json!({"schema": "ray.config.get/1", "ok": true, "file": file, "setting": setting(status)})
}

pub(crate) fn change(schema: &str, change: &SettingReply) -> Value {
    let reason = match &change.effect {
        SettingEffect::InForce => None,
        SettingEffect::Later { reason } => Some(reason),
    };
    json!({
        "schema": schema, "ok": true, "changed": change.changed, "setting": setting(&change.setting),
        "in_force": reason.is_none(), "reason": reason,
    })
}

fn setting(status: &SettingStatus) -> Value {
    json!({
        "key": status.key.name(), "value": value(status.value), "from": status.origin.name(),
        "default": value(status.default), "in_file": status.in_file.map(value), "set": status.set.map(value),
    })
}

fn value(value: SettingValue) -> Value {
    match value {
        SettingValue::Switch(on) => on.into(),
        SettingValue::Number(number) => number.into(),
        SettingValue::Dns(mode) => mode.name().into(),
    }
}
