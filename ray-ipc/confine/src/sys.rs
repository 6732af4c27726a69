//! Calls that have no safe wrapper. The only unsafe code of this crate.

use std::ptr;
#[cfg(feature = "helper")]
use std::{
    fs::File,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
};

use nix::{errno::Errno, libc};

#[cfg(feature = "helper")]
use crate::ruleset::Handled;

/// Asks for the version of the interface instead of making a set of rules.
const LANDLOCK_VERSION: u32 = 1;
#[cfg(feature = "helper")]
const LANDLOCK_PATH_BENEATH: u32 = 1;

/// `struct landlock_path_beneath_attr`
#[cfg(feature = "helper")]
#[repr(C, packed)]
struct PathBeneath {
    access: u64,
    parent: RawFd,
}

/// Refuses memory that becomes executable after it was anything else, for good.
pub(crate) fn refuse_executable_memory() -> Result<(), Errno> {
    // SAFETY: the arguments are plain numbers.
    let status = unsafe { libc::prctl(libc::PR_SET_MDWE, libc::PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) };
    Errno::result(status).map(drop)
}

/// Empties the environment, so that no library call can be steered by it.
#[cfg(feature = "helper")]
pub(crate) fn clear_environment() {
    for (name, _) in std::env::vars_os() {
        // SAFETY: the helper has one thread, so nobody reads the environment meanwhile.
        unsafe { std::env::remove_var(name) };
    }
}

/// The version of the kernel's Landlock, if it has any.
pub fn landlock_abi() -> Option<u8> {
    // SAFETY: without a structure and with a length of zero the kernel only tells its version.
    let version = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, ptr::null::<libc::c_void>(), 0usize, LANDLOCK_VERSION)
    };
    u8::try_from(version).ok().filter(|version| *version > 0)
}

/// Makes a set of rules, which is closed on exec.
#[cfg(feature = "helper")]
pub(crate) fn landlock_create(handled: &Handled) -> Result<OwnedFd, Errno> {
    // SAFETY: the kernel reads as many bytes as the structure has, and it lives as long as the call.
    let made =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, ptr::from_ref(handled), size_of::<Handled>(), 0u32) };
    let made = RawFd::try_from(Errno::result(made)?).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just made it, for nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(made) })
}

/// Allows `access` to what lies at and below `place`.
#[cfg(feature = "helper")]
pub(crate) fn landlock_allow(ruleset: &OwnedFd, place: &File, access: u64) -> Result<(), Errno> {
    let rule = PathBeneath { access, parent: place.as_raw_fd() };
    let ruleset = ruleset.as_raw_fd();
    // SAFETY: both descriptors are open, and the structure is the one of this kind of rule and lives as long as the call.
    let added = unsafe {
        libc::syscall(libc::SYS_landlock_add_rule, ruleset, LANDLOCK_PATH_BENEATH, ptr::from_ref(&rule), 0u32)
    };
    Errno::result(added).map(drop)
}

/// Puts the rules in force for the calling thread, for good.
#[cfg(feature = "helper")]
pub(crate) fn landlock_restrict(ruleset: &OwnedFd) -> Result<(), Errno> {
    // SAFETY: the arguments are plain numbers.
    Errno::result(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0u32) }).map(drop)
}
