//! What the helper inherits and does not want.

use std::io;

use nix::libc;

/// Closes every descriptor but the three standard ones. To be called before anything else is opened.
pub fn close_inherited() -> io::Result<()> {
    // SAFETY: the arguments are plain numbers, and the caller has opened nothing yet that this could close under it.
    let status = unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, 0u32) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
