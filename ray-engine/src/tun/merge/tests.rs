//! What is merged comes apart again as it was; what differs is not merged.
#![allow(clippy::cast_possible_truncation, reason = "test data is small")]

use super::*;
use crate::{
    packet::{
        self,
        samples::{ACK, PSH, Random, Tcp, ip, mend},
        udp,
    },
    tun::{Chunk, split},
};

const FAMILIES: [(&str, &str); 2] = [("100.64.0.1", "100.64.0.2"), ("200::1", "200::2")];
const ALL: Allowed = Allowed { split_tcp: true, split_udp: true, checksum: true, mtu: 1500 };

#[test]
fn a_merged_run_splits_into_what_went_in() {
    for (src, dst) in FAMILIES {
        for (payload, size) in [(1228 * 40 + 77, 1228), (1228 * 40, 1228), (3, 1), (2000, 1000), (21, 20)] {
            let payload = Random::new(1).bytes(payload);
            for packets in [stream(src, dst, &payload, size), datagrams(src, dst, &payload, size)] {
                for left in [false, true] {
                    let given: Vec<Vec<u8>> =
                        packets.iter().map(|packet| if left { zeroed(packet) } else { packet.clone() }).collect();
                    let units = written(&given, checksum(left), &ALL);
                    assert_eq!(units.len(), 1, "{} packets, left: {left}", packets.len());
                    assert_eq!(split_again(&units[0]), packets);
                }
            }
        }
    }
}

#[test]
fn every_field_of_the_header_is_of_our_making() {
    for (src, dst) in FAMILIES {
        let at = if src.contains(':') { 40u8 } else { 20 };
        let run = written(&stream(src, dst, &[7; 2500], 1000), Checksum::Complete, &ALL).remove(0);
        let gso_type = if at == 40 { 4 } else { 1 };
        assert_eq!(run[..vnet::LEN], [1, gso_type, at + 32, 0, 0xe8, 3, at, 0, 16, 0]);
        let run = written(&datagrams(src, dst, &[7; 2500], 1000), Checksum::Complete, &ALL).remove(0);
        assert_eq!(run[..vnet::LEN], [1, 5, at + 8, 0, 0xe8, 3, at, 0, 6, 0]);
        // The sum's field holds that of the pseudo header, so that the sum over the message completes it.
        let mut packet = run[vnet::LEN..].to_vec();
        assert!(packet::parse(&packet).is_ok());
        let whole = udp::build((ip(src), 5000).into(), (ip(dst), 6000).into(), &[7; 2500]).unwrap();
        split::complete(&mut packet, at.into(), 6, false).unwrap();
        assert_eq!(packet[usize::from(at)..], whole[usize::from(at)..]);
    }
}

#[test]
fn a_single_packet_is_written_as_it_came() {
    for (src, dst) in FAMILIES {
        let syn = tcp(src, dst, 1, 0x02, b"");
        for packet in [syn, tcp(src, dst, 1, ACK | PSH, b"alone"), datagram(src, dst, b"alone"), echo(src, dst)] {
            let units = written(std::slice::from_ref(&packet), Checksum::Complete, &ALL);
            assert_eq!(units, [[&vnet::PLAIN[..], &packet].concat()]);
        }
    }
}

#[test]
fn a_single_packet_without_its_sum_gets_it_from_the_kernel_or_from_us() {
    for (src, dst) in FAMILIES {
        let at = if src.contains(':') { 40u8 } else { 20 };
        for (packet, offset) in [
            (tcp(src, dst, 1, 0x02, b""), 16),
            (tcp(src, dst, 1, ACK | 1, b"odd"), 16),
            (datagram(src, dst, b"odd"), 6),
        ] {
            let left = zeroed(&packet);
            let unit = written(std::slice::from_ref(&left), Checksum::Left, &ALL).remove(0);
            assert_eq!(unit[..vnet::LEN], [1, 0, 0, 0, 0, 0, at, 0, offset, 0]);
            assert_eq!(split_again(&unit), [&packet[..]]);
            let unit = written(std::slice::from_ref(&left), Checksum::Left, &Allowed::NOTHING).remove(0);
            assert_eq!(unit, [&vnet::PLAIN[..], &packet].concat());
        }
    }
}

