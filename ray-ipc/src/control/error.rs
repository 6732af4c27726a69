//! Failures of a request, in a closed set of kinds with the exit code of each.

use bincode::{Decode, Encode};

/// A failed request: what happened, to which object, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ErrorReply {
    pub code: ErrorCode,
    /// Lower-case clause that names the operation and the object.
    pub message: String,
    /// The next command to run, or who can help.
    pub hint: Option<String>,
}

/// Kinds of failure. The numbers are the exit codes of `ray`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum ErrorCode {
    Other,
    Usage,
    Timeout,
    NotPermitted,
    NotRunning,
    NotFound,
    Refused,
}

impl ErrorCode {
    /// Exit code of a command that ends with this.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Other => 1,
            Self::Usage => 2,
            Self::Timeout => 3,
            Self::NotPermitted => 4,
            Self::NotRunning => 5,
            Self::NotFound => 6,
            Self::Refused => 7,
        }
    }

    /// Stable name for `--json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::Usage => "usage",
            Self::Timeout => "timeout",
            Self::NotPermitted => "not_permitted",
            Self::NotRunning => "not_running",
            Self::NotFound => "not_found",
            Self::Refused => "refused",
        }
    }
}
