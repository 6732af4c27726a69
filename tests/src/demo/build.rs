//! Brings the programs up to date before anything asks for root, so that nobody but the caller owns what is built.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader},
    process::Stdio,
};

use super::{DemoError, steps::Steps};
use crate::binaries;

const PACKAGES: [&str; 5] = ["ray-helper", "ray-names", "ray-engine", "ray-cli", "ray-tests"];
const NAMES: [&str; 4] = ["ray-helper", "ray-names", "ray-engine", "ray"];
/// Lines of the compiler's output that are shown when a build fails.
const TAIL_LINES: usize = 40;

/// Lets cargo build what is missing or stale. A copy of the programs without their source is used as it is.
pub(super) fn build(steps: &mut Steps) -> Result<(), DemoError> {
    steps.step("building ray-helper, ray-names, ray-engine and ray");
    let directory = binaries::directory().map_err(|error| DemoError::new(format!("finding the programs: {error}")))?;
    let source = binaries::workspace();
    if !source.join("Cargo.toml").exists() {
        return if NAMES.iter().all(|name| directory.join(name).exists()) {
            steps.done("no source here, using the programs as they are");
            Ok(())
        } else {
            Err(DemoError::new(format!("neither the source nor all programs are in {}", directory.display())))
        };
    }

    // With this package among them, cargo picks the same features as for this program and builds no library twice.
    let mut cargo = binaries::cargo(&directory, "build");
    cargo.arg("--bins").args(PACKAGES.iter().flat_map(|package| ["-p", package]));
    cargo.env("CARGO_TERM_COLOR", "never").env("CARGO_TERM_PROGRESS_WHEN", "never");
    let mut child = cargo
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| DemoError::new(format!("running cargo: {error}")))?;

    let tail = child.stderr.take().map(|stderr| follow(BufReader::new(stderr), steps)).unwrap_or_default();
    let status = child.wait().map_err(|error| DemoError::new(format!("waiting for cargo: {error}")))?;
    if !status.success() {
        return Err(DemoError::with_details(format!("cargo ended with {status}"), tail.into()));
    }
    steps.done("");
    Ok(())
}

fn follow(stderr: impl BufRead, steps: &mut Steps) -> VecDeque<String> {
    let mut tail = VecDeque::new();
    for line in stderr.lines().map_while(Result::ok) {
        if let Some(package) = line.trim_start().strip_prefix("Compiling ") {
            steps.at(package.split(" (").next().unwrap_or(package));
        }
        if tail.len() == TAIL_LINES {
            tail.pop_front();
        }
        tail.push_back(line);
    }
    tail
}
