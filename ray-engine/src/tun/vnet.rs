//! The `virtio_net_hdr` before each packet, read with suspicion.
#![forbid(unsafe_code)]

use tun_rs::{
    VIRTIO_NET_HDR_GSO_TCPV4, VIRTIO_NET_HDR_GSO_TCPV6, VIRTIO_NET_HDR_GSO_UDP_L4, VIRTIO_NET_HDR_LEN, VirtioNetHdr,
};

use crate::packet::{Malformed, TCP, UDP, tcp, udp};

pub(super) const LEN: usize = VIRTIO_NET_HDR_LEN;

/// From linux/virtio_net.h.
const FLAG_NEEDS_CHECKSUM: u8 = 1;
const GSO_NONE: u8 = 0;
const GSO_ECN: u8 = 0x80;

pub(super) const TCP_SUM_AT: u16 = field(tcp::CHECKSUM_AT);
const UDP_SUM_AT: u16 = field(udp::CHECKSUM_AT);

/// What the kernel left undone on a packet that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Undone {
    Nothing,
    /// The sum from `start` on is missing; its place, `offset` behind, holds that of the pseudo header.
    Checksum {
        start: usize,
        offset: usize,
    },
    /// The payload is that of many packets, each with `size` bytes of it, and of this protocol.
    Split {
        protocol: u8,
        size: usize,
    },
}

/// Reads the header alone; whether it fits the packet is judged where it is used.
pub(super) fn read(bytes: &[u8]) -> Result<Undone, Malformed> {
    let header = VirtioNetHdr::decode(bytes).map_err(|_| Malformed::Offload)?;
    let protocol = match header.gso_type & !GSO_ECN {
        GSO_NONE if header.flags & FLAG_NEEDS_CHECKSUM != 0 => {
            let (start, offset) = (usize::from(header.csum_start), usize::from(header.csum_offset));
            return Ok(Undone::Checksum { start, offset });
        }
        GSO_NONE => return Ok(Undone::Nothing),
        VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_TCPV6 => TCP,
        VIRTIO_NET_HDR_GSO_UDP_L4 => UDP,
        _ => return Err(Malformed::Offload),
    };
    Ok(Undone::Split { protocol, size: usize::from(header.gso_size) })
}

/// The header of a packet that needs nothing.
pub(super) const PLAIN: [u8; LEN] = [0; LEN];

/// The header of a packet whose sum from `start` on the kernel is to make.
pub(super) fn summed(start: u16, offset: u16) -> [u8; LEN] {
    encode(&VirtioNetHdr {
        flags: FLAG_NEEDS_CHECKSUM,
        gso_type: GSO_NONE,
        hdr_len: 0,
        gso_size: 0,
        csum_start: start,
        csum_offset: offset,
    })
}

/// The header of a TCP super-packet that we made.
pub(super) fn tcp(v6: bool, transport_at: u16, header_len: u16, size: u16) -> [u8; LEN] {
    encode(&VirtioNetHdr {
        flags: FLAG_NEEDS_CHECKSUM,
        gso_type: if v6 { VIRTIO_NET_HDR_GSO_TCPV6 } else { VIRTIO_NET_HDR_GSO_TCPV4 },
        hdr_len: header_len,
        gso_size: size,
        csum_start: transport_at,
        csum_offset: TCP_SUM_AT,
    })
}

/// The header of a UDP super-packet that we made.
pub(super) fn udp(transport_at: u16, header_len: u16, size: u16) -> [u8; LEN] {
    encode(&VirtioNetHdr {
        flags: FLAG_NEEDS_CHECKSUM,
        gso_type: VIRTIO_NET_HDR_GSO_UDP_L4,
        hdr_len: header_len,
        gso_size: size,
        csum_start: transport_at,
        csum_offset: UDP_SUM_AT,
    })
}

/// A constant of the packet headers, as a field of this header takes it.
#[allow(clippy::cast_possible_truncation, reason = "places and lengths in headers of some dozen bytes")]
pub(super) const fn field(constant: usize) -> u16 {
    constant as u16
}

fn encode(header: &VirtioNetHdr) -> [u8; LEN] {
    let mut bytes = PLAIN;
    // Fails only for a buffer that is too short.
    let _ = header.encode(&mut bytes);
    bytes
}
