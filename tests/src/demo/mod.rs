//! The newcomer's show: two whole hosts find each other, and traffic flows by IPv4, IPv6 and name.
//!
//! Everything that it reports is measured: times by the kernel's own sockets, rights by `/proc`, paths by `ray`.

mod build;
mod report;
mod root;
mod show;
mod steps;

use std::{fmt, io::Write};

use crate::lab::LabError;

pub use self::report::{DemoReport, NodeReport};
use self::steps::Steps;

/// What the caller wants to see.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// One JSON object on stdout instead of tables.
    pub json: bool,
    /// Leave the lab running.
    pub keep: bool,
    /// The programs are built: this is the second half, after sudo.
    pub built: bool,
}

/// Why the demo stopped.
#[derive(Debug)]
pub struct DemoError {
    message: String,
    details: Vec<String>,
}

impl DemoError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), details: vec![] }
    }

    fn with_details(message: impl Into<String>, details: Vec<String>) -> Self {
        Self { message: message.into(), details }
    }
}

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DemoError {}

impl From<LabError> for DemoError {
    fn from(error: LabError) -> Self {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Self::new(format!("{error}{cause}"))
    }
}

/// Runs the demo. The exit code.
pub fn run(options: Options) -> u8 {
    let mut steps = Steps::begin();
    match perform(options, &mut steps) {
        Ok(report) => {
            if options.json {
                print_json(&report);
            }
            0
        }
        Err(error) => {
            let step = steps.fail(&error.message, &error.details);
            if options.json {
                print_json(&serde_json::json!({
                    "schema": report::SCHEMA, "ok": false, "step": step, "error": error.message,
                }));
            }
            1
        }
    }
}

fn perform(options: Options, steps: &mut Steps) -> Result<DemoReport, DemoError> {
    if !options.built {
        build::build(steps)?;
    }
    root::become_root_if_needed(options, steps)?;
    show::show(options, steps)
}

fn print_json<T: serde::Serialize>(value: &T) {
    print_text(&serde_json::to_string(value).unwrap_or_default());
}

/// Data goes to stdout; a reader that left is no reason to fail.
fn print_text(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}
