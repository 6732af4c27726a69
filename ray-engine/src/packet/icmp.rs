//! Echo requests that the engine sends itself, and the replies to them.

use std::net::IpAddr;

use super::{Fragment, ICMP, ICMPV6, Parsed, emit};

const ECHO_REQUEST_V4: u8 = 8;
const ECHO_REPLY_V4: u8 = 0;
const ECHO_REQUEST_V6: u8 = 128;
const ECHO_REPLY_V6: u8 = 129;
const CHECKSUM_AT: usize = 2;

/// A whole IP packet with checksums. `None` where the addresses are of two families or the payload is too long.
pub fn echo_request(src: IpAddr, dst: IpAddr, id: u16, seq: u16, payload: &[u8]) -> Option<Vec<u8>> {
    let (protocol, kind) = match src {
        IpAddr::V4(_) => (ICMP, ECHO_REQUEST_V4),
        IpAddr::V6(_) => (ICMPV6, ECHO_REQUEST_V6),
    };
    let mut message = Vec::with_capacity(8 + payload.len());
    message.extend_from_slice(&[kind, 0, 0, 0]);
    message.extend_from_slice(&id.to_be_bytes());
    message.extend_from_slice(&seq.to_be_bytes());
    message.extend_from_slice(payload);
    emit::packet(src, dst, protocol, &message, CHECKSUM_AT)
}

/// Identifier and sequence number, if the packet is an echo reply.
pub fn echo_reply_of(parsed: &Parsed<'_>) -> Option<(u16, u16)> {
    let reply = match (parsed.src(), parsed.protocol()) {
        (IpAddr::V4(_), ICMP) => ECHO_REPLY_V4,
        (IpAddr::V6(_), ICMPV6) => ECHO_REPLY_V6,
        _ => return None,
    };
    if parsed.layout.fragment != Fragment::Whole {
        return None;
    }
    let header = parsed.transport().first_chunk::<8>()?;
    let matches = header[0] == reply && header[1] == 0;
    matches.then(|| (u16::from_be_bytes([header[4], header[5]]), u16::from_be_bytes([header[6], header[7]])))
}
