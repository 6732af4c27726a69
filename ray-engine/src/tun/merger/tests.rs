//! A kernel that refuses, and what becomes of the packets.

use super::*;
use crate::packet::{
    self, Checksum,
    samples::{ACK, Tcp, ip},
    udp,
};

const ALL: Allowed = Allowed { split_tcp: true, split_udp: true, checksum: true, mtu: 1500 };
const NEEDS_CHECKSUM: u8 = 1;

#[test]
fn what_is_refused_together_is_written_one_by_one() {
    for errno in [Errno::EIO, Errno::EINVAL, Errno::EMSGSIZE] {
        for packets in [tcp(5), udp(5)] {
            let mut kernel = Kernel::refusing(errno, |header| header[1] != 0);
            let mut merger = Merger::new(ALL);
            assert_eq!(kernel.write(&mut merger, &packets, Checksum::Complete), 5, "{errno}");
            assert_eq!(kernel.taken, packets);
            assert_eq!(merger.counts(), Counts { writes: 6, undone: 1, ..Counts::default() });
        }
    }
}

#[test]
fn a_sum_that_the_kernel_does_not_make_is_made_here() {
    for packets in [tcp(3), udp(3)] {
        let mut kernel = Kernel::refusing(Errno::EINVAL, |header| header[0] & NEEDS_CHECKSUM != 0);
        let mut merger = Merger::new(ALL);
        assert_eq!(kernel.write(&mut merger, &zeroed(&packets), Checksum::Left), 3);
        assert_eq!(kernel.taken, packets);
    }
}

#[test]
fn what_is_refused_again_and_again_is_given_up_and_told_once() {
    let mut kernel = Kernel::refusing(Errno::EINVAL, |header| header[1] == 5);
    let mut merger = Merger::new(ALL);
    for round in 1..=10 {
        assert_eq!(kernel.write(&mut merger, &udp(3), Checksum::Complete), 3);
        assert_eq!(merger.allowed().split_udp, round < REFUSALS_MAX, "round {round}");
        assert_eq!(merger.given_up(), (round == REFUSALS_MAX).then_some(Ask::SplitUdp));
        assert_eq!(merger.given_up(), None);
    }
    assert_eq!(merger.counts().undone, u64::from(REFUSALS_MAX));
    assert!(merger.allowed().split_tcp && merger.allowed().checksum, "the others still work");
    kernel.write(&mut merger, &tcp(3), Checksum::Complete);
    assert_eq!(kernel.headers.last().unwrap()[1], 4);
}

#[test]
fn one_success_forgives_the_refusals_before_it() {
    let mut merger = Merger::new(ALL);
    for _ in 0..5 {
        for _ in 1..REFUSALS_MAX {
            Kernel::refusing(Errno::EIO, |header| header[1] != 0).write(&mut merger, &tcp(3), Checksum::Complete);
        }
        Kernel::refusing(Errno::EIO, |_| false).write(&mut merger, &tcp(3), Checksum::Complete);
    }
    assert_eq!((merger.allowed(), merger.given_up()), (ALL, None));
}

#[test]
fn a_device_that_takes_nothing_proves_nothing() {
    let mut merger = Merger::new(ALL);
    for _ in 0..20 {
        let mut kernel = Kernel::refusing(Errno::EIO, |_| true);
        assert_eq!(kernel.write(&mut merger, &zeroed(&tcp(3)), Checksum::Left), 0);
    }
    assert_eq!((merger.allowed(), merger.given_up()), (ALL, None));
    assert_eq!((merger.counts().refused, merger.counts().undone), (60, 0));
}

#[test]
fn a_full_queue_loses_the_packets_and_the_device_stays_trusted() {
    for errno in [Errno::EAGAIN, Errno::ENOBUFS, Errno::ENOMEM] {
        let mut kernel = Kernel::refusing(errno, |_| true);
        let mut merger = Merger::new(ALL);
        assert_eq!(kernel.write(&mut merger, &tcp(3), Checksum::Complete), 0);
        assert_eq!(merger.counts(), Counts { refused: 3, writes: 1, ..Counts::default() });
    }
}

#[test]
fn a_device_that_is_gone_is_an_error() {
    let packets = tcp(3);
    let mut merger = Merger::new(ALL);
    let gone = merger.write(given(&packets, Checksum::Complete), &mut |_| Err(Errno::EBADFD));
    assert_eq!(gone.unwrap_err().raw_os_error(), Some(Errno::EBADFD as i32));
}

#[test]
fn a_packet_that_cannot_be_written_does_not_stop_the_batch() {
    let mut packets = tcp(2);
    packets.insert(1, packet::icmp::echo_request(ip("200::1"), ip("200::2"), 1, 1, b"").unwrap());
    let mut kernel = Kernel::refusing(Errno::EIO, |_| false);
    let mut merger = Merger::new(ALL);
    assert_eq!(kernel.write(&mut merger, &packets, Checksum::Left), 2);
    assert_eq!((merger.counts().refused, merger.counts().writes), (1, 2));
}

#[test]
fn segments_that_exceed_the_mtu_are_written_alone() {
    let packets = tcp(4);
    let mut merger = Merger::new(Allowed { mtu: 100, ..ALL });
    let mut kernel = Kernel::refusing(Errno::EIO, |_| false);
    assert_eq!(kernel.write(&mut merger, &packets, Checksum::Complete), 4);
    assert_eq!(kernel.taken, packets);
    assert_eq!(merger.counts(), Counts { writes: 4, ..Counts::default() });
}

/// Takes writes and splits what it takes.
struct Kernel {
    errno: Errno,
    refuses: fn(&[u8]) -> bool,
    headers: Vec<Vec<u8>>,
    taken: Vec<Vec<u8>>,
}

impl Kernel {
    fn refusing(errno: Errno, refuses: fn(&[u8]) -> bool) -> Self {
        Self { errno, refuses, headers: Vec::new(), taken: Vec::new() }
    }

    fn write(&mut self, merger: &mut Merger, packets: &[Vec<u8>], checksum: Checksum) -> usize {
        let mut put = |parts: &[IoSlice<'_>]| {
            let mut bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
            if (self.refuses)(&bytes) {
                return Err(self.errno);
            }
            self.headers.push(bytes[..10].to_vec());
            let taken = &mut self.taken;
            crate::tun::Chunk::of(&mut bytes).packets(false, |packet, _| taken.push(packet.to_vec())).unwrap();
            Ok(())
        };
        merger.write(given(packets, checksum), &mut put).unwrap()
    }
}

fn given(packets: &[Vec<u8>], checksum: Checksum) -> impl Iterator<Item = Packet<'_>> + Clone {
    packets.iter().map(move |bytes| Packet { bytes, layout: packet::parse(bytes).unwrap().layout(), checksum })
}

fn zeroed(packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let zero = |packet: &Vec<u8>| {
        let mut packet = packet.clone();
        let at = 40 + if packet[6] == 6 { 16 } else { 6 };
        packet[at..at + 2].fill(0);
        packet
    };
    packets.iter().map(zero).collect()
}

fn tcp(count: u32) -> Vec<Vec<u8>> {
    (0..count)
        .map(|n| Tcp { src: "200::1", dst: "200::2", seq: n * 1000, flags: ACK, payload: &[5; 1000] }.build())
        .collect()
}

fn udp(count: u8) -> Vec<Vec<u8>> {
    let (from, to) = ((ip("200::1"), 5000).into(), (ip("200::2"), 6000).into());
    (0..count).map(|n| udp::build(from, to, &[n; 1000]).unwrap()).collect()
}
