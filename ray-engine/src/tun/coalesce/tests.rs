//! What is merged comes apart again as it was; what differs is not merged.
#![allow(clippy::cast_possible_truncation, reason = "test data is small")]

use super::*;
use crate::{
    packet::{
        self, checksum,
        samples::{ACK, PSH, Random, Tcp, mend},
    },
    tun::{
        split,
        vnet::{self, Undone},
    },
};

#[test]
fn a_merged_run_splits_into_what_went_in() {
    for (src, dst) in FAMILIES {
        let payload = Random::new(1).bytes(1228 * 40 + 77);
        let packets: Vec<Vec<u8>> = payload
            .chunks(1228)
            .enumerate()
            .map(|(index, payload)| {
                let flags = if payload.len() < 1228 { ACK | PSH } else { ACK };
                let seq = (u32::MAX - 3000).wrapping_add(index as u32 * 1228);
                with_id(Tcp { src, dst, seq, flags, payload }.build(), index)
            })
            .collect();
        let mut run = Run::new();
        for packet in &packets {
            assert!(run.push(&segment(packet).unwrap()));
        }
        let (bytes, count) = run.take().unwrap();
        assert_eq!(count, 41);
        let mut bytes = bytes.to_vec();
        let (header, packet) = bytes.split_at_mut(vnet::LEN);
        assert!(packet::parse(packet).is_ok());
        let Ok(Undone::Split { protocol, size }) = vnet::read(header) else { panic!("a run is a super-packet") };
        assert_eq!(size, 1228);
        let mut out = Vec::new();
        split::split(packet, protocol, size, |segment| out.push(segment.to_vec())).unwrap();
        assert_eq!(out, packets);
        assert!(run.take().is_none(), "a taken run is empty");
    }
}

#[test]
fn the_checksum_field_of_a_run_holds_the_pseudo_header() {
    let (src, dst) = FAMILIES[0];
    let mut run = Run::new();
    run.push(&segment(&tcp(src, dst, 1, ACK, b"aaaa")).unwrap());
    run.push(&segment(&tcp(src, dst, 5, ACK, b"bbbb")).unwrap());
    let mut bytes = run.take().unwrap().0.to_vec();
    let packet = &mut bytes[vnet::LEN..];
    split::complete(packet, 20, 16).unwrap();
    let parsed = packet::parse(packet).unwrap();
    let len = parsed.transport().len() as u16;
    assert_eq!(checksum::pseudo(parsed.src(), parsed.dst(), TCP, len).plus(parsed.transport()).finish(), 0);
}

#[test]
fn a_single_segment_is_written_as_it_came() {
    let (src, dst) = FAMILIES[1];
    let packet = tcp(src, dst, 1, ACK | PSH, b"alone");
    let mut run = Run::new();
    run.push(&segment(&packet).unwrap());
    let (bytes, count) = run.take().unwrap();
    assert_eq!((&bytes[..vnet::LEN], &bytes[vnet::LEN..], count), (&vnet::PLAIN[..], &packet[..], 1));
}

#[test]
fn refuses_to_start_with_what_must_stay_alone() {
    for (src, dst) in FAMILIES {
        for flags in [ACK | 0x01, ACK | 0x02, ACK | 0x04, ACK | 0x20, ACK | 0x40, ACK | 0x80] {
            assert!(segment(&tcp(src, dst, 1, flags, b"data")).is_none(), "flags {flags:x}");
        }
        assert!(segment(&tcp(src, dst, 1, ACK, b"")).is_none(), "no payload");
        let mut wrong = tcp(src, dst, 1, ACK, b"data");
        *wrong.last_mut().unwrap() ^= 1;
        assert!(segment(&wrong).is_none(), "a wrong checksum must stay visible to the receiver");
        let mut nonce = tcp(src, dst, 1, ACK, b"data");
        let at = packet::parse(&nonce).unwrap().layout().transport_at;
        nonce[at + 12] |= 1;
        sum_again(&mut nonce);
        assert!(segment(&nonce).is_none(), "a flag in the low bits of the data offset");
    }
    let mut options = tcp(FAMILIES[0].0, FAMILIES[0].1, 1, ACK, b"data");
    options.splice(20..20, [1, 1, 1, 0]);
    options[0] = 0x46;
    options[3] += 4;
    mend(&mut options);
    assert!(segment(&options).is_none(), "IP options");
}

