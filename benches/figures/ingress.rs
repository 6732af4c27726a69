//! From datagrams to writes to the device: unpacked, judged, merged. The write itself is left out.

use std::{hint::black_box, io::IoSlice};

use bytes::Bytes;
use ray_benches::{
    Bench,
    samples::{DATAGRAM, HANDLE, LONG, LONGS, MTU, NOW, Node, SEGMENTS, SMALL, SMALLS, party, tcp_segments, udp},
};
use ray_engine::{
    mesh::frame::{Packer, Unpacked, Unpacker},
    packet::Checksum,
    plane::{self, Deliverable},
    tun::{
        Merger,
        merge::{Allowed, Packet},
    },
};

pub(crate) fn run(bench: &mut Bench) -> Option<()> {
    let node = Node::new(0)?;
    let segments = tcp_segments(7, 0)?;
    for (checksum, name) in [
        (Checksum::Left, "46 segments in a write, checksums left"),
        (Checksum::Complete, "46 segments in a write, checksums verified"),
    ] {
        let mut received = Received::of(&segments, checksum)?;
        (received.datagrams.len() == SEGMENTS && received.deliver(&node) == (SEGMENTS, 1)).then_some(())?;
        bench.steady(name, SEGMENTS as u64, 0, || received.deliver(&node));
    }

    let small = vec![udp(7, 0, SMALL)?; SMALLS];
    let mut received = Received::of(&small, Checksum::Left)?;
    (received.datagrams.len() < SMALLS / 4 && received.deliver(&node) == (SMALLS, 1)).then_some(())?;
    bench.steady("32 packets of 64 bytes in a write", SMALLS as u64, 0, || received.deliver(&node));

    let long = vec![udp(7, 0, LONG)?; LONGS];
    let mut received = Received::of(&long, Checksum::Complete)?;
    (received.datagrams.len() == 2 * LONGS && received.deliver(&node) == (LONGS, LONGS)).then_some(())?;
    bench.steady("16 packets out of two fragments each", LONGS as u64, 0, || received.deliver(&node));
    Some(())
}

/// The datagrams of a batch, and what is kept between batches.
struct Received {
    datagrams: Vec<Bytes>,
    unpacker: Unpacker,
    judged: Vec<Deliverable<Bytes>>,
    merger: Merger,
}

impl Received {
    fn of(packets: &[Vec<u8>], checksum: Checksum) -> Option<Self> {
        let mut packer = Packer::default();
        let all_taken = packets.iter().all(|packet| packer.push(HANDLE, packet, checksum, DATAGRAM));
        let datagrams = all_taken.then(|| packer.finished().to_vec())?;
        let allowed = Allowed { split_tcp: true, split_udp: true, checksum: true, mtu: MTU };
        Some(Self { datagrams, unpacker: Unpacker::default(), judged: Vec::new(), merger: Merger::new(allowed) })
    }

    /// Packets that the device takes, and writes.
    fn deliver(&mut self, node: &Node) -> (usize, usize) {
        let Self { datagrams, unpacker, judged, merger } = self;
        for datagram in black_box(datagrams) {
            let unpacked =
                unpacker.unpack(datagram, NOW, |unpacked| judged.extend(judge(node, judged.last(), unpacked)));
            if unpacked.is_err() {
                return (0, 0);
            }
        }
        let packets = judged.iter().map(|deliverable| Packet {
            bytes: deliverable.packet(),
            layout: deliverable.layout(),
            checksum: deliverable.checksum(),
        });
        let mut writes = 0;
        let written = merger.write(packets, &mut |parts: &[IoSlice<'_>]| {
            black_box(parts);
            writes += 1;
            Ok(())
        });
        judged.clear();
        (written.unwrap_or_default(), writes)
    }
}

/// The verdict of the packet before, where this one continues it.
fn judge(node: &Node, before: Option<&Deliverable<Bytes>>, unpacked: Unpacked) -> Option<Deliverable<Bytes>> {
    let Unpacked::Packet { handle: HANDLE, checksum, bytes } = unpacked else { return None };
    if let Some(followed) = before.and_then(|before| before.follow(bytes.clone()).ok()) {
        return Some(followed);
    }
    plane::inbound(&node.snapshot, &node.firewall, party(7), bytes, checksum, NOW).ok()
}
