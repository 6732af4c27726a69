//! Which network namespace something lives in.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::{errno::Errno, sys::stat::fstat};

mod raw {
    use nix::libc::{SIOCGSKNS, TUNGETDEVNETNS};

    nix::ioctl_none_bad!(of_tun, TUNGETDEVNETNS);
    nix::ioctl_none_bad!(of_socket, SIOCGSKNS);
}

/// Whether the device of `queue` is in the network namespace of `socket`.
pub fn are_together(queue: BorrowedFd<'_>, socket: BorrowedFd<'_>) -> Result<bool, Errno> {
    // SAFETY: the descriptor is open for the length of the call, which takes no argument and makes a new descriptor.
    let tun = unsafe { owned(raw::of_tun(queue.as_raw_fd())?) };
    // SAFETY: as above.
    let ours = unsafe { owned(raw::of_socket(socket.as_raw_fd())?) };
    let (tun, ours) = (fstat(&tun)?, fstat(&ours)?);
    Ok((tun.st_dev, tun.st_ino) == (ours.st_dev, ours.st_ino))
}

/// # Safety
/// The descriptor has just been made by the kernel, and nobody else knows it.
unsafe fn owned(fd: RawFd) -> OwnedFd {
    // SAFETY: as the caller says.
    unsafe { OwnedFd::from_raw_fd(fd) }
}
