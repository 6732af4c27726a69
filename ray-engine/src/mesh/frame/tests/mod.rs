//! The format, byte for byte, and what packing promises.
#![allow(clippy::cast_possible_truncation, reason = "test data is small")]

mod reassembly;

use std::{collections::BTreeSet, sync::Arc, sync::atomic::AtomicU32};

use bytes::Bytes;

use super::{blocks::LENT_MAX, *};
use crate::packet::{
    self,
    Checksum::{self, Complete, Left},
    checksum,
    samples::{ACK, Tcp},
};

#[test]
fn frozen_vectors() {
    let mut packer = Packer::new(Arc::new(AtomicU32::new(0x0403_0201)), true);
    assert!(packer.push(0x0102, b"ab", Complete, 1200));
    assert!(packer.push(0x0102, b"cde", Complete, 1200));
    assert!(packer.push(0x0103, b"f", Complete, 1200));
    assert!(packer.push(0x0103, b"gh", Left, 1200));
    assert!(packer.push(0x0103, b"i", Left, 1200));
    assert!(packer.push(0x0102, b"0123456789", Complete, 14));
    let vectors = [
        &b"\x01\x02\x01\x02\x00ab\x03\x00cde"[..],
        b"\x01\x03\x01\x01\x00f",
        b"\x03\x03\x01\x02\x00gh\x01\x00i",
        b"\x02\x02\x01\x01\x02\x03\x04\x00\x0201234",
        b"\x02\x02\x01\x01\x02\x03\x04\x01\x0256789",
    ];
    assert_eq!(packer.finished(), vectors.map(Bytes::from_static));
    let packet = |handle, checksum, bytes| Unpacked::Packet { handle, checksum, bytes: Bytes::from_static(bytes) };
    assert_eq!(
        unpacked(&mut Unpacker::default(), packer.finished()),
        [
            packet(0x0102, Complete, b"ab"),
            packet(0x0102, Complete, b"cde"),
            packet(0x0103, Complete, b"f"),
            packet(0x0103, Left, b"gh"),
            packet(0x0103, Left, b"i"),
            packet(0x0102, Complete, b"0123456789"),
        ]
    );
    let totals = Totals { packets: 0x0102, bytes: 0x0304_0506_0708_090a };
    let vector = Bytes::from_static(b"\x04\x01\x02\x01\0\0\0\0\0\0\x0a\x09\x08\x07\x06\x05\x04\x03");
    assert_eq!(control_totals(totals), vector);
    assert_eq!(unpacked(&mut Unpacker::default(), &[vector]), [Unpacked::Totals(totals)]);
}

#[test]
fn every_size_of_packet_crosses_every_size_of_datagram() {
    let packets: Vec<(Vec<u8>, Checksum)> = (40..=PACKET_MAX).step_by(13).flat_map(tcp_both_ways).collect();
    for datagram_max in [DATAGRAM_MIN, 1162, 1362, 1414, 9000, 65_535, usize::MAX] {
        let mut packer = Packer::default();
        let mut expected = Vec::new();
        for (packet, sum) in &packets {
            assert!(packer.push(7, packet, *sum, datagram_max), "{} in {datagram_max}", packet.len());
            let whole = OVERHEAD + packet.len() <= datagram_max;
            let sum = if whole { *sum } else { Complete };
            let bytes = if whole { packet.clone() } else { completed(packet) };
            expected.push(Unpacked::Packet { handle: 7, checksum: sum, bytes: bytes.into() });
        }
        assert!(packer.finished().iter().all(|datagram| datagram.len() <= datagram_max.min(65_535)));
        assert_eq!(packer.bytes(), packer.finished().iter().map(Bytes::len).sum::<usize>());
        assert_eq!(unpacked(&mut Unpacker::default(), packer.finished()), expected);
    }
}

#[test]
fn counts_the_bytes_of_the_datagram_under_way() {
    let mut packer = Packer::default();
    assert_eq!(packer.bytes(), 0);
    assert!(packer.push(1, b"abc", Complete, 1200));
    assert_eq!(packer.bytes(), 8);
    assert!(packer.push(2, b"abc", Complete, 1200));
    assert_eq!(packer.bytes(), 16);
    packer.clear();
    assert_eq!(packer.bytes(), 0);
    assert!(packer.finished().is_empty());
}

#[test]
fn a_datagram_is_filled_before_the_next_is_begun() {
    let mut packer = Packer::default();
    for _ in 0..30 {
        assert!(packer.push(1, &[7; 98], Complete, 1203));
    }
    let sizes: Vec<usize> = packer.finished().iter().map(Bytes::len).collect();
    assert_eq!(sizes, [1203, 1203, 603]);
}

