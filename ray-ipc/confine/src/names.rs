//! The confinement of `ray-names`: root without any capability, and only what its backend needs of files and system calls.

use std::{path::Path, sync::OnceLock};

use nix::{
    sys::stat::{Mode, umask},
    unistd::{Uid, chdir},
};

use crate::{
    ConfineError, Confinement, capability,
    filter::{self, Violation},
    inspect, policy, process,
    ruleset::{self, file},
    sys,
};

/// Three standard streams, three sockets, signals, two watches, a file and its directory, and as many again.
const OPEN_FILES_MAX: u64 = 32;

/// What is read to see who keeps the host's DNS settings, which interface is the mesh's, and of the process itself. The
/// lists are replaced, not rewritten, and a rule for a file would hold for the old one only.
const READ: [&str; 10] = [
    "/etc",
    "/run/systemd/resolve",
    "/run/NetworkManager",
    "/run/resolvconf",
    "/run/connman",
    "/run/netconfig",
    "/usr/lib/systemd/resolv.conf",
    "/proc/self",
    "/sys/class/net",
    "/sys/devices",
];

/// What a violation does, as asked for in the environment before that is emptied.
static VIOLATION: OnceLock<Violation> = OnceLock::new();

/// What the backend needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs<'a> {
    /// Directory of the own socket, which is removed at the end.
    pub socket_dir: Option<&'a Path>,
    /// Directories in which a file is edited or replaced.
    pub edited: &'a [&'a Path],
    /// Whether it speaks to the system bus.
    pub bus: bool,
}

/// Checks that the process is root's, whom files and the bus trust.
pub fn require_root() -> Result<(), ConfineError> {
    if Uid::effective().is_root() { Ok(()) } else { Err(ConfineError::NotRoot) }
}

/// Confines the process for its start: everything but the stricter filter.
pub fn confine(needs: &Needs<'_>) -> Result<Confinement, ConfineError> {
    let violation = *VIOLATION.get_or_init(filter::violation);
    chdir("/").map_err(process::step("changing the working directory to /"))?;
    umask(Mode::from_bits_truncate(0o077));
    sys::clear_environment();
    process::limit(OPEN_FILES_MAX)?;
    capability::cut(false)?;
    process::seal()?;
    let refuses_executable_memory = process::refuse_executable_memory()?;
    let read = READ.iter().map(|path| (Path::new(path), file::READ | file::READ_DIR));
    let socket = needs.socket_dir.map(|path| (path, file::REMOVE));
    let edit = file::READ | file::READ_DIR | file::WRITE | file::TRUNCATE | file::MAKE | file::REMOVE;
    let edited = needs.edited.iter().map(|path| (*path, edit));
    let places: Vec<_> = read.chain(socket).chain(edited).collect();
    let landlock_abi = ruleset::restrict(&places)?;
    filter::enforce(policy::NAMES_START, violation)?;
    Ok(Confinement::new(landlock_abi, refuses_executable_memory, violation))
}

/// Reads back what the kernel shows of the process, and refuses to go on where something is missing.
pub fn check() -> Result<(), ConfineError> {
    inspect::check(&inspect::NAMES)
}

/// Adds the filter that holds while it serves.
pub fn before_serving(needs: &Needs<'_>) -> Result<(), ConfineError> {
    let text = if needs.bus { policy::NAMES_BUS } else { policy::NAMES };
    filter::enforce(text, *VIOLATION.get_or_init(|| Violation::Kill))
}
