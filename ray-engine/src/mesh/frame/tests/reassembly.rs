//! Attacks on the reassembly of packets: whatever a peer sends, nothing damaged comes out and no bound moves.

use bytes::Bytes;

use super::super::{BadFrame, HELD_MAX, PACKET_MAX, Packer, Unpacked, Unpacker, reassembly::OPEN_MAX};
use crate::{firewall::Millis, packet::Checksum};

#[test]
fn parts_may_arrive_in_any_order() {
    let packet: Vec<u8> = (0..PACKET_MAX).map(|i| (i % 251) as u8).collect();
    let parts = parts_of(&packet, 600);
    for order in permutations(parts.len()) {
        let mut unpacker = Unpacker::default();
        let arrived: Vec<_> = order.iter().flat_map(|at| feed(&mut unpacker, &parts[*at], 0)).collect();
        assert_eq!(arrived, [(7, Bytes::from(packet.clone()))], "{order:?}");
        assert_eq!(unpacker.abandoned(), 0);
    }
}

#[test]
fn packets_in_parts_may_interleave() {
    let mut packer = Packer::default();
    for byte in 0..OPEN_MAX as u8 {
        assert!(packer.push(7, &[byte; 1280], Checksum::Complete, 1162));
    }
    let datagrams = packer.finished().to_vec();
    let mut unpacker = Unpacker::default();
    let firsts = datagrams.iter().step_by(2);
    let seconds = datagrams.iter().skip(1).step_by(2);
    let arrived: Vec<_> = firsts.chain(seconds).flat_map(|datagram| feed(&mut unpacker, datagram, 0)).collect();
    assert_eq!(arrived, (0..OPEN_MAX as u8).map(|byte| (7, Bytes::from(vec![byte; 1280]))).collect::<Vec<_>>());
}

#[test]
fn a_part_that_comes_twice_gives_the_packet_up() {
    let mut unpacker = Unpacker::default();
    assert!(feed(&mut unpacker, &part(7, 1, 0, 2, b"ab"), 0).is_empty());
    assert!(feed(&mut unpacker, &part(7, 1, 0, 2, b"AB"), 0).is_empty());
    // Nor does what follows make a packet of the rest.
    for index in [1, 0, 1] {
        assert!(feed(&mut unpacker, &part(7, 1, index, 2, b"cd"), 0).is_empty());
    }
    assert_eq!(unpacker.abandoned(), 1);
}

#[test]
fn parts_that_contradict_each_other_give_the_packet_up() {
    for contradiction in [part(8, 1, 1, 2, b"cd"), part(7, 1, 1, 3, b"cd"), part(7, 1, 1, 2, &[7; PACKET_MAX])] {
        let mut unpacker = Unpacker::default();
        assert!(feed(&mut unpacker, &part(7, 1, 0, 2, b"ab"), 0).is_empty());
        assert!(feed(&mut unpacker, &contradiction, 0).is_empty(), "{contradiction:?}");
        assert!(feed(&mut unpacker, &part(7, 1, 1, 2, b"cd"), 0).is_empty(), "{contradiction:?}");
        assert_eq!(unpacker.abandoned(), 1);
    }
}

#[test]
fn refuses_impossible_parts() {
    let long = part(7, 1, 0, 2, &[7; PACKET_MAX + 1]);
    let huge = part(7, 1, 0, 2, &[7; 65_535 - 9]);
    for datagram in [
        long,
        huge,
        part(7, 1, 0, 0, b"x"),
        part(7, 1, 0, 1, b"x"),
        part(7, 1, 0, 5, b"x"),
        part(7, 1, 0, 255, b"x"),
        part(7, 1, 2, 2, b"x"),
        part(7, 1, 255, 4, b"x"),
        part(7, 1, 0, 2, b""),
        Bytes::from_static(b"\x02\x01\x00\x00\x00"),
        Bytes::from_static(b"\x02\x01\x00\x00\x00\x00\x00\x00"),
    ] {
        let mut unpacker = Unpacker::default();
        let result = unpacker.unpack(&datagram, 0, |unpacked| panic!("{unpacked:?} came out"));
        assert_eq!((result, unpacker.held(), unpacker.abandoned()), (Err(BadFrame), 0, 0), "{} bytes", datagram.len());
    }
}

#[test]
fn no_packet_outgrows_the_limit_by_its_parts() {
    let mut unpacker = Unpacker::default();
    for index in 0..4 {
        assert!(feed(&mut unpacker, &part(7, 1, index, 4, &[7; PACKET_MAX / 3]), 0).is_empty());
    }
    assert_eq!(unpacker.abandoned(), 1);
}

#[test]
fn a_flood_of_first_parts_takes_no_more_memory_than_the_bound() {
    let mut unpacker = Unpacker::default();
    let flood = 100 * OPEN_MAX as u32;
    let mut delivered = Vec::new();
    for id in 0..flood {
        assert!(feed(&mut unpacker, &part(7, id, 0, 4, &[7; PACKET_MAX]), 0).is_empty());
        assert!(unpacker.held() <= HELD_MAX);
    }
    assert_eq!(unpacker.held(), HELD_MAX);
    assert_eq!(unpacker.abandoned(), u64::from(flood) - OPEN_MAX as u64);
    // The oldest gave way, the youngest did not; whoever keeps what was delivered does not raise the bound either.
    for id in 0..flood {
        delivered.extend(feed(&mut unpacker, &part(7, flood + id, 1, 2, b"b"), 0));
        delivered.extend(feed(&mut unpacker, &part(7, flood + id, 0, 2, b"a"), 0));
        assert!(unpacker.held() <= HELD_MAX);
    }
    assert_eq!(delivered, vec![(7, Bytes::from_static(b"ab")); flood as usize]);
}

