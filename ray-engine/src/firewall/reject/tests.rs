//! Which answers are made, and what they say.

use super::*;
use crate::packet::{
    checksum, parse,
    samples::{ip, mend, tcp_segment},
    udp,
};

#[test]
fn a_reset_fits_the_segment_that_it_answers() {
    for (flags, payload, seq, ack, answer_flags) in [
        (SYN, &b""[..], 0, 1001, RST | ACK),
        (SYN, b"early", 0, 1006, RST | ACK),
        (ACK, b"data", 77, 0, RST),
        (SYN | ACK, b"", 77, 0, RST),
        (FIN | ACK, b"", 77, 0, RST),
    ] {
        for (src, dst) in ADDRESSES {
            let packet = tcp_segment((src, 4000), (dst, 22), flags, 1000, 77, payload);
            let answer = answer_to(&packet).unwrap();
            let parsed = parse(&answer).unwrap();
            assert_eq!((parsed.src(), parsed.dst()), (ip(dst), ip(src)));
            let flow = parsed.flow().unwrap();
            assert_eq!((flow.src_port, flow.dst_port), (22, 4000));
            let said = parsed.transport();
            assert_eq!(said[4..12], [u32::to_be_bytes(seq), u32::to_be_bytes(ack)].concat());
            assert_eq!((said[13], said.len()), (answer_flags, 20));
            assert_eq!(checksum::pseudo(ip(dst), ip(src), TCP, 20).plus(said).finish(), 0);
        }
    }
}

#[test]
fn other_packets_are_answered_with_an_error_that_cites_them() {
    for (at, (src, dst)) in ADDRESSES.into_iter().enumerate() {
        for len in [0, 100, 2000] {
            let packet = udp::build((ip(src), 1).into(), (ip(dst), 2).into(), &vec![7; len]).unwrap();
            let answer = answer_to(&packet).unwrap();
            assert!(answer.len() <= [576, 1280][at], "{}", answer.len());
            let parsed = parse(&answer).unwrap();
            let said = parsed.transport();
            assert_eq!(said[..2], [[3, 13], [1, 1]][at]);
            assert!(packet.starts_with(&said[8..]) && said.len() >= 8 + 28);
            let sum = if at == 0 {
                checksum::of(said)
            } else {
                checksum::pseudo(ip(dst), ip(src), ICMPV6, u16::try_from(said.len()).unwrap()).plus(said).finish()
            };
            assert_eq!(sum, 0);
            assert_eq!(answer_to(&answer), None, "an error is never answered");
        }
        let echo = icmp::echo_request(ip(src), ip(dst), 1, 1, b"ping").unwrap();
        assert!(answer_to(&echo).is_some());
    }
}

#[test]
fn nothing_that_could_be_answered_again_or_by_many_is_answered() {
    let (src, dst) = ADDRESSES[0];
    for flags in [RST, RST | ACK] {
        assert_eq!(answer_to(&tcp_segment((src, 1), (dst, 2), flags, 1, 1, b"")), None);
    }
    for (src, dst) in [
        ("224.0.0.1", dst),
        (src, "224.0.0.251"),
        (src, "255.255.255.255"),
        ("255.255.255.255", dst),
        ("0.0.0.0", dst),
        ("127.0.0.1", dst),
        ("200::1", "ff02::1"),
        ("::", "200::1"),
        ("::1", "200::1"),
    ] {
        assert_eq!(answer_to(&tcp_segment((src, 1), (dst, 2), SYN, 1, 1, b"")), None, "{src} {dst}");
        let datagram = udp::build((ip(src), 1).into(), (ip(dst), 2).into(), b"").unwrap();
        assert_eq!(answer_to(&datagram), None, "{src} {dst}");
    }
    let mut reply = icmp::echo_request(ip(src), ip(dst), 1, 1, b"ping").unwrap();
    reply[20] = 0;
    assert_eq!(answer_to(&reply), None);
    let mut fragment = tcp_segment((src, 1), (dst, 2), SYN, 1, 1, &[0; 12]);
    fragment[6] = 0x20;
    mend(&mut fragment);
    assert_eq!(answer_to(&fragment), None);
}

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;
const ADDRESSES: [(&str, &str); 2] = [("100.64.0.2", "100.64.0.1"), ("200::2", "200::1")];

fn answer_to(packet: &[u8]) -> Option<Vec<u8>> {
    answer(&parse(packet).unwrap())
}
