//! The control calls on a TUN queue. The only unsafe code of the packet path.

use std::{
    io, mem,
    os::fd::{AsRawFd, OwnedFd},
};

use nix::{errno::Errno, libc};

/// From linux/if_tun.h; the direction and size bits are those of the common ABI.
const TUNGETIFF: libc::c_ulong = 0x8004_54d2;
const TUNSETOFFLOAD: libc::c_ulong = 0x4004_54d0;
const TUNSETVNETHDRSZ: libc::c_ulong = 0x4004_54d8;

const TUN_F_CSUM: libc::c_ulong = 0x01;
const TUN_F_TSO4: libc::c_ulong = 0x02;
const TUN_F_TSO6: libc::c_ulong = 0x04;
const TUN_F_TSO_ECN: libc::c_ulong = 0x08;
const TUN_F_USO4: libc::c_ulong = 0x20;
const TUN_F_USO6: libc::c_ulong = 0x40;
const TCP: libc::c_ulong = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
const UDP: libc::c_ulong = TUN_F_USO4 | TUN_F_USO6;

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
    // SAFETY: TUNGETIFF writes one `ifreq` to the pointer, which is valid for that during the call. A descriptor of
    // another kind answers ENOTTY or reads nothing of it.
    Errno::result(unsafe { libc::ioctl(fd.as_raw_fd(), TUNGETIFF, &raw mut request) })?;
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
    Errno::result(unsafe { libc::ioctl(fd.as_raw_fd(), TUNSETVNETHDRSZ, &raw const size) })?;
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

fn set_offload(fd: &OwnedFd, bits: libc::c_ulong) -> Result<(), Errno> {
    // SAFETY: TUNSETOFFLOAD takes its argument by value and touches no memory of ours.
    Errno::result(unsafe { libc::ioctl(fd.as_raw_fd(), TUNSETOFFLOAD, bits) })?;
    Ok(())
}
