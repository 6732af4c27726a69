//! UDP datagrams that the engine answers itself.

use std::net::SocketAddr;

use super::{Fragment, Parsed, UDP, emit};

pub(crate) const HEADER_LEN: usize = 8;
pub(crate) const LENGTH_AT: usize = 4;
pub(crate) const CHECKSUM_AT: usize = 6;

/// The datagram inside a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Udp<'a> {
    pub src_port: u16,
    pub dst_port: u16,
    pub payload: &'a [u8],
}

/// The length that a header says it and its payload have.
pub(super) fn length(header: &[u8; HEADER_LEN]) -> usize {
    usize::from(u16::from_be_bytes([header[LENGTH_AT], header[LENGTH_AT + 1]]))
}

/// `None` where the packet is not one whole UDP datagram. Its checksum is not looked at: the host may have left it to
/// the device.
pub fn datagram_of<'a>(parsed: &Parsed<'a>) -> Option<Udp<'a>> {
    if parsed.protocol() != UDP || parsed.layout.fragment != Fragment::Whole {
        return None;
    }
    let (src_port, dst_port) = parsed.layout.ports?;
    let payload = parsed.transport().get(HEADER_LEN..)?;
    Some(Udp { src_port, dst_port, payload })
}

/// A whole IP packet with checksums. `None` where the addresses are of two families or the payload is too long.
pub fn build(src: SocketAddr, dst: SocketAddr, payload: &[u8]) -> Option<Vec<u8>> {
    let len = u16::try_from(HEADER_LEN + payload.len()).ok()?;
    let mut message = Vec::with_capacity(usize::from(len));
    message.extend_from_slice(&src.port().to_be_bytes());
    message.extend_from_slice(&dst.port().to_be_bytes());
    message.extend_from_slice(&len.to_be_bytes());
    message.extend_from_slice(&[0, 0]);
    message.extend_from_slice(payload);
    emit::packet(src.ip(), dst.ip(), UDP, &message, CHECKSUM_AT)
}
