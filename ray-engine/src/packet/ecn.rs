//! Explicit congestion notification (RFC 3168): telling a sender to slow down by a packet that arrives, not by one that
//! is lost.
//!
//! A tunnel owes two things here (RFC 6040): marks that the outer packet collects on its way belong on the inner one,
//! and marks that the inner one brings are kept. The second holds since no byte of the inner header is touched. The
//! first needs the outer header, which iroh does not show; its congestion control answers those marks, so that the
//! queue before the link grows and marks the inner packets itself, here.

use super::{ipv4, ipv6};

/// The two low bits of the IPv4 TOS or IPv6 traffic class. Zero says that the sender would not understand a mark.
const MASK: u8 = 0b11;
/// Congestion experienced.
const CE: u8 = 0b11;

/// Marks an IP packet "congestion experienced", and says whether it now carries that mark: not where the sender is
/// incapable of it, which leaves the packet as it was. Of a super-packet this marks every segment.
pub fn mark(packet: &mut [u8]) -> bool {
    let Some(class) = traffic_class(packet) else { return false };
    if class & MASK == 0 {
        return false;
    }
    match packet {
        // IPv4: the TOS is the second byte, and the header has a checksum.
        [0x40..=0x4f, tos, _, _, _, _, _, _, _, _, high, low, ..] => {
            let sum = u16::from_be_bytes([*high, *low]);
            let sum = replaced(sum, u16::from(*tos), u16::from(*tos | CE));
            *tos |= CE;
            [*high, *low] = sum.to_be_bytes();
            true
        }
        // IPv6: the low half of the traffic class is the high half of the second byte.
        [0x60..=0x6f, second, ..] => {
            *second |= CE << 4;
            true
        }
        _ => false,
    }
}

fn traffic_class(packet: &[u8]) -> Option<u8> {
    match packet {
        [0x40..=0x4f, tos, ..] if packet.len() >= ipv4::HEADER_MIN => Some(*tos),
        [first @ 0x60..=0x6f, second, ..] if packet.len() >= ipv6::HEADER_LEN => Some(first << 4 | second >> 4),
        _ => None,
    }
}

/// A checksum after one 16-bit word of what it covers has changed: `~(~sum + ~old + new)` (RFC 1624, equation 3).
#[allow(clippy::cast_possible_truncation, reason = "two folds leave at most 16 bits")]
fn replaced(sum: u16, old: u16, new: u16) -> u16 {
    let total = u32::from(!sum) + u32::from(!old) + u32::from(new);
    let total = (total & 0xffff) + (total >> 16);
    let total = (total & 0xffff) + (total >> 16);
    !(total as u16)
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "test data is small")]
mod tests {
    use super::{
        super::{parse, samples::*},
        *,
    };

    #[test]
    fn marks_every_ipv4_class_as_if_the_header_were_summed_anew() {
        let mut random = Random::new(1);
        for tos in 0..=255u8 {
            for _ in 0..200 {
                let mut packet = tcp_segment(("100.64.0.1", 1), ("100.64.0.2", 2), ACK, 1, 1, b"data");
                let addresses = random.bytes(12);
                packet[4..6].copy_from_slice(&addresses[..2]);
                packet[8] = addresses[2];
                packet[12..20].copy_from_slice(&addresses[4..]);
                packet[1] = tos;
                mend(&mut packet);
                let mut wanted = packet.clone();
                if tos & 3 != 0 {
                    wanted[1] |= 3;
                    mend(&mut wanted);
                }
                assert_eq!(mark(&mut packet), tos & 3 != 0);
                assert_eq!(packet, wanted, "TOS {tos}");
                assert!(parse(&packet).is_ok());
            }
        }
    }

    #[test]
    fn every_checksum_that_a_header_can_have_comes_out_right() {
        let mut packet = tcp_segment(("100.64.0.1", 1), ("100.64.0.2", 2), ACK, 1, 1, &[]);
        for id in 0..=u16::MAX {
            packet[1] = 1 + (id % 3) as u8;
            packet[4..6].copy_from_slice(&id.to_be_bytes());
            mend(&mut packet);
            assert!(mark(&mut packet));
            let marked = packet.clone();
            mend(&mut packet);
            assert_eq!(packet, marked);
        }
    }

    #[test]
    fn marks_every_ipv6_class_and_nothing_beside_it() {
        for class in 0..=255u8 {
            let mut packet = tcp_segment(("fd00::1", 1), ("fd00::2", 2), ACK, 1, 1, b"data");
            packet[0] = 0x60 | class >> 4;
            packet[1] = class << 4 | 0x0a;
            let mut wanted = packet.clone();
            if class & 3 != 0 {
                wanted[1] |= 0x30;
            }
            assert_eq!(mark(&mut packet), class & 3 != 0);
            assert_eq!(packet, wanted, "class {class}");
        }
    }

    #[test]
    fn leaves_alone_what_is_no_ip_packet() {
        let v6 = tcp_segment(("fd00::1", 1), ("fd00::2", 2), ACK, 1, 1, &[]);
        for mut bytes in
            [vec![], vec![0x45], vec![0x45; 19], vec![0x75; 60], vec![0x6f; 39], vec![0xff; 2], v6[..39].to_vec()]
        {
            let before = bytes.clone();
            assert!(!mark(&mut bytes));
            assert_eq!(bytes, before);
        }
    }
}
