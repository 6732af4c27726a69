//! The helper's confinement: one capability, one device node, few system calls, and fewer once it serves.

use std::{path::Path, sync::OnceLock};

use nix::{
    sys::stat::{Mode, umask},
    unistd::chdir,
};

use crate::{
    ConfineError, Confinement, capability,
    filter::{self, Violation},
    inspect, policy, process,
    ruleset::{self, file},
    sys,
};

/// Three standard streams, two sockets, signals, netlink, eight queues, what one hostile message can carry, and as
/// many again.
const OPEN_FILES_MAX: u64 = 64;

/// What a violation does, as asked for in the environment before that is emptied.
static VIOLATION: OnceLock<Violation> = OnceLock::new();

/// Checks that the process holds the one capability it needs.
pub fn require_net_admin() -> Result<(), ConfineError> {
    capability::require_net_admin()
}

/// Confines the process for its start: everything but the stricter filter. To be called when the socket has its group,
/// which takes capabilities that are given up here, and lies in `socket_dir`; `None` without a socket.
pub fn confine<'a>(socket_dir: impl Into<Option<&'a Path>>) -> Result<Confinement, ConfineError> {
    let violation = *VIOLATION.get_or_init(filter::violation);
    chdir("/").map_err(process::step("changing the working directory to /"))?;
    umask(Mode::from_bits_truncate(0o077));
    sys::clear_environment();
    process::limit(OPEN_FILES_MAX)?;
    capability::cut(true)?;
    process::seal()?;
    let refuses_executable_memory = process::refuse_executable_memory()?;
    let tun = (Path::new(ruleset::TUN), file::READ | file::WRITE | file::IOCTL_DEV);
    let own = (Path::new("/proc/self"), file::READ | file::READ_DIR);
    let socket = socket_dir.into().map(|path| (path, file::REMOVE));
    let places: Vec<_> = [tun, own].into_iter().chain(socket).collect();
    let landlock_abi = ruleset::restrict(&places)?;
    filter::enforce(policy::HELPER_START, violation)?;
    Ok(Confinement::new(landlock_abi, refuses_executable_memory, violation))
}

/// Reads back what the kernel shows of the process, and refuses to go on where something is missing. To be called between
/// [`confine`] and [`before_serving`].
pub fn check() -> Result<(), ConfineError> {
    inspect::check(&inspect::HELPER)
}

/// Adds the filter that holds while it serves. Nothing that only the start needs is possible any more.
pub fn before_serving() -> Result<(), ConfineError> {
    filter::enforce(policy::HELPER, *VIOLATION.get_or_init(|| Violation::Kill))
}
