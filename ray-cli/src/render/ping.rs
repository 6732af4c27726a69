//! Echo requests and their sum.

use ray_ipc::control::{PathState, PingReply, PingSummary};

use super::{
    measure::{rtt, seconds},
    whole_path,
};
use crate::{
    escape::escape,
    json::ping::loss_percent,
    output::{Palette, Role},
};

/// One line for one echo request.
pub(crate) fn reply(reply: &PingReply, timeout_ms: u32, palette: Palette) -> String {
    let path = whole_path(&reply.path);
    match reply.rtt_us {
        Some(us) => format!("seq={} time={} path={path}\n", reply.seq, rtt(us)),
        None if reply.path == PathState::Absent => {
            format!("seq={} {}\n", reply.seq, palette.paint(Role::Warn, "not sent: no link to the peer"))
        }
        None => {
            let silence = format!("no answer within {}", seconds(timeout_ms));
            format!("seq={} {} path={path}\n", reply.seq, palette.paint(Role::Warn, &silence))
        }
    }
}

pub(crate) fn summary(summary: &PingSummary) -> String {
    let mut text = format!(
        "--- {} ({}) ---\n{} sent, {} received, {}% lost\n",
        escape(&summary.peer),
        escape(&summary.address),
        summary.sent,
        summary.received,
        loss_percent(summary),
    );
    if let (Some(min), Some(avg), Some(max)) = (summary.min_us, summary.avg_us, summary.max_us) {
        text.push_str(&format!("time min {}, avg {}, max {}; ", rtt(min), rtt(avg), rtt(max)));
    }
    text.push_str(&format!("path {}\n", whole_path(&summary.path)));
    text
}
