//! Segments against packets that were built one by one.
#![allow(clippy::cast_possible_truncation, reason = "test data is small")]

use super::*;
use crate::{
    packet::samples::{ACK, PSH, Random, Tcp, ip, mend},
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
            split(&mut whole, TCP, size, |segment| segments.push(segment.to_vec())).unwrap();

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
fn splits_udp_into_whole_datagrams() {
    for (src, dst) in FAMILIES {
        let payload = Random::new(3).bytes(3001);
        let (from, to) = ((ip(src), 5000).into(), (ip(dst), 6000).into());
        let mut whole = packet::udp::build(from, to, &payload).unwrap();
        let mut segments = Vec::new();
        split(&mut whole, UDP, 1000, |segment| segments.push(segment.to_vec())).unwrap();
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
        complete(&mut open, at, 16).unwrap();
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
    split(&mut whole, UDP, 8, |segment| sums.push([segment[26], segment[27]])).unwrap();
    assert_eq!(sums, [[0xff, 0xff]; 2]);
}

#[test]
fn refuses_offload_fields_that_contradict_the_packet() {
    let tcp = Tcp { src: "100.64.0.1", dst: "100.64.0.2", seq: 1, flags: ACK, payload: b"payload" }.build();
    let none = |_: &[u8]| panic!("nothing may come out");
    assert_eq!(split(&mut tcp.clone(), UDP, 4, none), Err(Malformed::Offload));
    assert_eq!(split(&mut tcp.clone(), TCP, 0, none), Err(Malformed::Offload));
    assert_eq!(split(&mut tcp[..52].to_vec(), TCP, 4, none), Err(Malformed::TotalLength));
    let mut empty = Tcp { src: "100.64.0.1", dst: "100.64.0.2", seq: 1, flags: ACK, payload: b"" }.build();
    assert_eq!(split(&mut empty, TCP, 4, none), Err(Malformed::Offload));
    let mut fragment = tcp.clone();
    fragment[6] = 0x20;
    fragment.push(0);
    fragment[3] += 1;
    mend(&mut fragment);
    assert_eq!(split(&mut fragment, TCP, 4, none), Err(Malformed::Offload));
    for (start, offset) in [(tcp.len(), 16), (20, tcp.len()), (tcp.len() - 1, 0), (65_535, 65_535)] {
        assert_eq!(complete(&mut tcp.clone(), start, offset), Err(Malformed::Offload));
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
            Ok(Undone::Split { protocol, size }) => split(&mut packet, protocol, size, count),
            Ok(Undone::Checksum { start, offset }) => complete(&mut packet, start, offset),
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
