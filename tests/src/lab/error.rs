//! Why a lab did not do what was asked.

use std::{fmt, io, time::Duration};

/// A failed operation on a lab.
#[derive(Debug)]
pub enum LabError {
    /// No lab of that name answers; with a hint where one might be.
    NotRunning {
        name: String,
        hint: Option<String>,
    },
    /// The caller asked for something that cannot be meant.
    Usage(String),
    /// The lab has no such node.
    UnknownNode {
        node: String,
        known: Vec<String>,
    },
    /// This user cannot build a lab; each line says what is missing and how to get it.
    Missing(Vec<String>),
    /// The lab did not come up; with the last lines of the log that tells why.
    Start {
        message: String,
        log_tail: Vec<String>,
    },
    /// The supervisor could not do it.
    Refused(String),
    /// It took too long.
    Deadline {
        what: String,
        after: Duration,
    },
    Io {
        what: String,
        cause: io::Error,
    },
}

impl LabError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |cause| Self::Io { what, cause }
    }

    /// Exit code of a command that ends with this.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::NotRunning { .. } => 5,
            Self::UnknownNode { .. } => 6,
            Self::Missing(_) | Self::Start { .. } | Self::Refused(_) | Self::Deadline { .. } | Self::Io { .. } => 1,
        }
    }
}

impl fmt::Display for LabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning { name, hint } => {
                write!(f, "no lab named {name} is running")?;
                hint.as_ref().map_or(Ok(()), |hint| write!(f, "\nhint: {hint}"))
            }
            Self::Usage(message) | Self::Refused(message) => f.write_str(message),
            Self::UnknownNode { node, known } => {
                write!(f, "no node {node} in this lab, which has {}", known.join(", "))
            }
            Self::Missing(lines) => {
                f.write_str("this user cannot build network namespaces with two users in them")?;
                lines.iter().try_for_each(|line| write!(f, "\n  missing: {line}"))?;
                f.write_str("\nhint: get what is missing, or run as root: sudo ray-lab up (ray-lab is in target/debug)")
            }
            Self::Start { message, log_tail } => {
                f.write_str(message)?;
                log_tail.iter().try_for_each(|line| write!(f, "\n  | {line}"))
            }
            Self::Deadline { what, after } => write!(f, "{what}: not within {:.1} s", after.as_secs_f32()),
            Self::Io { what, .. } => f.write_str(what),
        }
    }
}

impl std::error::Error for LabError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { cause, .. } => Some(cause),
            Self::NotRunning { .. }
            | Self::Usage(_)
            | Self::UnknownNode { .. }
            | Self::Missing(_)
            | Self::Start { .. }
            | Self::Refused(_)
            | Self::Deadline { .. } => None,
        }
    }
}
