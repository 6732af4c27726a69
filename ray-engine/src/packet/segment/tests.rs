//! What continues a run, and what must stay alone.
#![allow(clippy::cast_possible_truncation, reason = "test data is small")]

use super::*;
use crate::packet::{
    self,
    samples::{ACK, PSH, Random, Tcp, ip, mend},
    udp,
};

const FAMILIES: [(&str, &str); 2] = [("100.64.0.1", "100.64.0.2"), ("200::1", "200::2")];

#[test]
fn refuses_what_must_stay_alone() {
    for (src, dst) in FAMILIES {
        for flags in [ACK | 0x01, ACK | 0x02, ACK | 0x04, ACK | 0x20, ACK | 0x80, 0x02, 0x00] {
            assert!(Segment::of(&tcp(src, dst, 1, flags, b"data")).is_none(), "flags {flags:x}");
        }
        assert!(Segment::of(&tcp(src, dst, 1, ACK, b"")).is_none(), "no payload");
        assert!(Segment::of(&datagram(src, dst, b"")).is_none(), "no payload");
        assert!(Segment::of(&packet::icmp::echo_request(ip(src), ip(dst), 1, 1, b"data").unwrap()).is_none());
        let at = if src.contains(':') { 40 } else { 20 };
        let mut nonce = tcp(src, dst, 1, ACK, b"data");
        nonce[at + 12] |= 1;
        assert!(Segment::of(&nonce).is_none(), "a flag in the low bits of the data offset");
        for words in [0, 4, 15] {
            let mut lie = tcp(src, dst, 1, ACK, b"data");
            lie[at + 12] = words << 4;
            assert!(Segment::of(&lie).is_none(), "a header of {words} words");
        }
        let mut lie = datagram(src, dst, b"data");
        lie[at + 5] += 1;
        assert!(Segment::of(&lie).is_none(), "a UDP length that lies");
    }
}

#[test]
fn refuses_ip_headers_that_lie_or_hold_more_than_the_plain_one() {
    let (v4, v6) =
        (tcp(FAMILIES[0].0, FAMILIES[0].1, 1, ACK, b"data"), tcp(FAMILIES[1].0, FAMILIES[1].1, 1, ACK, b"data"));
    for (packet, len_at) in [(&v4, 3), (&v6, 5)] {
        for change in [1u8, 255] {
            let mut lie = packet.clone();
            lie[len_at] = lie[len_at].wrapping_add(change);
            mend(&mut lie);
            assert!(Segment::of(&lie).is_none(), "a length that lies");
        }
        for len in 0..packet.len() {
            assert!(Segment::of(&packet[..len]).is_none(), "{len} bytes");
        }
    }
    let mut wrong = v4.clone();
    wrong[8] ^= 1;
    assert!(Segment::of(&wrong).is_none(), "a wrong IPv4 header sum");
    for fragment in [[0x20, 0], [0x00, 1], [0x80, 0]] {
        let mut piece = v4.clone();
        piece[6..8].copy_from_slice(&fragment);
        mend(&mut piece);
        assert!(Segment::of(&piece).is_none(), "fragment field {fragment:x?}");
    }
    let mut options = v4.clone();
    options.splice(20..20, [1, 1, 1, 0]);
    options[0] = 0x46;
    options[3] += 4;
    mend(&mut options);
    assert!(packet::parse(&options).is_ok() && Segment::of(&options).is_none(), "IP options");
    let mut extended = v6;
    extended.splice(40..40, [6, 0, 1, 4, 0, 0, 0, 0]);
    (extended[6], extended[5]) = (60, extended[5] + 8);
    assert!(packet::parse(&extended).is_ok() && Segment::of(&extended).is_none(), "extension headers");
}

