//! Echo requests and their sum.

use ray_ipc::control::{PingReply, PingSummary};
use serde_json::{Value, json};

use super::{millis, path};

pub(crate) fn ping(replies: &[PingReply], summary: &PingSummary) -> Value {
    let replies: Vec<Value> = replies
        .iter()
        .map(|reply| {
            let (path, remote) = path(&reply.path);
            json!({"seq": reply.seq, "rtt_ms": reply.rtt_us.map(millis), "path": path, "remote": remote})
        })
        .collect();
    let (path, remote) = path(&summary.path);
    json!({
        // As with the exit code, no answer at all is not ok.
        "schema": "ray.ping/1", "ok": summary.received > 0, "peer": summary.peer, "address": summary.address,
        "replies": replies,
        "summary": {
            "sent": summary.sent, "received": summary.received, "loss_percent": loss_percent(summary),
            "min_ms": summary.min_us.map(millis), "avg_ms": summary.avg_us.map(millis),
            "max_ms": summary.max_us.map(millis), "path": path, "remote": remote,
        },
    })
}

/// Share of echo requests without an answer, in per cent.
pub(crate) fn loss_percent(summary: &PingSummary) -> f64 {
    if summary.sent == 0 {
        return 0.0;
    }
    let lost = summary.sent.saturating_sub(summary.received);
    // One decimal is what four or a hundred thousand requests can tell.
    (f64::from(lost) * 1000.0 / f64::from(summary.sent)).round() / 10.0
}
