//! From reads of the device to datagrams: judged, split, packed. Nothing allocates once the buffers have their size.

use std::{collections::VecDeque, hint::black_box, sync::Arc};

use bytes::Bytes;
use ray_benches::{
    Bench,
    samples::{DATAGRAM, HANDLE, HEADERS, LONG, LONGS, NOW, Node, SEGMENTS, SMALL, SMALLS, VIRTIO_HEADER},
    samples::{tcp_read, udp, udp_read},
};
use ray_engine::{
    mesh::frame::Packer,
    packet::Checksum,
    plane::{self, Outbound},
    tun::Chunk,
};

/// Batches that a connection has not sent yet.
const HELD: usize = 2;

pub(crate) fn run(bench: &mut Bench) -> Option<()> {
    let node = Node::new(0)?;
    let read = tcp_read(0, 7)?;
    for (leave, name) in [
        (true, "super-packet of 46 segments, checksums left"),
        (false, "super-packet of 46 segments, checksums completed"),
    ] {
        let mut packer = Packer::new(Arc::default(), leave);
        let mut reads = Reads::of(vec![read.clone()])?;
        (reads.send(&node, &mut packer, leave) == SEGMENTS).then_some(())?;
        bench.steady(name, SEGMENTS as u64, 0, || reads.send(&node, &mut packer, leave));
    }
    let mut packer = Packer::default();
    let mut reads = Reads::of(vec![read.clone()])?;
    let mut held: VecDeque<Vec<Bytes>> = (0..HELD).map(|_| Vec::with_capacity(SEGMENTS)).collect();
    bench.steady("the first, while the connection holds two batches", SEGMENTS as u64, 0, || {
        let sent = reads.send(&node, &mut packer, true);
        if let Some(mut oldest) = held.pop_front() {
            oldest.clear();
            oldest.extend_from_slice(packer.finished());
            held.push_back(oldest);
        }
        sent
    });
    let mut queued = read.clone();
    let chunk = Chunk::of(&mut queued);
    bench.steady("copy of a super-packet for the queue", SEGMENTS as u64, 1, || black_box(&chunk).to_owned());

    let mut packer = Packer::default();
    let mut reads = Reads::of((0..SMALLS).map(|_| udp_read(0, 7, SMALL)).collect::<Option<_>>()?)?;
    // Several share a datagram.
    (1..SMALLS / 4).contains(&reads.send(&node, &mut packer, true)).then_some(())?;
    bench.steady("32 reads of 64 bytes", SMALLS as u64, 0, || reads.send(&node, &mut packer, true));

    let long = udp(0, 7, LONG)?;
    let mut packer = Packer::default();
    let mut fragments = || {
        packer.clear();
        let taken = (0..LONGS).filter(|_| packer.push(HANDLE, black_box(&long), Checksum::Complete, DATAGRAM)).count();
        (taken, packer.finished().len())
    };
    (fragments() == (LONGS, 2 * LONGS)).then_some(())?;
    bench.steady("16 packets in two fragments each", LONGS as u64, 0, fragments);
    Some(())
}

/// What the device gives. Splitting writes headers over the payload, and over those of the whole, which are put back; a
/// payload matters to nobody.
struct Reads {
    all: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Reads {
    fn of(all: Vec<Vec<u8>>) -> Option<Self> {
        let head = |read: &Vec<u8>| Some(read.get(..read.len().min(VIRTIO_HEADER + HEADERS))?.to_vec());
        let all = all.into_iter().map(|read| head(&read).map(|head| (read, head))).collect::<Option<_>>()?;
        Some(Self { all })
    }

    /// Number of datagrams, none where a packet is not sent.
    fn send(&mut self, node: &Node, packer: &mut Packer, leave: bool) -> usize {
        packer.clear();
        for (read, head) in &mut self.all {
            read[..head.len()].copy_from_slice(head);
            let chunk = Chunk::of(black_box(read));
            let Ok(Outbound::Peer(_)) = plane::outbound(&node.snapshot, &node.firewall, chunk.packet(), NOW) else {
                return 0;
            };
            let mut all_taken = true;
            let split = chunk.packets(leave, |packet, checksum| {
                all_taken &= packer.push(HANDLE, packet, checksum, DATAGRAM);
            });
            if split.is_err() || !all_taken {
                return 0;
            }
        }
        packer.finished().len()
    }
}
