//! Progress on stderr: numbered steps with a tick and how long each took.

use std::{
    env,
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

/// How often a long step says on a log that it is alive.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// The running show.
#[derive(Debug)]
pub(super) struct Steps {
    number: u32,
    title: String,
    started: Instant,
    last_sign: Instant,
    terminal: bool,
    color: bool,
}

impl Steps {
    pub(super) fn begin() -> Self {
        let terminal = io::stderr().is_terminal();
        let color = terminal && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { number: 0, title: String::new(), started: Instant::now(), last_sign: Instant::now(), terminal, color }
    }

    /// Starts a step.
    pub(super) fn step(&mut self, title: &str) {
        self.number += 1;
        title.clone_into(&mut self.title);
        self.started = Instant::now();
        self.last_sign = self.started;
        if self.terminal {
            self.write(&format!("{} {}", self.head(), self.title));
        }
    }

    /// Says what a long step is at. On a terminal in place, in a log from time to time.
    pub(super) fn at(&mut self, detail: &str) {
        if self.terminal {
            self.write(&format!("\r\x1b[K{} {} … {detail}", self.head(), self.title));
        } else if self.last_sign.elapsed() >= SIGN_OF_LIFE {
            self.last_sign = Instant::now();
            self.write(&format!("{} {} … {detail}, {} s\n", self.head(), self.title, self.started.elapsed().as_secs()));
        }
    }

    /// Ends the step; `result` is what it found, or empty.
    pub(super) fn done(&mut self, result: &str) {
        let tick = if self.color { "\x1b[32m✓\x1b[0m" } else { "✓" };
        let result = if result.is_empty() { String::new() } else { format!(": {result}") };
        self.end(&format!("{tick} {}{result} ({:.1} s)", self.title, self.started.elapsed().as_secs_f32()));
    }

    /// Ends the step in failure. The step's name.
    pub(super) fn fail(&mut self, message: &str, details: &[String]) -> String {
        let cross = if self.color { "\x1b[31m✗\x1b[0m" } else { "✗" };
        self.end(&format!("{cross} {}", self.title));
        self.write(&format!("error: step {}, {}: {message}\n", self.number, self.title));
        for line in details {
            self.write(&format!("  | {line}\n"));
        }
        self.title.clone()
    }

    /// A line that belongs to no step.
    pub(super) fn note(&mut self, text: &str) {
        self.write(&format!("{text}\n"));
    }

    fn end(&mut self, text: &str) {
        let start = if self.terminal { "\r\x1b[K" } else { "" };
        self.write(&format!("{start}{} {text}\n", self.head()));
    }

    fn head(&self) -> String {
        format!("{:>2}", self.number)
    }

    fn write(&self, text: &str) {
        let mut err = io::stderr().lock();
        // Progress that nobody can see is not worth failing for.
        let _ = err.write_all(text.as_bytes());
        let _ = err.flush();
    }
}