#[test]
fn continues_only_with_the_same_flow_and_state() {
    for (src, dst) in FAMILIES {
        let first = tcp(src, dst, 100, ACK, b"0123456789");
        let next = tcp(src, dst, 110, ACK, b"abcdefghij");
        assert!(continues(&first, &next));
        assert!(continues(&first, &tcp(src, dst, 110, ACK | PSH, b"abc")), "PSH and length may differ");
        assert!(!continues(&first, &tcp(src, dst, 110, ACK | 0x40, b"abcdefghij")), "ECE may not");
        let at = if src.contains(':') { 40 } else { 20 };
        // Ports, acknowledgement, window, urgent pointer, options; then the class or TTL of the IP header.
        for place in
            [at, at + 3, at + 8, at + 11, at + 14, at + 15, at + 18, at + 27, at + 31, 1, if at == 20 { 8 } else { 7 }]
        {
            let mut other = next.clone();
            other[place] ^= 1;
            mend(&mut other);
            assert!(Segment::of(&other).is_some(), "byte {place} leaves a segment");
            assert!(!continues(&first, &other), "byte {place}");
        }
        for place in (if at == 20 { 12..20 } else { 8..40 }).chain(if at == 20 { 0..0 } else { 1..4 }) {
            let mut other = next.clone();
            other[place] ^= 1;
            mend(&mut other);
            assert!(!continues(&first, &other), "byte {place}");
        }
        for seq in [100, 109, 111, 120] {
            assert!(!continues(&first, &tcp(src, dst, seq, ACK, b"abcdefghij")), "seq {seq}");
        }
        assert!(continues(&tcp(src, dst, u32::MAX - 4, ACK, b"0123456789"), &tcp(src, dst, 5, ACK, b"a")), "wraps");
        assert!(!continues(&first, &datagram(src, dst, b"abcdefghij")));

        let [one, two] = [b"0123456789", b"abcdefghij"].map(|payload| datagram(src, dst, payload));
        assert!(continues(&one, &two));
        for place in [at + 1, at + 3] {
            let mut other = two.clone();
            other[place] ^= 1;
            assert!(!continues(&one, &other), "port byte {place}");
        }
    }
    let (v4, v6) = (FAMILIES[0], FAMILIES[1]);
    assert!(!continues(&tcp(v4.0, v4.1, 1, ACK, b"aa"), &tcp(v6.0, v6.1, 3, ACK, b"bb")));
}

#[test]
fn ids_count_only_where_the_packet_may_be_fragmented() {
    let (src, dst) = FAMILIES[0];
    let build = |flags: u8, seq: u32, id: u16| {
        let mut packet = tcp(src, dst, seq, ACK, b"data");
        packet[4..6].copy_from_slice(&id.to_be_bytes());
        packet[6] = flags;
        mend(&mut packet);
        packet
    };
    for (before, id) in [(7, 7), (7, 8), (7, 6), (0, 0), (u16::MAX, 0)] {
        assert!(continues(&build(0x40, 0, before), &build(0x40, 4, id)), "{before} {id}");
        let successor = id == before.wrapping_add(1);
        assert_eq!(continues(&build(0, 0, before), &build(0, 4, id)), successor, "{before} {id}");
    }
    assert!(!continues(&build(0x40, 0, 1), &build(0, 4, 2)), "the bit itself must not differ");
}

#[test]
fn tells_a_right_sum_from_a_wrong_and_from_none() {
    for (src, dst) in FAMILIES {
        for packet in [tcp(src, dst, 1, ACK, b"odd"), datagram(src, dst, b"odd")] {
            assert!(Segment::of(&packet).unwrap().is_sum_right());
            for at in [packet.len() - 1, packet.len() - 4] {
                let mut wrong = packet.clone();
                wrong[at] ^= 1;
                assert!(Segment::of(&wrong).is_none_or(|segment| !segment.is_sum_right()));
            }
        }
        // A message that sums up to zero with a field of zero, which yet says that there is no sum.
        let at = if src.contains(':') { 46 } else { 26 };
        let sum = datagram(src, dst, &[0; 4])[at..at + 2].to_vec();
        let mut none = datagram(src, dst, &[sum[0], sum[1], 0, 0]);
        assert_eq!(none[at..at + 2], [0xff, 0xff]);
        none[at..at + 2].fill(0);
        assert!(!Segment::of(&none).unwrap().is_sum_right());
    }
}

/// The promise by which a verdict may be shared without a parse.
#[test]
fn what_continues_a_packet_parses_with_its_layout() {
    let mut random = Random::new(0x5e9);
    let mut continued = 0;
    for round in 0..200_000 {
        let (src, dst) = FAMILIES[round % 2];
        let (previous, mut next) = if random.below(2) == 0 {
            (tcp(src, dst, 0, ACK, b"0123"), tcp(src, dst, 4, ACK, b"4567"))
        } else {
            (datagram(src, dst, b"0123"), datagram(src, dst, b"4567"))
        };
        for _ in 0..random.below(3) {
            let at = random.below(next.len());
            next[at] = if random.below(2) == 0 { random.next() as u8 } else { next[at] ^ 1 << random.below(8) };
        }
        if random.below(4) == 0 {
            next.truncate(random.below(next.len() + 1));
        }
        if random.below(2) == 0 && next.len() >= 20 {
            mend(&mut next);
        }
        if continues(&previous, &next) {
            continued += 1;
            assert_eq!(packet::parse(&next).unwrap().layout(), packet::parse(&previous).unwrap().layout());
        }
    }
    assert!(continued > 50_000, "{continued}");
}

fn tcp(src: &str, dst: &str, seq: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    Tcp { src, dst, seq, flags, payload }.build()
}

fn datagram(src: &str, dst: &str, payload: &[u8]) -> Vec<u8> {
    udp::build((ip(src), 5000).into(), (ip(dst), 6000).into(), payload).unwrap()
}

fn continues(previous: &[u8], next: &[u8]) -> bool {
    let previous = Segment::of(previous).unwrap();
    Segment::of(next).is_some_and(|next| next.continues(&previous))
}
