//! Why a process could not be confined.

use std::{error::Error, fmt};

/// A step that the kernel did not do. The process must not go on.
#[derive(Debug)]
pub enum ConfineError {
    /// There is nothing to keep: the one capability that the helper needs is not there.
    NotNetAdmin,
}

impl fmt::Display for ConfineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotNetAdmin => f.write_str("starting: the process lacks CAP_NET_ADMIN"),
        }
    }
}

impl Error for ConfineError {}
