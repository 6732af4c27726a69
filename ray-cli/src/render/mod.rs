//! Answers as text: pure functions, one file a noun. Everything from elsewhere goes through `escape`.

pub(crate) mod alias;
pub(crate) mod config;
pub(crate) mod device;
pub(crate) mod dns;
pub(crate) mod doctor;
pub(crate) mod engine;
pub(crate) mod firewall;
pub(crate) mod flow;
pub(crate) mod group;
pub(crate) mod invite;
mod ledger;
pub(crate) mod log;
pub(crate) mod measure;
pub(crate) mod member;
pub(crate) mod network;
pub(crate) mod ping;
pub(crate) mod qr;
pub(crate) mod sandbox;
pub(crate) mod status;
pub(crate) mod suggestion;
mod table;
pub(crate) mod whoami;

use ray_ipc::control::{NetworkMode, PathState};

use crate::escape::escape;

/// The path with the address or relay at its other end.
fn whole_path(path: &PathState) -> String {
    match path {
        PathState::Direct { remote } => format!("direct {}", escape(remote)),
        PathState::Relay { url } => format!("relay {}", escape(url)),
        PathState::Unsettled => "unsettled".to_owned(),
        PathState::Absent => "none".to_owned(),
    }
}

/// As in the arguments.
fn mode_name(mode: NetworkMode) -> &'static str {
    match mode {
        NetworkMode::Closed => "closed",
        NetworkMode::Approval => "approval",
        NetworkMode::Open => "open",
    }
}

/// `1 member`, `2 members`.
pub(crate) fn counted(count: impl TryInto<usize>, noun: &str) -> String {
    let count = count.try_into().unwrap_or(usize::MAX);
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