#[test]
fn a_peer_without_segments_gets_complete_checksums() {
    let (packet, _) = tcp_both_ways(1200).pop().unwrap();
    for datagram_max in [1162, 1414] {
        let mut packer = Packer::new(Arc::default(), false);
        assert!(packer.push(7, &packet, Left, datagram_max));
        let expected = Unpacked::Packet { handle: 7, checksum: Complete, bytes: completed(&packet).into() };
        assert_eq!(unpacked(&mut Unpacker::default(), packer.finished()), [expected]);
    }
}

#[test]
fn a_checksum_that_nobody_can_make_keeps_the_packet_out() {
    let mut plain = Packer::new(Arc::default(), false);
    for packet in [&[0x45; 40][..], &[0; 40], b"x"] {
        assert!(!plain.push(7, packet, Left, 1200));
        assert!(plain.finished().is_empty());
    }
    assert!(!Packer::default().push(7, &[0x45; 1400], Left, 1200));
}

#[test]
fn refuses_a_packet_that_is_empty_or_beyond_the_limit() {
    let mut packer = Packer::default();
    for sum in [Complete, Left] {
        assert!(!packer.push(1, &[7; PACKET_MAX + 1], sum, 9000));
        assert!(!packer.push(1, &[7; 70_000], sum, 100_000));
        assert!(!packer.push(1, b"", sum, 9000));
    }
    for datagram_max in [0, 1, FRAGMENT_HEADER, 300] {
        assert!(!packer.push(1, &[7; PACKET_MAX], Complete, datagram_max), "{datagram_max}");
    }
    assert!(packer.finished().is_empty());
    assert!(packer.push(1, &[7; PACKET_MAX], Complete, DATAGRAM_MIN));
}

#[test]
fn what_is_no_frame_brings_nothing() {
    let long = [&b"\x01\x01\x00\x01\x00a\x01\x08"[..], &[7; PACKET_MAX + 1]].concat();
    for bytes in [
        &b"\x01"[..],
        b"\x01\x00",
        b"\x01\x01\x00",
        b"\x00\x01\x00\x01\x00a",
        b"\x05\x01\x00\x01\x00a",
        b"\xff\x01\x00\x01\x00a",
        b"\x01\x01\x00\x02\x00a",
        b"\x01\x01\x00\x01\x00a\x00",
        b"\x01\x01\x00\x00\x00",
        b"\x01\x01\x00\x01\x00a\x00\x00",
        b"\x01\x01\x00\x01\x00a\x00\x00\x01\x00b",
        b"\x01\x01\x00\x01\x00a\xff\xff",
        &long,
        b"\x03\x01\x00\x02\x00a",
        b"\x03\x01\x00",
        b"\x04",
        b"\x04\x01",
        b"\x04\x01123456781234567",
        b"\x04\x0112345678123456789",
    ] {
        let mut brought = 0;
        let result = Unpacker::default().unpack(&Bytes::copy_from_slice(bytes), 0, |_| brought += 1);
        assert_eq!((result, brought), (Err(BadFrame), 0), "{bytes:?}");
    }
    let result = Unpacker::default().unpack(&Bytes::new(), 0, |unpacked| panic!("{unpacked:?} came of nothing"));
    assert_eq!(result, Ok(()), "an empty one only makes room");
}

#[test]
fn control_frames_of_an_unknown_type_are_ignored() {
    for bytes in [&b"\x04\x00"[..], b"\x04\x02", b"\x04\xffanything"] {
        assert_eq!(unpacked(&mut Unpacker::default(), &[Bytes::from_static(bytes)]), []);
    }
}

#[test]
fn the_size_of_a_datagram_bounds_the_packets_in_it() {
    let mut packer = Packer::default();
    for _ in 0..30_000 {
        assert!(packer.push(7, b"x", Complete, usize::MAX));
    }
    let datagrams = packer.finished().to_vec();
    assert_eq!(datagrams.len(), 2);
    assert_eq!(unpacked(&mut Unpacker::default(), &datagrams[..1]).len(), (65_535 - HEADER) / (LENGTH + 1));
    assert_eq!(unpacked(&mut Unpacker::default(), &datagrams).len(), 30_000);
}

