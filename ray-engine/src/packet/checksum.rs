//! The Internet checksum (RFC 1071), summed in the machine's own byte order and turned once at the end.

use std::net::IpAddr;

use super::{Fragment, Layout, TCP, UDP, tcp, udp};

/// A running ones' complement sum. Every slice but the last has an even length.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sum(u64);

impl Sum {
    #[must_use]
    pub fn plus(self, bytes: &[u8]) -> Self {
        // Words of 32 bits into 64 cannot overflow below 2^32 words, and the compiler turns the loop into vectors.
        let (words, rest) = bytes.as_chunks::<4>();
        let mut sum = words.iter().fold(self.0, |sum, word| sum + u64::from(u32::from_ne_bytes(*word)));
        let (pairs, odd) = rest.as_chunks::<2>();
        for pair in pairs {
            sum += u64::from(u16::from_ne_bytes(*pair));
        }
        for byte in odd {
            sum += u64::from(u16::from_ne_bytes([*byte, 0]));
        }
        Self(sum)
    }

    #[must_use]
    pub fn plus_u16(self, value: u16) -> Self {
        Self(self.0 + u64::from(u16::from_ne_bytes(value.to_be_bytes())))
    }

    /// The sum itself, as a checksum field holds it that hardware completes.
    #[allow(clippy::cast_possible_truncation, reason = "four folds leave at most 16 bits")]
    pub fn folded(self) -> u16 {
        let mut sum = self.0;
        sum = (sum & 0xffff_ffff) + (sum >> 32);
        sum = (sum & 0xffff_ffff) + (sum >> 32);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        u16::from_be_bytes((sum as u16).to_ne_bytes())
    }

    /// The checksum: the complement of the sum. Zero where a message with a right checksum was summed.
    pub fn finish(self) -> u16 {
        !self.folded()
    }
}

pub fn of(bytes: &[u8]) -> u16 {
    Sum::default().plus(bytes).finish()
}

/// The sum of the pseudo header that TCP, UDP and ICMPv6 checksums cover. `len` is that of header and payload.
pub fn pseudo(src: IpAddr, dst: IpAddr, protocol: u8, len: u16) -> Sum {
    let sum = Sum::default().plus_u16(u16::from(protocol)).plus_u16(len);
    add_address(add_address(sum, src), dst)
}

/// Where in its header the checksum of TCP or UDP stands.
pub(crate) fn place_in(protocol: u8) -> Option<usize> {
    match protocol {
        TCP => Some(tcp::CHECKSUM_AT),
        UDP => Some(udp::CHECKSUM_AT),
        _ => None,
    }
}

/// The other form of a checksum that is zero, which would say "no checksum" in UDP; in TCP both say the same.
pub(crate) fn nonzero(sum: u16) -> u16 {
    if sum == 0 { u16::MAX } else { sum }
}

/// Fills in the checksum of a whole TCP or UDP packet, whatever stands in its place. `false`, and nothing changed, for
/// any other.
#[must_use]
pub fn complete(packet: &mut [u8], layout: &Layout) -> bool {
    let Some(at) = place_in(layout.protocol) else { return false };
    let Some(transport) = packet.get_mut(layout.transport_at..) else { return false };
    let Ok(len) = u16::try_from(transport.len()) else { return false };
    if layout.fragment != Fragment::Whole || transport.len() < at + 2 {
        return false;
    }
    let pseudo = pseudo(layout.src, layout.dst, layout.protocol, len);
    if let Some(field) = transport.get_mut(at..at + 2) {
        field.fill(0);
    }
    let sum = nonzero(pseudo.plus(transport).finish());
    if let Some(field) = transport.get_mut(at..at + 2) {
        field.copy_from_slice(&sum.to_be_bytes());
    }
    true
}

fn add_address(sum: Sum, address: IpAddr) -> Sum {
    match address {
        IpAddr::V4(v4) => sum.plus(&v4.octets()),
        IpAddr::V6(v6) => sum.plus(&v6.octets()),
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "test data is small")]
mod tests {
    use super::*;
    use crate::packet::{
        self,
        samples::{ACK, Tcp, ip},
        udp,
    };

    #[test]
    fn agrees_with_the_definition_at_every_length() {
        let bytes: Vec<u8> = (0..200u32).map(|i| (i * 151 % 251) as u8).collect();
        for len in 0..bytes.len() {
            assert_eq!(of(&bytes[..len]), slow(&bytes[..len]), "{len} bytes");
        }
        assert_eq!(of(&[0xff; 65_535]), slow(&[0xff; 65_535]));
    }

    #[test]
    fn matches_the_header_of_a_captured_packet() {
        let header: [u8; 20] = [
            0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8,
            0x00, 0xc7,
        ];
        assert_eq!(of(&header), 0);
        let mut without = header;
        without[10..12].fill(0);
        assert_eq!(of(&without), 0xb861);
    }

    #[test]
    fn completes_what_was_left_open_and_nothing_else() {
        for (src, dst) in [("100.64.0.1", "100.64.0.2"), ("fd00::1", "fd00::2")] {
            let socket = |address: &str, port| (ip(address), port).into();
            let tcp = Tcp { src, dst, seq: 1, flags: ACK, payload: b"odd" }.build();
            let udp = udp::build(socket(src, 1), socket(dst, 2), b"payload").unwrap();
            // The payload cancels the rest of the sum, so that the checksum comes out as zero and is sent as its other form.
            let blank = udp::build(socket(src, 1), socket(dst, 2), &[0, 0]).unwrap();
            let layout = packet::parse(&blank).unwrap().layout();
            let sum = &blank[layout.transport_at + 6..][..2];
            let zero = udp::build(socket(src, 1), socket(dst, 2), sum).unwrap();
            assert_eq!(zero[layout.transport_at + 6..][..2], [0xff, 0xff]);
            for (packet, at) in [(tcp, 16), (udp, 6), (zero, 6)] {
                let layout = packet::parse(&packet).unwrap().layout();
                let mut open = packet.clone();
                open[layout.transport_at + at..][..2].copy_from_slice(&[0x12, 0x34]);
                assert!(complete(&mut open, &layout));
                assert_eq!(open, packet);
                for other in [
                    Layout { fragment: Fragment::First, ..layout },
                    Layout { protocol: 58, ..layout },
                    Layout { transport_at: packet.len() - 1, ..layout },
                ] {
                    assert!(!complete(&mut open, &other));
                    assert_eq!(open, packet);
                }
            }
        }
    }

    fn slow(bytes: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }
}
