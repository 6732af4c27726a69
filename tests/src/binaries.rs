//! Finds the programs under test, and builds one that is missing or older than its sources.

use std::{
    collections::BTreeSet,
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
    time::SystemTime,
};

/// What cargo sets for a program that it runs, by how the names begin.
const PACKAGE_VARIABLES: [&str; 5] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];

/// The path of the program `name`, in the same target directory and profile as the running test.
///
/// `cargo test --workspace` has built it already; a test of this package alone has not, and must not test yesterday's.
pub fn path(name: &str) -> PathBuf {
    static CHECKED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut checked = CHECKED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let directory = directory().unwrap_or_else(|error| panic!("finding the running program: {error}"));
    let program = directory.join(name);
    if checked.insert(name.to_owned()) && is_stale(&program, package(name)) {
        build(package(name), &directory);
        assert!(program.is_file(), "{} is missing after it was built", program.display());
    }
    program
}

/// The package that holds the program `name`.
pub fn package(name: &str) -> &str {
    match name {
        "ray" => "ray-cli",
        "ray-lab" => "ray-tests",
        other => other,
    }
}

/// `target/<profile>`: a test is in `deps` below it, a program of this package in it.
pub fn directory() -> io::Result<PathBuf> {
    let mut directory = env::current_exe()?;
    directory.pop();
    if directory.ends_with("deps") {
        directory.pop();
    }
    Ok(directory)
}

fn is_stale(program: &Path, package: &str) -> bool {
    let Ok(built) = fs::metadata(program).and_then(|metadata| metadata.modified()) else { return true };
    let workspace = workspace();
    [package, "ray-ipc", "ray-ipc/confine"]
        .map(|member| match member {
            "ray-tests" => "tests",
            "ray-names" => "ray-helper/names",
            member => member,
        })
        .iter()
        .chain((package == "ray-names").then_some(&"ray-helper"))
        .any(|member| is_newer(&workspace.join(member).join("src"), built).unwrap_or(false))
}

/// Whether any file below `directory` was written after `built`.
fn is_newer(directory: &Path, built: SystemTime) -> io::Result<bool> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let newer = match entry.file_type()?.is_dir() {
            true => is_newer(&entry.path(), built)?,
            false => entry.metadata()?.modified()? > built,
        };
        if newer {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Cargo for the workspace and the target directory of the running program.
///
/// What cargo tells the programs that it runs about their package must not reach another cargo: some build scripts
/// (ring's) depend on it, and everything above them would be built again by every other run.
pub fn cargo(directory: &Path, command: &str) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.arg(command).current_dir(workspace());
    for (key, _) in env::vars_os() {
        if PACKAGE_VARIABLES.iter().any(|prefix| key.to_string_lossy().starts_with(prefix)) {
            cargo.env_remove(key);
        }
    }
    if let Some(target) = directory.parent() {
        cargo.arg("--target-dir").arg(target);
    }
    match directory.file_name().and_then(|profile| profile.to_str()) {
        Some("debug") | None => {}
        Some(profile) => {
            cargo.args(["--profile", profile]);
        }
    }
    cargo
}

/// Where the sources of this build are.
pub fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn build(package: &str, directory: &Path) {
    let mut command = cargo(directory, "build");
    command.args(["--quiet", "--bins", "--package", package]);
    let status = command.status().unwrap_or_else(|error| panic!("starting cargo to build {package}: {error}"));
    assert!(status.success(), "building {package}: {status}");
}
