//! The data plane and its device.

use ray_ipc::control::{TunStatus, UpReply};

use super::counted;
use crate::escape::escape;

pub(crate) fn up(up: &UpReply) -> String {
    let verdict = if up.was_up { "already up" } else { "up" };
    format!("{verdict}: {}\n", device(&up.tun))
}

pub(crate) fn down(was_up: bool) -> &'static str {
    if was_up { "down\n" } else { "already down\n" }
}

/// The device in one line.
pub(super) fn device(tun: &TunStatus) -> String {
    let v4 = tun.v4.map(|v4| format!("{v4} · ")).unwrap_or_default();
    format!(
        "{} · {v4}{} · mtu {} · {} · offload {}",
        escape(&tun.ifname),
        tun.v6,
        tun.mtu,
        counted(tun.queues, "queue"),
        if tun.offload { "on" } else { "off" },
    )
}
