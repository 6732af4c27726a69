//! The engine's confinement: no new privilege, no dump, no executable memory of its own making, few files, few system calls.

use std::path::Path;

use crate::{
    ConfineError, files,
    filter::{self, Violation},
    policy, process,
};

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
    /// The helper's socket: connected to.
    pub helper_socket: &'a Path,
}

/// What is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confinement {
    /// Version of the kernel's Landlock interface whose rules hold; `None` where the kernel has none of it.
    pub landlock_abi: Option<u8>,
    /// No memory becomes executable that was anything else before.
    pub refuses_executable_memory: bool,
    /// The kernel lacks a part of what was asked for, such as memory that is never both writable and executable.
    pub is_partial: bool,
}

impl Confinement {
    /// What is not in force that should be, one clause each.
    pub fn missing(&self) -> Vec<&'static str> {
        let landlock = match self.landlock_abi {
            None => Some("the kernel lacks Landlock: files are protected by their owners and modes only"),
            Some(abi) if abi < files::ABI_WANTED => {
                Some("the kernel's Landlock is older than 6.12: signals, sockets and truncation are not all covered")
            }
            Some(_) => None,
        };
        let memory = (!self.refuses_executable_memory)
            .then_some("the kernel is older than 6.3: memory can become executable where system calls allow it");
        let calls = (filter::violation() == Violation::Log)
            .then_some("RAY_SECCOMP=log: system calls that the policy lacks are logged and made");
        [landlock, memory, calls].into_iter().flatten().collect()
    }
}

/// Confines the process for good. To be called before any thread is started.
pub fn confine(places: &Places<'_>) -> Result<Confinement, ConfineError> {
    let violation = filter::violation();
    process::limit(OPEN_FILES_MAX)?;
    process::seal()?;
    let refuses_executable_memory = process::refuse_executable_memory()?;
    let landlock_abi = files::restrict(places)?;
    filter::enforce(policy::ENGINE, violation)?;
    let mut confinement = Confinement { landlock_abi, refuses_executable_memory, is_partial: false };
    confinement.is_partial = !confinement.missing().is_empty();
    Ok(confinement)
}
