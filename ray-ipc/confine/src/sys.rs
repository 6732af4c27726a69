//! Calls that have no safe wrapper. The only unsafe code of this crate.

use std::env;

use nix::{errno::Errno, libc};

/// Refuses memory that becomes executable after it was anything else, for good.
pub(crate) fn refuse_executable_memory() -> Result<(), Errno> {
    // SAFETY: the arguments are plain numbers.
    let status = unsafe { libc::prctl(libc::PR_SET_MDWE, libc::PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) };
    Errno::result(status).map(drop)
}

/// Empties the environment, so that no library call can be steered by it.
#[cfg(feature = "helper")]
pub(crate) fn clear_environment() {
    for (name, _) in env::vars_os() {
        // SAFETY: the helper has one thread, so nobody reads the environment meanwhile.
        unsafe { env::remove_var(name) };
    }
}
