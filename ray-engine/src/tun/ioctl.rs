//! The control calls on a TUN queue.
#![allow(unsafe_code, reason = "ioctl on the TUN device")]

use std::{
    io, mem,
    os::fd::{AsRawFd, OwnedFd},
};

use nix::{errno::Errno, ioctl_read_bad, ioctl_write_int_bad, ioctl_write_ptr_bad, libc};

// From linux/if_tun.h. The header declares the first with an int and passes an `ifreq`, and the second with an int that
// it passes by value; hence the macros for calls whose number says something else than what they do.
ioctl_read_bad!(tun_get_iff, nix::request_code_read!(b'T', 210, size_of::<libc::c_int>()), libc::ifreq);
ioctl_write_int_bad!(tun_set_offload, nix::request_code_write!(b'T', 208, size_of::<libc::c_int>()));
ioctl_write_ptr_bad!(tun_set_header_size, nix::request_code_write!(b'T', 216, size_of::<libc::c_int>()), libc::c_int);

const TUN_F_CSUM: libc::c_int = 0x01;
const TUN_F_TSO4: libc::c_int = 0x02;
const TUN_F_TSO6: libc::c_int = 0x04;
const TUN_F_TSO_ECN: libc::c_int = 0x08;
const TUN_F_USO4: libc::c_int = 0x20;
const TUN_F_USO6: libc::c_int = 0x40;
const TCP: libc::c_int = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
const UDP: libc::c_int = TUN_F_USO4 | TUN_F_USO6;

/// What the kernel leaves to us on packets that we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offload {
    /// Nothing: every packet comes whole and summed.
    Off,
    /// Checksums, and the splitting of TCP.
    Tcp,
    /// Checksums, and the splitting of TCP and UDP.
    TcpAndUdp,
}

pub(super) fn check_flags(fd: &OwnedFd) -> io::Result<()> {
    // SAFETY: `ifreq` is plain data, for which all zero is a value.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    // SAFETY: TUNGETIFF writes one `ifreq` to the pointer, which is valid for that during the call. Another kind of
    // descriptor does not know the call.
    unsafe { tun_get_iff(fd.as_raw_fd(), &raw mut request) }?;
    // SAFETY: TUNGETIFF filled the flags; the union was zeroed before, so that it is initialised in any case.
    let flags = i32::from(unsafe { request.ifr_ifru.ifru_flags });
    for (flag, name) in [
        (libc::IFF_TUN, "the descriptor is not a TUN queue"),
        (libc::IFF_NO_PI, "the TUN queue puts packet information before packets"),
        (libc::IFF_VNET_HDR, "the TUN queue lacks the virtio_net header"),
    ] {
        if flags & flag == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, name));
        }
    }
    Ok(())
}

pub(super) fn set_header_size(fd: &OwnedFd, size: usize) -> io::Result<()> {
    let size = libc::c_int::try_from(size).map_err(io::Error::other)?;
    // SAFETY: TUNSETVNETHDRSZ reads one int from the pointer, which is valid for that during the call.
    unsafe { tun_set_header_size(fd.as_raw_fd(), &raw const size) }?;
    Ok(())
}

/// Asks for all offloads, then for fewer.
pub(super) fn enable_offload(fd: &OwnedFd) -> io::Result<Offload> {
    for (bits, offload) in [(TCP | UDP, Offload::TcpAndUdp), (TCP, Offload::Tcp)] {
        match set_offload(fd, bits) {
            Ok(()) => return Ok(offload),
            Err(Errno::EINVAL) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    disable_offload(fd)
}

pub(super) fn disable_offload(fd: &OwnedFd) -> io::Result<Offload> {
    set_offload(fd, 0)?;
    Ok(Offload::Off)
}

fn set_offload(fd: &OwnedFd, bits: libc::c_int) -> Result<(), Errno> {
    // SAFETY: TUNSETOFFLOAD takes its argument by value and touches no memory of ours.
    unsafe { tun_set_offload(fd.as_raw_fd(), bits) }?;
    Ok(())
}
