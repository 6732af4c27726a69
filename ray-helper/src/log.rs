//! Plain lines to standard error.

use std::{
    fmt,
    io::{self, Write},
    sync::OnceLock,
    time::{Duration, Instant},
};

use crate::limit::Bucket;

/// Lines that a peer can cause: a burst to read, then a trickle, so that nobody fills the host's journal.
const LINES_BURST: u32 = 50;
const LINES_INTERVAL: Duration = Duration::from_millis(200);

/// What every line begins with, where it is not the helper that writes.
static PROGRAM: OnceLock<&'static str> = OnceLock::new();

/// Has every line begin with the name of another program that uses this.
pub fn set_program(name: &'static str) {
    let _ = PROGRAM.set(name);
}

/// Writes one line in one piece. A closed standard error is no reason to stop serving.
pub fn line(text: fmt::Arguments<'_>) {
    let program = PROGRAM.get().copied().unwrap_or("ray-helper");
    let _ = io::stderr().write_all(format!("{program}: {text}\n").as_bytes());
}

/// Writes lines that a peer's conduct causes, within a budget.
#[derive(Debug)]
pub struct PeerLog {
    budget: Bucket,
    suppressed: u64,
}

impl PeerLog {
    pub fn new(now: Instant) -> Self {
        Self { budget: Bucket::new(LINES_BURST, LINES_INTERVAL, now), suppressed: 0 }
    }

    /// Writes one line, or counts it for the next that fits the budget.
    pub fn line(&mut self, now: Instant, text: fmt::Arguments<'_>) {
        if !self.budget.wait(now).is_zero() {
            self.suppressed = self.suppressed.saturating_add(1);
            return;
        }
        self.budget.take(now);
        match std::mem::take(&mut self.suppressed) {
            0 => line(text),
            count => line(format_args!("{text} ({count} lines like it left out)")),
        }
    }
}
