//! Why the bench, or one contestant of it, stopped.

use std::{fmt, io};

use crate::lab::LabError;

/// What went wrong, with the lines of output that tell why.
#[derive(Debug)]
pub struct BenchError {
    pub message: String,
    pub details: Vec<String>,
    code: u8,
}

impl BenchError {
    /// Exit code of a command that ends with this.
    pub fn exit_code(&self) -> u8 {
        self.code
    }

    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), details: vec![], code: 1 }
    }

    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self { code: 2, ..Self::new(message) }
    }

    pub(super) fn with_details(message: impl Into<String>, details: Vec<String>) -> Self {
        Self { details, ..Self::new(message) }
    }

    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |cause| Self::new(format!("{what}: {cause}"))
    }
}

impl fmt::Display for BenchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.details.iter().try_for_each(|line| write!(f, "\n  | {line}"))
    }
}

impl std::error::Error for BenchError {}

impl From<LabError> for BenchError {
    fn from(error: LabError) -> Self {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Self { code: error.exit_code(), ..Self::new(format!("{error}{cause}")) }
    }
}
