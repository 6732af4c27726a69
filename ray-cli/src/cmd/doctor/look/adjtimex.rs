//! Whether somebody keeps the kernel's clock in step.
#![allow(unsafe_code, reason = "no safe crate here has adjtimex")]

use std::{io, mem};

use nix::libc;

/// Whether the clock is synchronised, as the kernel was told by whoever does it.
pub(in crate::cmd::doctor) fn is_synchronised() -> io::Result<bool> {
    // SAFETY: a structure of integers, for which all bytes zero is a value; `modes` 0 asks without changing.
    let mut clock: libc::timex = unsafe { mem::zeroed() };
    // SAFETY: the pointer is to a structure of this call's own that lives through it.
    let state = unsafe { libc::adjtimex(&raw mut clock) };
    if state == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(state != libc::TIME_ERROR && clock.status & libc::STA_UNSYNC == 0)
}
