//! The real programs of a host, from Debian: made once by `tests/debian/make`, and used by nodes as their root.

use std::{env, path::PathBuf, process::Command, sync::OnceLock};

use crate::binaries;

/// Names another directory than the one below cargo's target directory, to share it between builds.
const DIRECTORY_VARIABLE: &str = "RAY_DEBIAN_ROOT";

/// What is installed besides D-Bus, NetworkManager, dnsmasq, dhclient, curl, dig, ping and Python.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Installed {
    /// Nothing: the C library's own resolver reads `/etc/resolv.conf`.
    Plain,
    /// systemd-resolved, and its module of the C library before the resolver.
    Resolved,
    /// openresolv.
    Openresolv,
}

/// The directories of that host, as overlayfs takes them: upper ones first, between colons.
///
/// # Panics
/// Where it is not there and cannot be made; what is needed is said before.
pub fn root(installed: Installed) -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let directory = MADE.get_or_init(make).display();
    PathBuf::from(match installed {
        Installed::Plain => format!("{directory}/base"),
        Installed::Resolved => format!("{directory}/resolved:{directory}/base"),
        Installed::Openresolv => format!("{directory}/openresolv:{directory}/base"),
    })
}

/// Leaves one that is there, and takes minutes and the archive where there is none.
fn make() -> PathBuf {
    let directory = env::var_os(DIRECTORY_VARIABLE).map(PathBuf::from).unwrap_or_else(|| {
        let profile = binaries::directory().unwrap_or_else(|error| panic!("finding the target directory: {error}"));
        profile.parent().unwrap_or(&profile).join("debian")
    });
    let script = binaries::workspace().join("tests/debian/make");
    let status = Command::new(&script).arg(&directory).status();
    let status = status.unwrap_or_else(|error| panic!("starting {}: {error}", script.display()));
    assert!(status.success(), "{} {}: {status}; its reason is above", script.display(), directory.display());
    directory
}