#[test]
fn refuses_to_continue_with_another_flow_or_state() {
    for (src, dst) in FAMILIES {
        let first = tcp(src, dst, 100, ACK, b"0123456789");
        let next = tcp(src, dst, 110, ACK, b"abcdefghij");
        assert!(continues(&first, &next));
        let at = packet::parse(&first).unwrap().layout().transport_at;
        // Ports, acknowledgement, window, options; then the class or TTL of the IP header.
        for place in [at, at + 3, at + 8, at + 11, at + 14, at + 18, at + 27, at + 31, 1, if at == 20 { 8 } else { 7 }]
        {
            let mut other = next.clone();
            other[place] ^= 1;
            mend(&mut other);
            sum_again(&mut other);
            assert!(segment(&other).is_some(), "byte {place} leaves a segment that could start a run");
            assert!(!continues(&first, &other), "byte {place}");
        }
        let elsewhere = if src.contains(':') { "200::5" } else { "100.64.0.5" };
        assert!(!continues(&first, &tcp(src, elsewhere, 110, ACK, b"abcdefghij")));
        assert!(!continues(&first, &tcp(elsewhere, dst, 110, ACK, b"abcdefghij")));
        for seq in [100, 109, 111, 120] {
            assert!(!continues(&first, &tcp(src, dst, seq, ACK, b"abcdefghij")), "seq {seq}");
        }
        assert!(!continues(&first, &tcp(src, dst, 110, ACK, b"abcdefghijk")), "longer than the first");
    }
    let (v4, v6) = (FAMILIES[0], FAMILIES[1]);
    assert!(!continues(&tcp(v4.0, v4.1, 1, ACK, b"aa"), &tcp(v6.0, v6.1, 3, ACK, b"bb")));
}

#[test]
fn nothing_follows_a_short_or_pushed_segment() {
    let (src, dst) = FAMILIES[0];
    let mut run = Run::new();
    assert!(run.push(&segment(&tcp(src, dst, 0, ACK, b"aaaa")).unwrap()));
    assert!(run.push(&segment(&tcp(src, dst, 4, ACK, b"bb")).unwrap()));
    assert!(!run.push(&segment(&tcp(src, dst, 6, ACK, b"cc")).unwrap()));
    assert!(!continues(&tcp(src, dst, 0, ACK | PSH, b"aaaa"), &tcp(src, dst, 4, ACK, b"bbbb")));
}

#[test]
fn a_run_ends_before_it_exceeds_a_length_field() {
    for (src, dst) in FAMILIES {
        let mut run = Run::new();
        let payload = [0; 1000];
        let mut taken = 0u32;
        while run.push(&segment(&tcp(src, dst, taken * 1000, ACK, &payload)).unwrap()) {
            taken += 1;
        }
        let (bytes, count) = run.take().unwrap();
        assert_eq!(count, 65);
        assert!(bytes.len() - vnet::LEN <= 65_535);
        assert!(packet::parse(&bytes[vnet::LEN..]).is_ok());
    }
}

const FAMILIES: [(&str, &str); 2] = [("100.64.0.1", "100.64.0.2"), ("200::1", "200::2")];

fn tcp(src: &str, dst: &str, seq: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    Tcp { src, dst, seq, flags, payload }.build()
}

fn segment(packet: &[u8]) -> Option<Segment<'_>> {
    Segment::of(packet, packet::parse(packet).unwrap().layout())
}

fn continues(first: &[u8], next: &[u8]) -> bool {
    let mut run = Run::new();
    assert!(run.push(&segment(first).unwrap()));
    run.push(&segment(next).unwrap())
}

fn sum_again(packet: &mut [u8]) {
    let parsed = packet::parse(packet).unwrap();
    let (src, dst, at) = (parsed.src(), parsed.dst(), parsed.layout().transport_at);
    let len = (packet.len() - at) as u16;
    packet[at + 16..at + 18].fill(0);
    let sum = checksum::pseudo(src, dst, TCP, len).plus(&packet[at..]).finish();
    packet[at + 16..at + 18].copy_from_slice(&sum.to_be_bytes());
}

fn with_id(mut packet: Vec<u8>, index: usize) -> Vec<u8> {
    if packet[0] >> 4 == 4 {
        packet[4..6].copy_from_slice(&(index as u16).to_be_bytes());
        mend(&mut packet);
    }
    packet
}
