//! Tells the starter of a lab how far it is.

use std::io::Write;

use crate::lab::protocol::Report;

/// Writes one report. The starter may have left: then nobody needs it.
pub(super) fn report(report: &Report) {
    if let Ok(mut line) = serde_json::to_vec(report) {
        line.push(b'\n');
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(&line);
        let _ = out.flush();
    }
}

pub(super) fn progress(step: impl Into<String>) {
    report(&Report::Progress(step.into()));
}

/// An error with its causes, on one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
