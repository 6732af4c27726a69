//! What the helper inherits and does not want.

use std::{
    io,
    os::fd::{FromRawFd, OwnedFd, RawFd},
};

use nix::libc;

/// The first descriptor after the standard streams.
const FIRST: u32 = 3;

/// Takes the `listed` descriptors after the three standard ones and closes all others. To be called before anything else
/// is opened.
pub fn take_inherited(listed: u32) -> io::Result<Vec<OwnedFd>> {
    let end = FIRST.saturating_add(listed);
    // SAFETY: the arguments are plain numbers, and the caller has opened nothing yet that this could close under it.
    let status = unsafe { libc::syscall(libc::SYS_close_range, end, u32::MAX, 0u32) };
    if status != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut taken = Vec::new();
    for fd in FIRST..end {
        let fd = RawFd::try_from(fd).map_err(io::Error::other)?;
        // SAFETY: plain numbers; where the descriptor is not open the call says so.
        if unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } == 0 {
            // SAFETY: it is open, and nothing in this process has made it its own yet.
            taken.push(unsafe { OwnedFd::from_raw_fd(fd) });
        }
    }
    Ok(taken)
}
