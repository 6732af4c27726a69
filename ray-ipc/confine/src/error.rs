//! Why a process could not be confined.

use std::{error::Error, fmt, io};

use nix::errno::Errno;

use crate::policy::PolicyError;

/// A step that the kernel did not do. The process must not go on.
#[derive(Debug)]
pub enum ConfineError {
    /// There is nothing to keep: the one capability that the helper needs is not there.
    NotNetAdmin,
    /// Neither files nor the bus trust another user.
    NotRoot,
    /// Capabilities could not be read or given up.
    #[cfg(feature = "helper")]
    Capabilities(caps::errors::CapsError),
    /// One call.
    Step {
        /// What it was for.
        step: &'static str,
        errno: Errno,
    },
    /// A policy that is part of this program has a mistake.
    Policy(PolicyError),
    /// A policy is more than a filter can hold.
    Compile(seccompiler::BackendError),
    /// The kernel did not take a filter of system calls.
    Filter(seccompiler::Error),
    /// The kernel has rules for files and did not take ours.
    #[cfg(feature = "engine")]
    Files(landlock::RulesetError),
    /// What the kernel shows could not be read.
    Inspection { what: &'static str, cause: io::Error },
    /// The kernel took every call, and something still is as it must not be.
    NotConfined {
        /// What is as it must not be.
        what: String,
    },
}

impl ConfineError {
    /// What the administrator can do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotNetAdmin => Some("start the helper as root, or as a service with that capability"),
            Self::NotRoot => Some("start it as root; it needs no capability"),
            Self::Filter(_) => {
                Some("the kernel needs CONFIG_SECCOMP_FILTER, and the service manager must not forbid seccomp")
            }
            Self::NotConfined { .. } => Some("start it as the unit of its package does"),
            _ => None,
        }
    }
}

impl fmt::Display for ConfineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotNetAdmin => f.write_str("starting: the process lacks CAP_NET_ADMIN"),
            Self::NotRoot => f.write_str("starting: the process is not root's"),
            #[cfg(feature = "helper")]
            Self::Capabilities(_) => f.write_str("dropping capabilities"),
            Self::Step { step, .. } => f.write_str(step),
            Self::Policy(_) => f.write_str("reading the policy of system calls"),
            Self::Compile(_) => f.write_str("compiling the policy of system calls"),
            Self::Filter(_) => f.write_str("limiting system calls"),
            #[cfg(feature = "engine")]
            Self::Files(_) => f.write_str("limiting access to files"),
            Self::Inspection { what, .. } => write!(f, "checking the confinement: reading {what}"),
            Self::NotConfined { what } => write!(f, "refusing to run half-confined: {what}"),
        }
    }
}

impl Error for ConfineError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            #[cfg(feature = "helper")]
            Self::Capabilities(cause) => Some(cause),
            Self::Step { errno, .. } => Some(errno),
            Self::Policy(cause) => Some(cause),
            Self::Compile(cause) => Some(cause),
            Self::Filter(cause) => Some(cause),
            #[cfg(feature = "engine")]
            Self::Files(cause) => Some(cause),
            Self::Inspection { cause, .. } => Some(cause),
            Self::NotNetAdmin | Self::NotRoot | Self::NotConfined { .. } => None,
        }
    }
}
