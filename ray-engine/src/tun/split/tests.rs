//! Segments against packets that were built one by one.
#![allow(clippy::cast_possible_truncation, reason = "test data is small")]

use super::*;
use crate::{
    packet::{
        UDP,
        samples::{ACK, PSH, Random, Tcp, ip, mend},
    },
    tun::vnet::{self, Undone},
};

const CWR: u8 = 0x80;
const FIN: u8 = 0x01;

#[test]
fn splits_tcp_as_if_each_segment_had_been_sent_alone() {
    for (src, dst) in FAMILIES {
        for (len, size) in [(1, 1), (1240, 1240), (1241, 1240), (5000, 1240), (60_000, 1188), (40, 7), (10, 100)] {
            let payload = Random::new(len as u64).bytes(len);
            let seq = u32::MAX - 100;
            let mut whole = Tcp { src, dst, seq, flags: ACK | PSH | FIN | CWR, payload: &payload }.build();
            let mut segments = Vec::new();
            split(&mut whole, TCP, size, false, |segment| segments.push(segment.to_vec())).unwrap();

            let count = len.div_ceil(size);
            let expected: Vec<Vec<u8>> = payload
                .chunks(size)
                .enumerate()
                .map(|(index, payload)| {
                    let mut flags = ACK;
                    if index == 0 {
                        flags |= CWR;
                    }
                    if index + 1 == count {
                        flags |= PSH | FIN;
                    }
                    let seq = seq.wrapping_add((index * size) as u32);
                    with_id(Tcp { src, dst, seq, flags, payload }.build(), index)
                })
                .collect();
            assert_eq!(segments, expected, "{len} bytes by {size}");
        }
    }
}

#[test]
fn segments_of_parts_are_those_of_the_whole() {
    for (src, dst) in FAMILIES {
        let payload = Random::new(9).bytes(20_001);
        let tcp = Tcp { src, dst, seq: u32::MAX - 100, flags: ACK | PSH | FIN | CWR, payload: &payload }.build();
        let udp = packet::udp::build((ip(src), 5000).into(), (ip(dst), 6000).into(), &payload).unwrap();
        for (whole, protocol) in [(tcp, TCP), (udp, UDP)] {
            for len in [1, 1188, 5000, 16_384, 60_000] {
                let (mut direct, mut parted, mut longest) = (Vec::new(), Vec::new(), 0);
                split(&mut whole.clone(), protocol, 1188, false, |segment| direct.push(segment.to_vec())).unwrap();
                parts(&mut whole.clone(), protocol, 1188, len, |part| {
                    longest = longest.max(part.len());
                    split(&mut part.to_vec(), protocol, 1188, false, |s| parted.push(s.to_vec())).unwrap();
                })
                .unwrap();
                assert_eq!(parted, direct, "{protocol} in parts of {len}");
                assert!(longest <= len.max(1188) + 72, "{longest} for {len}");
            }
        }
    }
}

#[test]
fn splits_udp_into_whole_datagrams() {
    for (src, dst) in FAMILIES {
        let payload = Random::new(3).bytes(3001);
        let (from, to) = ((ip(src), 5000).into(), (ip(dst), 6000).into());
        let mut whole = packet::udp::build(from, to, &payload).unwrap();
        let mut segments = Vec::new();
        split(&mut whole, UDP, 1000, false, |segment| segments.push(segment.to_vec())).unwrap();
        let expected: Vec<Vec<u8>> = payload
            .chunks(1000)
            .enumerate()
            .map(|(index, payload)| with_id(packet::udp::build(from, to, payload).unwrap(), index))
            .collect();
        assert_eq!(segments, expected);
    }
}

#[test]
fn completes_a_checksum_that_the_host_left_open() {
    for (src, dst) in FAMILIES {
        let whole = Tcp { src, dst, seq: 1, flags: ACK, payload: b"odd" }.build();
        let layout = packet::parse(&whole).unwrap().layout();
        let (at, len) = (layout.transport_at, whole.len() - layout.transport_at);
        let mut open = whole.clone();
        let partial = checksum::pseudo(ip(src), ip(dst), TCP, len as u16).folded();
        put(&mut open, at + 16, partial).unwrap();
        assert_ne!(open, whole);
        assert_eq!(complete(&mut open, at, 16, false), Ok(Checksum::Complete));
        assert_eq!(open, whole);
    }
}

#[test]
fn a_udp_segment_never_claims_to_have_no_checksum() {
    let (src, dst) = FAMILIES[0];
    let mut payload = vec![0; 8];
    let built = packet::udp::build((ip(src), 5000).into(), (ip(dst), 6000).into(), &payload).unwrap();
    // With its own checksum as payload, the sum over the segment comes out as zero.
    payload[..2].copy_from_slice(&built[26..28]);
    payload.extend_from_slice(&payload.clone());
    let mut whole = packet::udp::build((ip(src), 5000).into(), (ip(dst), 6000).into(), &payload).unwrap();
    let mut sums = Vec::new();
    split(&mut whole, UDP, 8, false, |segment| sums.push([segment[26], segment[27]])).unwrap();
    assert_eq!(sums, [[0xff, 0xff]; 2]);
}