#[test]
fn a_sum_of_ours_never_says_that_there_is_none() {
    let (src, dst) = FAMILIES[0];
    let built = datagram(src, dst, &[0; 8]);
    let mut zero = zeroed(&datagram(src, dst, &[built[26], built[27], 0, 0, 0, 0, 0, 0]));
    zero[26..28].fill(0);
    let unit = written(&[zero], Checksum::Left, &Allowed::NOTHING).remove(0);
    assert_eq!(unit[vnet::LEN + 26..vnet::LEN + 28], [0xff, 0xff]);
}

#[test]
fn a_sum_that_cannot_be_made_is_refused() {
    for (src, dst) in FAMILIES {
        let mut packets = vec![echo(src, dst)];
        let mut piece = datagram(src, dst, &[0; 16]);
        if piece[0] == 0x45 {
            piece.truncate(36);
            piece[2..4].copy_from_slice(&36u16.to_be_bytes());
            piece[6] = 0x20;
            mend(&mut piece);
            packets.push(piece);
        }
        for bytes in packets {
            let layout = packet::parse(&bytes).unwrap().layout();
            let packet = Packet { bytes: &bytes, layout, checksum: Checksum::Left };
            for allowed in [ALL, Allowed::NOTHING] {
                assert_eq!(Unit::next([packet].into_iter(), &allowed).unwrap().err(), Some(Malformed::Offload));
            }
        }
    }
}

#[test]
fn a_wrong_sum_stays_visible_to_the_receiver() {
    for (src, dst) in FAMILIES {
        for make in [stream, datagrams] {
            for wrong in 0..3 {
                let mut packets = make(src, dst, &[5; 3000], 1000);
                *packets[wrong].last_mut().unwrap() ^= 1;
                let units = written(&packets, Checksum::Complete, &ALL);
                let alone = [&vnet::PLAIN[..], &packets[wrong]].concat();
                assert!(units.contains(&alone), "packet {wrong} must be written as it came");
            }
        }
        let mut none = datagrams(src, dst, &[5; 2000], 1000);
        none.iter_mut().for_each(|packet| *packet = zeroed(packet));
        assert_eq!(written(&none, Checksum::Complete, &ALL).len(), 2, "no sum is no right sum");
    }
}

#[test]
fn a_foreign_packet_parts_a_run_and_keeps_its_place() {
    for (src, dst) in FAMILIES {
        for foreign in [tcp(src, dst, 77, ACK, &[1; 1000]), datagram(src, dst, &[1; 1000]), echo(src, dst)] {
            let mut packets = stream(src, dst, &[5; 4000], 1000);
            packets.insert(2, foreign.clone());
            let units = written(&packets, Checksum::Complete, &ALL);
            assert_eq!(units.len(), 3);
            assert_eq!(units[1][vnet::LEN..], foreign);
            let parts: Vec<Vec<u8>> = [&units[0], &units[2]].into_iter().flat_map(|unit| split_again(unit)).collect();
            packets.remove(2);
            assert_eq!(without_ids(parts), without_ids(packets));
        }
    }
}

