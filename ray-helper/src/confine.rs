//! Gives up everything but CAP_NET_ADMIN, for good.

use std::{env, error::Error, fmt, io};

use caps::{CapSet, Capability, CapsHashSet, errors::CapsError};
use nix::{
    errno::Errno,
    sys::{
        prctl,
        resource::{Resource, setrlimit},
        stat::{Mode, umask},
    },
};

use crate::sys::process;

/// Three standard streams, two sockets, signals, netlink, eight queues, what one hostile message can carry, and as
/// many again.
const OPEN_FILES_MAX: u64 = 64;

/// Why the helper could not be confined.
#[derive(Debug)]
pub enum ConfineError {
    /// There is nothing to keep: the one capability that the helper needs is not there.
    NotNetAdmin,
    Capabilities(CapsError),
    Process {
        step: &'static str,
        errno: Errno,
    },
    WorkingDirectory(io::Error),
    /// The kernel took every call and still shows more than was kept.
    NotConfined,
}

impl fmt::Display for ConfineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotNetAdmin => f.write_str("starting: the process lacks CAP_NET_ADMIN"),
            Self::Capabilities(_) => f.write_str("dropping capabilities"),
            Self::Process { step, .. } => f.write_str(step),
            Self::WorkingDirectory(_) => f.write_str("changing the working directory to /"),
            Self::NotConfined => f.write_str("dropping capabilities: some are still there"),
        }
    }
}

impl Error for ConfineError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Capabilities(cause) => Some(cause),
            Self::Process { errno, .. } => Some(errno),
            Self::WorkingDirectory(cause) => Some(cause),
            Self::NotNetAdmin | Self::NotConfined => None,
        }
    }
}

impl From<CapsError> for ConfineError {
    fn from(cause: CapsError) -> Self {
        Self::Capabilities(cause)
    }
}

/// Checks that the process holds the one capability it needs.
pub fn require_net_admin() -> Result<(), ConfineError> {
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_NET_ADMIN)? {
        Ok(())
    } else {
        Err(ConfineError::NotNetAdmin)
    }
}

/// Confines the process. To be called when the socket has its group, which takes capabilities that are given up here.
pub fn confine() -> Result<(), ConfineError> {
    env::set_current_dir("/").map_err(ConfineError::WorkingDirectory)?;
    umask(Mode::from_bits_truncate(0o077));
    process::clear_environment();
    let limit = |resource, value, step| {
        setrlimit(resource, value, value).map_err(|errno| ConfineError::Process { step, errno })
    };
    limit(Resource::RLIMIT_CORE, 0, "forbidding core dumps")?;
    limit(Resource::RLIMIT_NOFILE, OPEN_FILES_MAX, "limiting open files")?;
    cut_capabilities()?;
    let process = |step| move |errno| ConfineError::Process { step, errno };
    prctl::set_no_new_privs().map_err(process("forbidding new privileges"))?;
    prctl::set_dumpable(false).map_err(process("forbidding to be traced"))
}

/// Bounding set first: lowering it takes a capability that the other sets lose after it.
fn cut_capabilities() -> Result<(), ConfineError> {
    let kept = CapsHashSet::from([Capability::CAP_NET_ADMIN]);
    let none = CapsHashSet::new();
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP)? {
        for capability in caps::read(None, CapSet::Bounding)? {
            if !kept.contains(&capability) {
                caps::drop(None, CapSet::Bounding, capability)?;
            }
        }
    }
    caps::clear(None, CapSet::Ambient)?;
    caps::set(None, CapSet::Effective, &kept)?;
    caps::set(None, CapSet::Permitted, &kept)?;
    caps::set(None, CapSet::Inheritable, &none)?;

    let holds = |set, expected: &CapsHashSet| caps::read(None, set).map(|found| found == *expected);
    let confined = holds(CapSet::Effective, &kept)?
        && holds(CapSet::Permitted, &kept)?
        && holds(CapSet::Inheritable, &none)?
        && holds(CapSet::Ambient, &none)?;
    if confined { Ok(()) } else { Err(ConfineError::NotConfined) }
}
