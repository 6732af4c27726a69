//! Tests of the lab itself, with hosts that run nothing but what a test puts there. They need root.
// All of this is test code; clippy knows only the functions with `#[test]` for that.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bench;
mod commands;
mod hosts;
mod infra;
mod names;
mod processes;
mod rootless;
mod teardown;
mod tools;
mod wires;

use std::time::Duration;

use ray_tests::lab::{Lab, LabConfig};

/// Longest wait for a state that a healthy machine reaches in well under a second.
const DEADLINE: Duration = Duration::from_secs(10);

/// Hosts on a switch.
fn bare(nodes: u32) -> Lab {
    Lab::start(LabConfig::bare(nodes)).unwrap()
}

/// Standard output of a command that must succeed.
fn stdout(lab: &Lab, node: &str, argv: &[&str]) -> String {
    let output = lab.exec(node, argv).unwrap();
    assert_eq!(output.code(), 0, "{argv:?} on {node}: {output:?}");
    output.stdout
}