#[test]
fn nothing_follows_a_short_or_pushed_segment() {
    let (src, dst) = FAMILIES[0];
    let counts = |packets: &[Vec<u8>]| -> Vec<usize> {
        units(packets, Checksum::Complete, &ALL).iter().map(Unit::packets).collect()
    };
    let run = |second: u8, second_payload: &[u8]| {
        let len = second_payload.len() as u32;
        [
            tcp(src, dst, 0, ACK, b"aaaa"),
            tcp(src, dst, 4, second, second_payload),
            tcp(src, dst, 4 + len, ACK, b"cccc"),
            tcp(src, dst, 8 + len, ACK, b"dddd"),
        ]
    };
    assert_eq!(counts(&run(ACK, b"bbbb")), [4]);
    assert_eq!(counts(&run(ACK, b"bb")), [2, 2], "short");
    assert_eq!(counts(&run(ACK, b"bbbbb")), [1, 2, 1], "longer than the first");
    assert_eq!(counts(&run(ACK | PSH, b"bbbb")), [2, 2], "pushed");
    assert_eq!(counts(&run(ACK | 0x01, b"bbbb")), [1, 1, 2], "FIN");
    assert_eq!(counts(&run(ACK | 0x80, b"bbbb")), [1, 1, 2], "CWR");
    assert_eq!(counts(&run(ACK | 0x40, b"bbbb")), [1, 1, 2], "ECE on one");

    let pushed = written(&run(ACK | PSH, b"bbbb")[..2], Checksum::Complete, &ALL).remove(0);
    let flags = |packet: &[u8]| packet[33];
    assert_eq!(flags(&pushed[vnet::LEN..]), ACK | PSH, "the kernel gives PSH to the last");
    let again: Vec<u8> = split_again(&pushed).iter().map(|packet| flags(packet)).collect();
    assert_eq!(again, [ACK, ACK | PSH]);
}

#[test]
fn ece_on_all_is_kept_on_all() {
    let (src, dst) = FAMILIES[1];
    let packets: Vec<Vec<u8>> = (0..3).map(|n| tcp(src, dst, n * 4, ACK | 0x40, b"data")).collect();
    let units = written(&packets, Checksum::Complete, &ALL);
    assert_eq!((units.len(), split_again(&units[0])), (1, packets));
}

#[test]
fn a_run_ends_before_it_exceeds_a_length_field_or_a_count() {
    for (src, dst) in FAMILIES {
        for (size, tcp_max, udp_max) in [(1000, 65, 64), (1200, 54, 54), (10, 128, 64)] {
            for (packets, max) in [
                (stream(src, dst, &vec![0; size * 200], size), tcp_max),
                (datagrams(src, dst, &vec![0; size * 200], size), udp_max),
            ] {
                let units = written(&packets, Checksum::Complete, &ALL);
                let again: Vec<Vec<Vec<u8>>> = units.iter().map(|unit| split_again(unit)).collect();
                assert_eq!(again[0].len(), max, "{size}");
                assert!(units.iter().all(|unit| unit.len() - vnet::LEN <= RUN_MAX));
                assert_eq!(again.concat().len(), 200);
            }
        }
    }
}

#[test]
fn segments_that_exceed_the_mtu_are_not_merged() {
    for (src, dst) in FAMILIES {
        for make in [stream, datagrams] {
            let packets = make(src, dst, &[0; 4000], 1000);
            let len = packets[0].len() as u16;
            for (mtu, count) in [(len, 1), (len - 1, 4), (0, 4)] {
                let allowed = Allowed { mtu, ..ALL };
                let units = units(&packets, Checksum::Complete, &allowed);
                assert_eq!(units.len(), count, "MTU {mtu}");
            }
        }
    }
}

#[test]
fn what_is_not_allowed_is_not_asked() {
    for (src, dst) in FAMILIES {
        let packets = [stream(src, dst, &[0; 3000], 1000), datagrams(src, dst, &[0; 3000], 1000)].concat();
        let asks = |allowed: Allowed, checksum: Checksum| -> Vec<(Ask, usize)> {
            let packets: Vec<Vec<u8>> = packets
                .iter()
                .map(|packet| if checksum == Checksum::Left { zeroed(packet) } else { packet.clone() })
                .collect();
            units(&packets, checksum, &allowed).iter().map(|unit| (unit.ask(), unit.packets())).collect()
        };
        let (tcp, udp, sum, nothing) = ((Ask::SplitTcp, 3), (Ask::SplitUdp, 3), (Ask::Checksum, 1), (Ask::Nothing, 1));
        assert_eq!(asks(ALL, Checksum::Left), [tcp, udp]);
        assert_eq!(asks(Allowed { split_udp: false, ..ALL }, Checksum::Left), [tcp, sum, sum, sum]);
        assert_eq!(asks(Allowed { split_tcp: false, ..ALL }, Checksum::Complete), [nothing, nothing, nothing, udp]);
        assert_eq!(asks(Allowed::NOTHING, Checksum::Left), [nothing; 6]);
    }
}

