//! A line on a terminal for what takes its time.

use std::{sync::mpsc, thread, time::Duration};

use crate::output::Output;

/// Shorter waits need no progress line.
const PATIENCE: Duration = Duration::from_millis(300);

/// Says the text after a moment. Dropping it before that says nothing.
#[derive(Debug)]
pub(super) struct Progress {
    _done: Option<mpsc::Sender<()>>,
}

impl Progress {
    pub(super) fn start(output: &Output, text: String) -> Self {
        if !output.shows_progress() {
            return Self { _done: None };
        }
        let (done, is_done) = mpsc::channel::<()>();
        let wait = move || {
            if is_done.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                Output::plain(false).error_text(&text);
            }
        };
        // Without a thread there is no progress line, and nothing else is lost.
        let _ = thread::Builder::new().name("progress".into()).spawn(wait);
        Self { _done: Some(done) }
    }
}
