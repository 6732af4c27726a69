//! Answers as text: pure functions, one file a noun. Everything from elsewhere goes through `escape`.

pub(crate) mod device;
pub(crate) mod engine;
pub(crate) mod invite;
pub(crate) mod measure;
pub(crate) mod network;
pub(crate) mod ping;
pub(crate) mod status;
mod table;

use ray_ipc::control::PathState;

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

/// `1 member`, `2 members`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