#[test]
fn the_oldest_packet_gives_way() {
    let mut unpacker = Unpacker::default();
    for id in 0..=OPEN_MAX as u32 {
        assert!(feed(&mut unpacker, &part(7, id, 0, 2, b"a"), 0).is_empty());
    }
    assert_eq!(feed(&mut unpacker, &part(7, 1, 1, 2, b"b"), 0), [(7, Bytes::from_static(b"ab"))]);
    assert!(feed(&mut unpacker, &part(7, 0, 1, 2, b"b"), 0).is_empty());
    assert_eq!(unpacker.abandoned(), 1);
}

#[test]
fn a_part_does_not_hold_the_memory_of_its_datagram() {
    let mut unpacker = Unpacker::default();
    let datagram = part(7, 1, 0, 2, b"a");
    assert!(feed(&mut unpacker, &datagram, 0).is_empty());
    assert!(datagram.is_unique());
}

#[test]
fn a_stream_of_packets_in_parts_stays_in_the_same_memory() {
    let mut unpacker = Unpacker::default();
    let parts = parts_of(&[7; 1280], 1162);
    let mut places = std::collections::BTreeSet::new();
    for _ in 0..1000 {
        assert!(feed(&mut unpacker, &parts[0], 0).is_empty());
        let arrived = feed(&mut unpacker, &parts[1], 0);
        places.insert(arrived[0].1.as_ptr());
    }
    assert_eq!(places.len(), 1);
    assert_eq!(unpacker.held(), PACKET_MAX);
}

#[test]
fn an_id_may_be_used_again_when_its_packet_is_complete() {
    let mut unpacker = Unpacker::default();
    for bytes in [b"ab", b"cd"] {
        assert!(feed(&mut unpacker, &part(7, 1, 0, 2, &bytes[..1]), 0).is_empty());
        assert_eq!(feed(&mut unpacker, &part(7, 1, 1, 2, &bytes[1..]), 0), [(7, Bytes::from_static(bytes))]);
    }
}

#[test]
fn a_packet_is_given_up_after_two_seconds() {
    for (now, complete) in [(1_999, true), (2_000, false), (Millis::MAX, false)] {
        let mut unpacker = Unpacker::default();
        assert!(feed(&mut unpacker, &part(7, 1, 0, 2, b"a"), 0).is_empty());
        let arrived = feed(&mut unpacker, &part(7, 1, 1, 2, b"b"), now);
        assert_eq!(arrived.len(), usize::from(complete), "{now}");
        assert_eq!(unpacker.abandoned(), u64::from(!complete), "{now}");
    }
}

#[test]
fn any_datagram_lets_time_pass() {
    let mut unpacker = Unpacker::default();
    assert!(feed(&mut unpacker, &part(7, 1, 0, 2, b"a"), 0).is_empty());
    assert_eq!(feed(&mut unpacker, &Bytes::from_static(b"\x01\x07\x00\x01\x00x"), 2_000).len(), 1);
    assert_eq!(unpacker.abandoned(), 1);
}

#[test]
fn a_damaged_packet_is_forgotten_in_time_and_counts_once() {
    let mut unpacker = Unpacker::default();
    for _ in 0..2 {
        assert!(feed(&mut unpacker, &part(7, 1, 0, 2, b"a"), 0).is_empty());
    }
    assert!(feed(&mut unpacker, &part(7, 1, 0, 2, b"c"), 2_000).is_empty());
    assert_eq!(feed(&mut unpacker, &part(7, 1, 1, 2, b"d"), 2_000), [(7, Bytes::from_static(b"cd"))]);
    assert_eq!(unpacker.abandoned(), 1);
}

fn part(handle: u16, id: u32, index: u8, count: u8, bytes: &[u8]) -> Bytes {
    Bytes::from([&[2][..], &handle.to_le_bytes(), &id.to_le_bytes(), &[index, count], bytes].concat())
}

fn parts_of(packet: &[u8], datagram_max: usize) -> Vec<Bytes> {
    let mut packer = Packer::default();
    assert!(packer.push(7, packet, Checksum::Complete, datagram_max));
    packer.finished().to_vec()
}

/// The packets that a datagram of parts completes.
fn feed(unpacker: &mut Unpacker, datagram: &Bytes, now: Millis) -> Vec<(u16, Bytes)> {
    let mut arrived = Vec::new();
    let result = unpacker.unpack(datagram, now, |unpacked| match unpacked {
        Unpacked::Packet { handle, checksum: Checksum::Complete, bytes } => arrived.push((handle, bytes)),
        other => panic!("{other:?}"),
    });
    assert_eq!(result, Ok(()));
    arrived
}

fn permutations(len: usize) -> Vec<Vec<usize>> {
    let Some(last) = len.checked_sub(1) else { return vec![Vec::new()] };
    let shorter = permutations(last);
    shorter
        .iter()
        .flat_map(|order| {
            (0..=last).map(move |at| {
                let mut order = order.clone();
                order.insert(at, last);
                order
            })
        })
        .collect()
}
