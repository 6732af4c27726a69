//! Lowers the segment size that a TCP connection's first packets ask for, so that no segment needs two datagrams.

use std::net::IpAddr;

use super::{
    Checksum, Fragment, TCP,
    checksum::Sum,
    ipv4, ipv6, parse,
    tcp::{self, CHECKSUM_AT, FLAGS_AT, HEADER_MIN, OPTION_END, OPTION_NOP, SYN},
};

const OPTION_MSS: u8 = 2;

/// Makes a SYN ask for segments that fit packets of `inner_mtu` bytes, where it asks for longer ones; whether it did. Any
/// other packet, and one that `parse` refuses, stays as it is.
///
/// A complete checksum is corrected by the difference (RFC 1624), so a wrong one stays wrong for the receiver to see. One
/// that was left to others stays as it is: it covers at most the pseudo header, of which this changes nothing.
pub fn clamp(packet: &mut [u8], inner_mtu: u16, checksum: Checksum) -> bool {
    if !may_be_syn(packet) {
        return false;
    }
    let Ok(parsed) = parse(packet) else { return false };
    let layout = parsed.layout();
    if layout.protocol != TCP || layout.fragment != Fragment::Whole {
        return false;
    }
    // The two headers without options (RFC 6691). To ask for less than every host takes would gain nothing.
    let mss = match layout.src {
        IpAddr::V4(_) => inner_mtu.max(ipv4::MTU_MIN) - 40,
        IpAddr::V6(_) => inner_mtu.max(ipv6::MTU_MIN) - 60,
    };
    packet.get_mut(layout.transport_at..).is_some_and(|segment| lower(segment, mss, checksum))
}

/// A look at one byte for the packets that are not meant, which are nearly all.
pub fn may_be_syn(packet: &[u8]) -> bool {
    let transport_at = match packet.first().map(|byte| byte >> 4) {
        Some(4) if packet.get(9) == Some(&TCP) => packet.first().map(|byte| usize::from(byte & 0x0f) * 4),
        Some(6) if packet.get(6) == Some(&TCP) => Some(ipv6::HEADER_LEN),
        // Extension headers before TCP are rare enough to be walked twice.
        Some(6) => packet.get(6).and_then(|&first| Some(ipv6::walk(packet, first).ok()?.transport_at)),
        _ => None,
    };
    transport_at.and_then(|at| packet.get(at + FLAGS_AT)).is_some_and(|flags| flags & SYN != 0)
}

/// Options that lie about their length end the search, as in every stack. An option given twice is lowered twice: stacks
/// differ in which one they take.
fn lower(segment: &mut [u8], mss: u16, checksum: Checksum) -> bool {
    let header_len = segment.first_chunk().map_or(0, tcp::header_len);
    let mut at = HEADER_MIN;
    let mut lowered = false;
    while at < header_len {
        let Some((&kind, rest)) = segment.get(at..header_len).and_then(<[u8]>::split_first) else { break };
        at += match (kind, rest) {
            (OPTION_END, _) => break,
            (OPTION_NOP, _) => 1,
            (OPTION_MSS, [4, high, low, ..]) => {
                let asked = u16::from_be_bytes([*high, *low]);
                if asked > mss {
                    replace(segment, at + 2, asked, mss, checksum);
                    lowered = true;
                }
                4
            }
            (_, [len, ..]) if *len >= 2 => usize::from(*len),
            _ => break,
        };
    }
    lowered
}

fn replace(segment: &mut [u8], at: usize, old: u16, new: u16, checksum: Checksum) {
    if let Some(field) = segment.get_mut(at..at + 2) {
        field.copy_from_slice(&new.to_be_bytes());
    }
    // At an odd place each of its bytes counts in the other half of a word.
    let [old, new] = [old, new].map(|value| if at.is_multiple_of(2) { value } else { value.swap_bytes() });
    if checksum == Checksum::Complete
        && let Some(field) = segment.get_mut(CHECKSUM_AT..CHECKSUM_AT + 2)
    {
        let sum = u16::from_be_bytes([field[0], field[1]]);
        let corrected = Sum::default().plus_u16(!sum).plus_u16(!old).plus_u16(new).finish();
        field.copy_from_slice(&corrected.to_be_bytes());
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "test data is small")]
mod tests {
    use super::*;
    use crate::packet::{
        checksum, emit,
        samples::{ACK, Random, ip},
    };

