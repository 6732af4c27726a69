//! Answers as JSON values with a versioned schema, one file a noun. Within a version keys are only ever added.

pub(crate) mod alias;
pub(crate) mod config;
pub(crate) mod dns;
pub(crate) mod doctor;
pub(crate) mod firewall;
pub(crate) mod group;
pub(crate) mod invite;
pub(crate) mod log;
pub(crate) mod member;
pub(crate) mod network;
pub(crate) mod ping;
pub(crate) mod sandbox;
pub(crate) mod status;
pub(crate) mod whoami;

use ray_ipc::control::{EngineInfo, NetworkMode, PathState, TunStatus, UpReply, VERSION};
use serde_json::{Value, json};

use crate::{client::RELEASE, error::Failure};

pub(crate) fn up(up: &UpReply) -> Value {
    json!({"schema": "ray.up/1", "ok": true, "was_up": up.was_up, "tun": tun(&up.tun)})
}

pub(crate) fn down(was_up: bool) -> Value {
    json!({"schema": "ray.down/1", "ok": true, "was_up": was_up})
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

fn engine(info: &EngineInfo) -> Value {
    json!({"release": info.release, "endpoint_id": info.endpoint_id, "pid": info.pid, "uid": info.uid})
}

fn tun(tun: &TunStatus) -> Value {
    json!({
        "ifname": tun.ifname, "mtu": tun.mtu, "queues": tun.queues, "offload": tun.offload, "v4": tun.v4, "v6": tun.v6,
    })
}

/// As in the arguments.
fn mode_name(mode: NetworkMode) -> &'static str {
    match mode {
        NetworkMode::Closed => "closed",
        NetworkMode::Approval => "approval",
        NetworkMode::Open => "open",
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
