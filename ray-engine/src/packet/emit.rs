//! Puts an IP header before a transport message that we make ourselves, and fills in the message's checksum.

use std::net::IpAddr;

use super::{ICMP, UDP, checksum, ipv4, ipv6};

const HOP_LIMIT: u8 = 64;

/// A whole packet around `message`, whose checksum field at `checksum_at` holds zero.
/// `None` where the addresses are of two families or the message is too long for one packet.
pub(super) fn packet(src: IpAddr, dst: IpAddr, protocol: u8, message: &[u8], checksum_at: usize) -> Option<Vec<u8>> {
    let message_len = u16::try_from(message.len()).ok()?;
    let mut packet = match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let total_len = u16::try_from(ipv4::HEADER_MIN + message.len()).ok()?;
            let mut header = Vec::with_capacity(usize::from(total_len));
            header.extend_from_slice(&[0x45, 0]);
            header.extend_from_slice(&total_len.to_be_bytes());
            header.extend_from_slice(&[0, 0]);
            header.extend_from_slice(&ipv4::DONT_FRAGMENT.to_be_bytes());
            header.extend_from_slice(&[HOP_LIMIT, protocol, 0, 0]);
            header.extend_from_slice(&src.octets());
            header.extend_from_slice(&dst.octets());
            let sum = checksum::of(&header);
            header.get_mut(ipv4::CHECKSUM_AT..ipv4::CHECKSUM_AT + 2)?.copy_from_slice(&sum.to_be_bytes());
            header
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let mut header = Vec::with_capacity(ipv6::HEADER_LEN + message.len());
            header.extend_from_slice(&[0x60, 0, 0, 0]);
            header.extend_from_slice(&message_len.to_be_bytes());
            header.extend_from_slice(&[protocol, HOP_LIMIT]);
            header.extend_from_slice(&src.octets());
            header.extend_from_slice(&dst.octets());
            header
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
    };
    let message_at = packet.len();
    packet.extend_from_slice(message);
    let covered =
        if protocol == ICMP { checksum::Sum::default() } else { checksum::pseudo(src, dst, protocol, message_len) };
    let sum = covered.plus(message).finish();
    let sum = if protocol == UDP { checksum::nonzero(sum) } else { sum };
    packet.get_mut(message_at + checksum_at..message_at + checksum_at + 2)?.copy_from_slice(&sum.to_be_bytes());
    Some(packet)
}