#[test]
fn leaves_the_sums_and_else_splits_the_same() {
    for (src, dst) in FAMILIES {
        let payload = Random::new(4).bytes(4000);
        let tcp = Tcp { src, dst, seq: 9, flags: ACK, payload: &payload }.build();
        let udp = packet::udp::build((ip(src), 5000).into(), (ip(dst), 6000).into(), &payload).unwrap();
        for (protocol, whole) in [(TCP, tcp), (UDP, udp)] {
            let at = packet::parse(&whole).unwrap().layout().transport_at + checksum::place_in(protocol).unwrap();
            let [mut left, mut summed] = [Vec::new(), Vec::new()];
            split(&mut whole.clone(), protocol, 999, true, |segment| left.push(segment.to_vec())).unwrap();
            split(&mut whole.clone(), protocol, 999, false, |segment| {
                let mut segment = segment.to_vec();
                assert_ne!(segment[at..at + 2], [0, 0]);
                segment[at..at + 2].fill(0);
                summed.push(segment);
            })
            .unwrap();
            assert_eq!((left.len(), &left), (5, &summed), "protocol {protocol}");
        }
    }
}

#[test]
fn leaves_the_sum_of_whole_tcp_and_udp_packets_only() {
    for (src, dst) in FAMILIES {
        let whole = Tcp { src, dst, seq: 1, flags: ACK | FIN, payload: b"odd" }.build();
        let at = packet::parse(&whole).unwrap().layout().transport_at;
        let mut left = whole.clone();
        assert_eq!(complete(&mut left, at, 16, true), Ok(Checksum::Left));
        let mut zero = whole.clone();
        put(&mut zero, at + 16, 0).unwrap();
        assert_eq!(left, zero);

        let mut echo = packet::icmp::echo_request(ip(src), ip(dst), 1, 1, b"odd").unwrap();
        let summed = echo.clone();
        let pseudo = if at == 40 { checksum::pseudo(ip(src), ip(dst), 58, 11).folded() } else { 0 };
        put(&mut echo, at + 2, pseudo).unwrap();
        assert_eq!(complete(&mut echo, at, 2, true), Ok(Checksum::Complete));
        assert_eq!(echo, summed);
    }
}

#[test]
fn refuses_offload_fields_that_contradict_the_packet() {
    let tcp = Tcp { src: "100.64.0.1", dst: "100.64.0.2", seq: 1, flags: ACK, payload: b"payload" }.build();
    let none = |_: &[u8]| panic!("nothing may come out");
    assert_eq!(split(&mut tcp.clone(), UDP, 4, false, none), Err(Malformed::Offload));
    assert_eq!(split(&mut tcp.clone(), TCP, 0, false, none), Err(Malformed::Offload));
    assert_eq!(split(&mut tcp[..52].to_vec(), TCP, 4, false, none), Err(Malformed::TotalLength));
    let mut empty = Tcp { src: "100.64.0.1", dst: "100.64.0.2", seq: 1, flags: ACK, payload: b"" }.build();
    assert_eq!(split(&mut empty, TCP, 4, false, none), Err(Malformed::Offload));
    let mut fragment = tcp.clone();
    fragment[6] = 0x20;
    fragment.push(0);
    fragment[3] += 1;
    mend(&mut fragment);
    assert_eq!(split(&mut fragment, TCP, 4, false, none), Err(Malformed::Offload));
    let places = [(tcp.len(), 16), (20, tcp.len()), (tcp.len() - 1, 0), (65_535, 65_535), (0, 10), (20, 12), (21, 16)];
    for (leave, (start, offset)) in [false, true].into_iter().flat_map(|leave| places.map(|place| (leave, place))) {
        assert_eq!(complete(&mut tcp.clone(), start, offset, leave), Err(Malformed::Offload));
    }
    for (flags, gso_type) in [(1, 3), (0, 2), (0, 6), (1, 0x7f)] {
        let header = [flags, gso_type, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(vnet::read(&header), Err(Malformed::Offload));
    }
    assert_eq!(vnet::read(&[0; 9]), Err(Malformed::Offload));
}

#[test]
fn survives_any_header_before_any_packet() {
    let mut random = Random::new(0x7e57);
    let mut segments = 0;
    for _ in 0..20_000 {
        let (src, dst) = FAMILIES[random.below(2)];
        let payload = vec![1; random.below(200)];
        let mut packet = Tcp { src, dst, seq: 1, flags: ACK, payload: &payload }.build();
        for _ in 0..random.below(3) {
            let at = random.below(packet.len());
            packet[at] = random.next() as u8;
        }
        mend(&mut packet);
        let mut header = random.bytes(10);
        header[1] = [0, 1, 4, 5, 0x81, header[1]][random.below(6)];
        if random.below(2) == 0 {
            header[4..10].copy_from_slice(&[random.below(99) as u8, 0, random.below(60) as u8, 0, 16, 0]);
        }
        let len = packet.len();
        let count = |segment: &[u8]| {
            assert!(segment.len() <= len);
            segments += 1;
        };
        let _ = match vnet::read(&header) {
            Ok(Undone::Split { protocol, size }) => split(&mut packet, protocol, size, false, count),
            Ok(Undone::Checksum { start, offset }) => complete(&mut packet, start, offset, false).map(|_| ()),
            Ok(Undone::Nothing) | Err(_) => Ok(()),
        };
    }
    assert!(segments > 10_000, "{segments}");
}

const FAMILIES: [(&str, &str); 2] = [("100.64.0.1", "100.64.0.2"), ("200::1", "200::2")];

fn with_id(mut packet: Vec<u8>, index: usize) -> Vec<u8> {
    if packet[0] >> 4 == 4 {
        packet[4..6].copy_from_slice(&(index as u16).to_be_bytes());
        mend(&mut packet);
    }
    packet
}