#[test]
fn a_path_that_shrinks_after_packing_loses_nothing() {
    let ids = Arc::new(AtomicU32::default());
    let mut packer = Packer::new(ids.clone(), true);
    let mut expected = Vec::new();
    for (packet, sum) in (40..1500).step_by(37).flat_map(tcp_both_ways) {
        assert!(packer.push(7, &packet, sum, 1414));
        let whole = packet.len() + OVERHEAD <= 1162;
        let (bytes, checksum) = if whole { (packet, sum) } else { (completed(&packet), Complete) };
        expected.push(Unpacked::Packet { handle: 7, checksum, bytes: bytes.into() });
    }
    let (before, numbered) = (packer.finished().to_vec(), ids.load(std::sync::atomic::Ordering::Relaxed));
    assert!(numbered > 0 && before.iter().any(|datagram| datagram.len() > 1162));
    assert_eq!(packer.repack(1162), Ok(TooBig::default()));
    assert!(packer.finished().iter().all(|datagram| datagram.len() <= 1162));
    assert_eq!(unpacked(&mut Unpacker::default(), packer.finished()), expected);
    let first_id = |datagrams: &[Bytes]| {
        let fragment = datagrams.iter().find(|datagram| datagram[0] == KIND_FRAGMENT).unwrap();
        u32::from_le_bytes(fragment[3..7].try_into().unwrap())
    };
    assert_eq!((first_id(&before), first_id(packer.finished())), (0, numbered), "an id is used once");
}

#[test]
fn packing_anew_tells_what_no_longer_fits() {
    let mut packer = Packer::default();
    for len in [100, 1000, 200, 1500] {
        assert!(packer.push(7, &vec![7; len], Complete, 1414));
    }
    assert_eq!(packer.repack(220), Ok(TooBig { packets: 2, bytes: 2500 }));
    assert_eq!(unpacked(&mut Unpacker::default(), packer.finished()).len(), 2);
    assert_eq!(packer.repack(220), Ok(TooBig::default()), "and tells it once");
}

#[test]
fn packers_of_one_link_number_their_packets_together() {
    let ids = Arc::new(AtomicU32::new(u32::MAX));
    let mut seen = Vec::new();
    for _ in 0..3 {
        let mut packer = Packer::new(ids.clone(), true);
        assert!(packer.push(7, &[7; 1280], Complete, 1162));
        seen.push(u32::from_le_bytes(packer.finished()[0][3..7].try_into().unwrap()));
    }
    assert_eq!(seen, [u32::MAX, 0, 1]);
}

#[test]
fn a_steady_stream_stays_in_the_same_memory() {
    let (packet, _) = tcp_both_ways(1280).pop().unwrap();
    for in_flight in [0, 1, LENT_MAX - 1] {
        let mut packer = Packer::default();
        let mut carrier = std::collections::VecDeque::new();
        let (mut early, mut late) = (BTreeSet::new(), BTreeSet::new());
        for round in 0..200 {
            packer.clear();
            // As many datagrams as fill a block nearly, so that the rounds begin at moving places.
            for _ in 0..45 {
                assert!(packer.push(7, &packet, Left, 1414));
            }
            let seen = if round < 100 { &mut early } else { &mut late };
            seen.extend(packer.finished().iter().map(|datagram| datagram.as_ptr() as usize));
            carrier.push_back(packer.finished().to_vec());
            if carrier.len() > in_flight {
                carrier.pop_front();
            }
        }
        assert!(late.is_subset(&early), "{in_flight} in flight: new memory after 100 rounds");
        let span = |set: &BTreeSet<usize>| set.iter().zip(set.iter().skip(1)).filter(|(a, b)| *b - *a > 2_000).count();
        assert!(span(&late) <= LENT_MAX, "{in_flight} in flight: {} blocks", span(&late) + 1);
    }
}

#[test]
fn a_trickle_stays_in_one_block() {
    let mut packer = Packer::default();
    let mut places = Vec::new();
    for _ in 0..1000 {
        packer.clear();
        assert!(packer.push(7, &[7; 1000], Complete, 1414));
        places.push(packer.finished()[0].as_ptr() as usize);
    }
    assert!(places.iter().max().unwrap() - places.iter().min().unwrap() < 64 * 1024);
}

/// A TCP packet of `len` bytes with its checksum, and without.
fn tcp_both_ways(len: usize) -> Vec<(Vec<u8>, Checksum)> {
    let headers = 52;
    let payload: Vec<u8> = (0..len.saturating_sub(headers)).map(|i| (i % 251) as u8).collect();
    let whole = Tcp { src: "100.64.0.1", dst: "100.64.0.2", seq: 9, flags: ACK, payload: &payload }.build();
    let mut open = whole.clone();
    open[36..38].fill(0);
    vec![(whole, Complete), (open, Left)]
}

fn completed(packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    let layout = packet::parse(&packet).unwrap().layout();
    assert!(checksum::complete(&mut packet, &layout));
    packet
}

fn unpacked(unpacker: &mut Unpacker, datagrams: &[Bytes]) -> Vec<Unpacked> {
    let mut all = Vec::new();
    for datagram in datagrams {
        unpacker.unpack(datagram, 0, |unpacked| all.push(unpacked)).unwrap();
    }
    all
}
