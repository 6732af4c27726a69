//! What the lab's commands say: data on stdout, all else on stderr.

use std::{error::Error, io::Write};

use crate::lab::LabError;

/// A line of data.
pub(super) fn print(line: &str) -> Result<(), LabError> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(LabError::io("writing to stdout"))
}

/// A line about what happens.
pub(super) fn note(line: &str) {
    // Nobody may be reading.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// An error with its causes; passes the exit code through.
pub(super) fn fail(error: &dyn Error, code: u8) -> u8 {
    note(&format!("error: {error}"));
    let mut cause = error.source();
    while let Some(error) = cause {
        note(&format!("caused by: {error}"));
        cause = error.source();
    }
    code
}
