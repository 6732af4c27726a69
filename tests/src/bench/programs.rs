//! Brings the programs under test to their shipped form, where the caller has not named others.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use super::BenchError;
use crate::binaries;

const PACKAGES: [&str; 5] = ["ray-helper", "ray-names", "ray-engine", "ray-cli", "ray-tests"];
const PROFILE: &str = "release";

/// The directory of the programs under test.
pub(super) fn find(given: Option<&Path>, tell: &mut dyn FnMut(&str)) -> Result<PathBuf, BenchError> {
    if let Some(directory) = given {
        return directory.canonicalize().map_err(BenchError::io(format!("finding {}", directory.display())));
    }
    tell("building the programs as they are shipped");
    release_build()
}

/// Builds them as they are shipped, beside the running program's own profile; where they are.
fn release_build() -> Result<PathBuf, BenchError> {
    let running = binaries::directory().map_err(BenchError::io("finding the running program"))?;
    let target = running.parent().ok_or_else(|| BenchError::new("the running program is in no target directory"))?;
    let directory = target.join(PROFILE);
    let mut cargo = binaries::cargo(&directory, "build");
    cargo.arg("--bins").args(PACKAGES.iter().flat_map(|package| ["-p", package]));
    let status = cargo.stdin(Stdio::null()).stdout(Stdio::null()).status();
    let status = status.map_err(BenchError::io("running cargo"))?;
    if status.success() { Ok(directory) } else { Err(BenchError::new(format!("cargo ended with {status}"))) }
}
