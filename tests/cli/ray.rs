//! Builds and runs the real `ray`.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
};

use serde_json::Value;

use super::fake_engine::FakeEngine;

/// How a run has ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// The one JSON object on stdout; anything else there or on stderr is a failure.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.stderr, "", "JSON goes to stdout alone");
        assert_eq!(self.stdout.matches('\n').count(), 1, "one line: {:?}", self.stdout);
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// Runs `ray` with these arguments against this engine.
pub(crate) fn run(engine: &FakeEngine, arguments: &[&str]) -> Ran {
    finish(command(engine.socket()).args(arguments))
}

/// The same with this text on standard input.
pub(crate) fn run_with_input(engine: &FakeEngine, arguments: &[&str], input: &str) -> Ran {
    let mut command = command(engine.socket());
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that does not read its input may have ended before it came.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    ran(child.wait_with_output().unwrap())
}

pub(crate) fn finish(command: &mut Command) -> Ran {
    ran(command.stdin(Stdio::null()).output().unwrap())
}

/// `ray` with a known environment and this socket.
pub(crate) fn command(socket: &Path) -> Command {
    let mut command = Command::new(binary());
    command.env_clear().env("TERM", "xterm").env("RAY_SOCKET", socket);
    command
}

/// The binary, built with what cargo was told for the tests.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(build)
}

fn build() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--package", "ray-cli", "--bin", "ray", "--message-format", "json-render-diagnostics"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).stderr(Stdio::inherit()).output().unwrap();
    assert!(built.status.success(), "building ray");
    let messages = String::from_utf8(built.stdout).unwrap();
    let executable = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "ray")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    executable.expect("cargo names the executable")
}

fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code().expect("ends by itself, not by a signal"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
