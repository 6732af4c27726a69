//! Finds out before the first packet which requests the kernel takes on a write.
//!
//! What it says when offloads are set tells what it gives us, not what it takes from us. That can be tried while the
//! device is down: the kernel reads the header first and then drops the packet for the device's sake (`EIO`), and it
//! refuses a header that it does not know (`EINVAL`), so that no packet reaches the host. A device that is up is not tried;
//! then the first refusals tell.
#![forbid(unsafe_code)]

use std::{
    io::{self, IoSlice},
    os::fd::{AsFd, OwnedFd},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::uio::writev,
};

use super::{merge::Allowed, vnet};
use crate::packet::{ipv4, ipv6, tcp, udp};

const V4_HEADER_LEN: u16 = vnet::field(ipv4::HEADER_MIN);
const V6_HEADER_LEN: u16 = vnet::field(ipv6::HEADER_LEN);
const TCP_HEADER_LEN: u16 = vnet::field(tcp::HEADER_MIN);
const UDP_HEADER_LEN: u16 = vnet::field(udp::HEADER_LEN);
/// Two segments of one byte.
const PAYLOAD_LEN: u16 = 2;

/// Takes from `wanted` what the kernel refuses.
pub(super) fn narrow(fd: &OwnedFd, wanted: Allowed) -> io::Result<Allowed> {
    if is_up(fd)? {
        return Ok(wanted);
    }
    let (v4, v6) = (V4_HEADER_LEN, V6_HEADER_LEN);
    let takes_tcp = |at| takes(fd, &vnet::tcp(at == v6, at, at + TCP_HEADER_LEN, 1), at, TCP_HEADER_LEN);
    let takes_udp = |at| takes(fd, &vnet::udp(at, at + UDP_HEADER_LEN, 1), at, UDP_HEADER_LEN);
    let takes_summed = |at| takes(fd, &vnet::summed(at, vnet::TCP_SUM_AT), at, TCP_HEADER_LEN);
    Ok(Allowed {
        split_tcp: wanted.split_tcp && takes_tcp(v4) && takes_tcp(v6),
        split_udp: wanted.split_udp && takes_udp(v4) && takes_udp(v6),
        checksum: wanted.checksum && takes_summed(v4) && takes_summed(v6),
        mtu: wanted.mtu,
    })
}

/// The kernel calls a queue writable only while its device is up.
fn is_up(fd: &OwnedFd) -> io::Result<bool> {
    let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLOUT)];
    loop {
        match poll(&mut fds, PollTimeout::ZERO) {
            Ok(_) => break,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    let [queue] = fds;
    Ok(queue.revents().is_some_and(|events| events.contains(PollFlags::POLLOUT)))
}

/// Writes a packet that no host would take either if the device came up meanwhile: but for its version it is all zero,
/// the IPv4 header's sum is wrong, and it is longer than the lengths say.
fn takes(fd: &OwnedFd, header: &[u8; vnet::LEN], transport_at: u16, transport_header_len: u16) -> bool {
    let mut packet = [0; (V6_HEADER_LEN + TCP_HEADER_LEN + PAYLOAD_LEN) as usize];
    if let Some(first) = packet.first_mut() {
        *first = if transport_at == V4_HEADER_LEN { 0x45 } else { 0x60 };
    }
    let len = usize::from(transport_at + transport_header_len + PAYLOAD_LEN);
    let packet = packet.get(..len).unwrap_or_default();
    writev(fd, &[IoSlice::new(header), IoSlice::new(packet)]) != Err(Errno::EINVAL)
}
