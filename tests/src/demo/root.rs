//! Asks for root, through sudo, only when this user cannot build a lab.

use std::{env, os::unix::process::CommandExt, process::Command};

use nix::unistd::getuid;

use super::{DemoError, Options, steps::Steps};
use crate::supervisor;

/// Returns when this process can build a lab; otherwise becomes its own copy under sudo.
pub(super) fn become_root_if_needed(options: Options, steps: &mut Steps) -> Result<(), DemoError> {
    if getuid().is_root() {
        return Ok(());
    }
    let missing = supervisor::missing();
    if missing.is_empty() {
        return Ok(());
    }
    steps.note("this user cannot build network namespaces with two users in them:");
    for line in &missing {
        steps.note(&format!("  missing: {line}"));
    }
    steps.step("asking for root");
    if !supervisor::on_path("sudo") {
        let hint = "get what is missing, or run the demo as root: cargo demo";
        return Err(DemoError::with_details("there is no sudo here", vec![hint.to_owned()]));
    }
    steps.done("through sudo; it touches nothing outside the lab's own namespaces");

    let program = env::current_exe().map_err(|error| DemoError::new(format!("finding this program: {error}")))?;
    let mut sudo = Command::new("sudo");
    // sudo drops the environment, and with it the wish for no colours.
    sudo.arg("--").args(env::var("NO_COLOR").ok().filter(|value| !value.is_empty()).map(|_| "env"));
    sudo.args(env::var("NO_COLOR").ok().filter(|value| !value.is_empty()).map(|value| format!("NO_COLOR={value}")));
    sudo.arg(program).args(["demo", "--built"]);
    sudo.args(options.json.then_some("--json")).args(options.keep.then_some("--keep"));
    Err(DemoError::new(format!("running sudo: {}", sudo.exec())))
}
