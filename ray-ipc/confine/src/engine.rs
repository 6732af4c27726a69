//! The engine's confinement: no new privilege, no dump, no executable memory of its own making, few files, few system calls.

use std::path::Path;

use crate::{ConfineError, Confinement, files, filter, policy, process};

/// One for each link, caller, and relay, at the largest network that fits a ledger, and as many again.
const OPEN_FILES_MAX: u64 = 8192;

/// The files that the engine works with. Everything else is closed to it but a few that every program reads.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// Root's settings: read.
    pub config: &'a Path,
    /// Identity and networks: read and written.
    pub state_dir: &'a Path,
    /// Directory of the control socket: the socket is made in it.
    pub runtime_dir: &'a Path,
}

/// Confines the process for good. To be called before any thread is started.
pub fn confine(places: &Places<'_>) -> Result<Confinement, ConfineError> {
    let violation = filter::violation();
    process::limit(OPEN_FILES_MAX)?;
    process::seal()?;
    let refuses_executable_memory = process::refuse_executable_memory()?;
    let landlock_abi = files::restrict(places)?;
    filter::enforce(policy::ENGINE, violation)?;
    Ok(Confinement::new(landlock_abi, refuses_executable_memory, violation))
}