fn tcp(src: &str, dst: &str, seq: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    Tcp { src, dst, seq, flags, payload }.build()
}

fn datagram(src: &str, dst: &str, payload: &[u8]) -> Vec<u8> {
    udp::build((ip(src), 5000).into(), (ip(dst), 6000).into(), payload).unwrap()
}

fn echo(src: &str, dst: &str) -> Vec<u8> {
    packet::icmp::echo_request(ip(src), ip(dst), 1, 1, b"echo").unwrap()
}

/// Segments with counted ids, of which the last is pushed if it is short, and whose numbers wrap.
fn stream(src: &str, dst: &str, payload: &[u8], size: usize) -> Vec<Vec<u8>> {
    let segment = |(index, payload): (usize, &[u8])| {
        let flags = if payload.len() < size { ACK | PSH } else { ACK };
        with_id(tcp(src, dst, (u32::MAX - 3000).wrapping_add((index * size) as u32), flags, payload), index)
    };
    payload.chunks(size).enumerate().map(segment).collect()
}

fn datagrams(src: &str, dst: &str, payload: &[u8], size: usize) -> Vec<Vec<u8>> {
    payload.chunks(size).enumerate().map(|(index, payload)| with_id(datagram(src, dst, payload), index)).collect()
}

fn with_id(mut packet: Vec<u8>, index: usize) -> Vec<u8> {
    if packet[0] >> 4 == 4 {
        packet[4..6].copy_from_slice(&(index as u16).to_be_bytes());
        mend(&mut packet);
    }
    packet
}

fn without_ids(packets: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    packets.into_iter().map(|packet| with_id(packet, 0)).collect()
}

fn zeroed(packet: &[u8]) -> Vec<u8> {
    let layout = packet::parse(packet).unwrap().layout();
    let mut packet = packet.to_vec();
    put(&mut packet, layout.transport_at + checksum::place_in(layout.protocol).unwrap(), 0).unwrap();
    packet
}

fn checksum(left: bool) -> Checksum {
    if left { Checksum::Left } else { Checksum::Complete }
}

fn units(packets: &[Vec<u8>], checksum: Checksum, allowed: &Allowed) -> Vec<Unit> {
    let mut units = Vec::new();
    let mut rest = given(packets, checksum);
    while let Some(unit) = Unit::next(rest.clone(), allowed) {
        let unit = unit.unwrap();
        (0..unit.packets()).for_each(|_| assert!(rest.next().is_some()));
        units.push(unit);
    }
    units
}

/// The bytes of each write.
fn written(packets: &[Vec<u8>], checksum: Checksum, allowed: &Allowed) -> Vec<Vec<u8>> {
    let mut rest = given(packets, checksum);
    let mut bytes = |unit: &Unit| {
        let bytes =
            unit.parts(rest.clone()).slices().iter().flat_map(|slice| slice.iter().copied()).collect::<Vec<u8>>();
        rest.nth(unit.packets() - 1);
        bytes
    };
    units(packets, checksum, allowed).iter().map(&mut bytes).collect()
}

fn given(packets: &[Vec<u8>], checksum: Checksum) -> impl Iterator<Item = Packet<'_>> + Clone {
    packets.iter().map(move |packet| {
        let layout = packet::parse(packet).unwrap().layout();
        Packet { bytes: packet, layout, checksum }
    })
}

fn split_again(unit: &[u8]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    Chunk::of(&mut unit.to_vec()).packets(false, |packet, _| packets.push(packet.to_vec())).unwrap();
    packets
}