    const V4: (&str, &str) = ("100.80.0.1", "100.80.0.2");
    const V6: (&str, &str) = ("fd5a::1", "fd5a::2");

    #[test]
    fn lowers_what_is_too_much_and_nothing_else() {
        for (addresses, headers) in [(V4, 40), (V6, 60)] {
            for flags in [SYN, SYN | ACK] {
                let mut packet = segment(addresses, flags, &[2, 4, 0x23, 0x28, 1, 3, 3, 7], b"");
                let before = packet.clone();
                assert!(clamp(&mut packet, 1400, Checksum::Complete));
                assert_eq!(mss(&packet), 1400 - headers);
                assert!(sums_up(&packet));
                let changed = packet.iter().zip(&before).filter(|(now, then)| now != then).count();
                assert!(changed <= 4, "the value and the checksum, not {changed} bytes");
                let now = packet.clone();
                assert!(!clamp(&mut packet, 1400, Checksum::Complete), "it fits now");
                assert!(!clamp(&mut packet, 9000, Checksum::Complete), "never raised");
                assert_eq!(packet, now);
            }
        }
    }

    #[test]
    fn the_corrected_checksum_is_that_of_a_full_computation_wherever_the_option_stands() {
        let mut random = Random::new(7);
        for round in 0..20_000 {
            let addresses = if round % 2 == 0 { V4 } else { V6 };
            let mut options = vec![OPTION_NOP; random.below(9)];
            options.extend_from_slice(&[OPTION_MSS, 4]);
            options.extend_from_slice(&(random.next() as u16).to_be_bytes());
            options.resize(options.len().next_multiple_of(4), OPTION_NOP);
            let payload_len = random.below(40);
            let mut packet = segment(addresses, SYN, &options, &random.bytes(payload_len));
            clamp(&mut packet, random.next() as u16, Checksum::Complete);
            assert!(sums_up(&packet), "round {round}: {packet:02x?}");
        }
    }

    #[test]
    fn a_checksum_that_was_wrong_is_wrong_afterwards() {
        for addresses in [V4, V6] {
            let mut packet = segment(addresses, SYN, &[2, 4, 0x23, 0x28], b"");
            let at = packet.len() - 1 - 7;
            packet[at] ^= 0x40;
            assert!(clamp(&mut packet, 1400, Checksum::Complete));
            assert!(!sums_up(&packet));
        }
    }

    #[test]
    fn a_checksum_that_was_left_to_others_is_right_once_they_have_completed_it() {
        for addresses in [V4, V6] {
            let mut packet = segment(addresses, SYN, &[2, 4, 0x23, 0x28], b"");
            let (at, len) = (transport_at(&packet), packet.len() - transport_at(&packet));
            // What a kernel leaves: the sum of the pseudo header, to be part of the rest's.
            let pseudo = checksum::pseudo(ip(addresses.0), ip(addresses.1), TCP, len as u16).folded();
            packet[at + CHECKSUM_AT..at + CHECKSUM_AT + 2].copy_from_slice(&pseudo.to_be_bytes());
            assert!(clamp(&mut packet, 1400, Checksum::Left));
            let complete = checksum::of(&packet[at..]);
            packet[at + CHECKSUM_AT..at + CHECKSUM_AT + 2].copy_from_slice(&complete.to_be_bytes());
            assert!(sums_up(&packet));

            let mut zeroed = segment(addresses, SYN, &[2, 4, 0x23, 0x28], b"");
            zeroed[at + CHECKSUM_AT..at + CHECKSUM_AT + 2].fill(0);
            assert!(clamp(&mut zeroed, 1400, Checksum::Left));
            assert_eq!(zeroed[at + CHECKSUM_AT..at + CHECKSUM_AT + 2], [0, 0]);
        }
    }

