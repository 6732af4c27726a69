//! Finds the workspace's programs beside the running one, and builds a missing one.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// Path of the program `name` (`ray`, `ray-helper`, `ray-engine`, `ray-lab`) of the same build as the running one.
///
/// # Panics
/// When the program is missing and cannot be built: no test that needs it can say anything then.
#[allow(clippy::panic)]
pub fn path(name: &str) -> PathBuf {
    let directory = directory().unwrap_or_else(|error| panic!("finding the running program: {error}"));
    let path = directory.join(name);
    if !path.exists() {
        build(name, &directory);
    }
    assert!(path.exists(), "{} is missing and building it did not help", path.display());
    path
}

/// Where cargo puts the programs of this build: tests run one level deeper, in `deps`.
pub fn directory() -> std::io::Result<PathBuf> {
    let mut directory = env::current_exe()?;
    directory.pop();
    if directory.ends_with("deps") {
        directory.pop();
    }
    Ok(directory)
}

/// The package that holds the program `name`.
pub fn package(name: &str) -> &str {
    match name {
        "ray" => "ray-cli",
        "ray-lab" => "ray-tests",
        other => other,
    }
}

#[allow(clippy::panic)]
fn build(name: &str, directory: &Path) {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "-p", package(name)]).current_dir(env!("CARGO_MANIFEST_DIR"));
    if directory.ends_with("release") {
        cargo.arg("--release");
    }
    if let Some(target) = directory.parent() {
        cargo.env("CARGO_TARGET_DIR", target);
    }
    match cargo.status() {
        Ok(status) if status.success() => {}
        Ok(status) => panic!("building {name}: cargo ended with {status}"),
        Err(error) => panic!("building {name}: running cargo: {error}"),
    }
}