    #[test]
    fn lowers_both_of_two_options_and_one_behind_extension_headers() {
        let mut twice = segment(V4, SYN, &[2, 4, 0x23, 0x28, 2, 4, 0x11, 0x11], b"");
        assert!(clamp(&mut twice, 1400, Checksum::Complete));
        let at = transport_at(&twice) + HEADER_MIN;
        assert_eq!(twice[at..], [2, 4, 0x05, 0x50, 2, 4, 0x05, 0x50]);
        assert!(sums_up(&twice));

        let plain = segment(V6, SYN, &[2, 4, 0x23, 0x28], b"");
        let mut extended = plain[..40].to_vec();
        extended[6] = 60;
        extended[4..6].copy_from_slice(&(plain.len() as u16 - 40 + 8).to_be_bytes());
        extended.extend_from_slice(&[TCP, 0, 1, 4, 0, 0, 0, 0]);
        extended.extend_from_slice(&plain[40..]);
        assert!(clamp(&mut extended, 1400, Checksum::Complete));
        assert_eq!(extended[48 + 22..48 + 24], 1340u16.to_be_bytes());
    }

    #[test]
    fn never_asks_for_less_than_every_host_takes() {
        for (addresses, least) in [(V4, 576 - 40), (V6, 1280 - 60)] {
            let mut packet = segment(addresses, SYN, &[2, 4, 0x23, 0x28], b"");
            assert!(clamp(&mut packet, 0, Checksum::Complete));
            assert_eq!(mss(&packet), least);
        }
    }

    #[test]
    fn leaves_other_packets_and_broken_options_alone() {
        let wanted = [2, 4, 0x23, 0x28];
        let mut wrong_length = segment(V4, SYN, &wanted, b"");
        wrong_length.push(0);
        let mut udp = segment(V4, SYN, &wanted, b"");
        udp[9] = 17;
        for (what, mut packet) in [
            ("no SYN", segment(V4, ACK, &wanted, b"")),
            ("a reset", segment(V6, 0x04, &wanted, b"")),
            ("a length that lies", segment(V4, SYN, &[2, 3, 0x23, 0x28], b"")),
            ("a length of zero before it", segment(V4, SYN, &[8, 0, 0, 0, 2, 4, 0x23, 0x28], b"")),
            ("behind the end of options", segment(V6, SYN, &[0, 0, 0, 0, 2, 4, 0x23, 0x28], b"")),
            ("cut by the header's end", segment(V4, SYN, &[1, 1, 2, 4], &[0x23, 0x28])),
            ("in the payload", segment(V4, SYN, &[], &wanted)),
            ("a packet with a wrong length", wrong_length),
            ("another protocol", udp),
            ("nothing", vec![]),
        ] {
            let before = packet.clone();
            assert!(!clamp(&mut packet, 1400, Checksum::Complete), "{what}");
            assert_eq!(packet, before, "{what}");
        }
    }

    #[test]
    fn survives_any_bytes() {
        let mut random = Random::new(99);
        for _ in 0..20_000 {
            let mut packet = segment(V4, SYN, &[2, 4, 0x23, 0x28, 1, 1, 4, 2], b"xy");
            for _ in 0..=random.below(4) {
                let at = random.below(packet.len());
                packet[at] = random.next() as u8;
            }
            packet.truncate(random.below(packet.len() + 1));
            clamp(&mut packet, 1400, Checksum::Complete);
        }
    }

    fn segment(addresses: (&str, &str), flags: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut message = vec![0; HEADER_MIN];
        message[12] = ((HEADER_MIN + options.len()) as u8 / 4) << 4;
        message[FLAGS_AT] = flags;
        message.extend_from_slice(options);
        message.extend_from_slice(payload);
        emit::packet(ip(addresses.0), ip(addresses.1), TCP, &message, CHECKSUM_AT).unwrap()
    }

    fn transport_at(packet: &[u8]) -> usize {
        if packet[0] >> 4 == 4 { 20 } else { 40 }
    }

    fn mss(packet: &[u8]) -> u16 {
        let at = transport_at(packet) + HEADER_MIN + 2;
        u16::from_be_bytes([packet[at], packet[at + 1]])
    }

    fn sums_up(packet: &[u8]) -> bool {
        let parsed = parse(packet).unwrap();
        let segment = parsed.transport();
        checksum::pseudo(parsed.src(), parsed.dst(), TCP, segment.len() as u16).plus(segment).finish() == 0
    }
}
