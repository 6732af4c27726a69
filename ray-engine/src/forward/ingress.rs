//! Link to device: one task a link, from its first datagram to its end.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;

use super::{Forwarder, millis, outlet::Outlet};
use crate::{
    firewall::{Direction, Millis, Party},
    mesh::{
        Link,
        frame::{Unpacked, Unpacker},
    },
    packet::{self, Checksum, icmp, mss},
    plane::{self, Deliverable, DropReason, Reply, Snapshot},
    tun::OwnedChunk,
};

/// Datagrams taken at once: of four super-packets. What lies on the border of two batches is written in two parts, each with an
/// acknowledgement of its own; with one super-packet at a time it was a fifth more writes.
const DATAGRAMS_MAX: usize = 192;

/// Packets that there is always room for; small ones come more at once now and then.
const KEPT_MAX: usize = 256;

pub(super) async fn run(forwarder: &Forwarder, outlet: &Outlet) {
    let link = outlet.link();
    let mut datagrams = vec![Bytes::new(); DATAGRAMS_MAX];
    let (mut unpacker, mut abandoned) = (Unpacker::default(), 0);
    let mut batch = Vec::new();
    while let Some(count) = link.recv(&mut datagrams).await {
        let snapshot = forwarder.live.snapshot();
        let mut arrivals = Arrivals {
            forwarder,
            outlet,
            snapshot: &snapshot,
            now: millis(),
            batch: &mut batch,
            run: None,
            packets: 0,
            bytes: 0,
        };
        for datagram in datagrams.iter_mut().take(count) {
            // Taken out, so that the connection gets its memory back when the packets are done with.
            let datagram = std::mem::take(datagram);
            if unpacker.unpack(&datagram, arrivals.now, |unpacked| arrivals.take(unpacked)).is_err() {
                forwarder.live.drops.count(DropReason::BadFrame);
            }
        }
        arrivals.count();
        let given_up = unpacker.abandoned();
        forwarder.live.drops.count_n(DropReason::Unassembled, given_up - std::mem::replace(&mut abandoned, given_up));
        if !batch.is_empty() {
            forwarder.deliver(link.peer(), &batch);
            batch.clear();
            batch.shrink_to(KEPT_MAX);
        }
    }
}

/// What one look at the link brought.
struct Arrivals<'a> {
    forwarder: &'a Forwarder,
    outlet: &'a Outlet,
    snapshot: &'a Snapshot,
    now: Millis,
    batch: &'a mut Vec<Deliverable<Bytes>>,
    /// The handle of the batch's last packet, while another one may continue it.
    run: Option<u16>,
    packets: u64,
    bytes: u64,
}

impl Arrivals<'_> {
    fn take(&mut self, unpacked: Unpacked) {
        match unpacked {
            Unpacked::Packet { handle, checksum, bytes } => {
                self.packets += 1;
                self.bytes += bytes.len() as u64;
                self.judge(handle, checksum, bytes);
            }
            Unpacked::Totals(totals) => {
                self.count();
                self.outlet.link().hear_totals(totals);
            }
        }
    }

    fn judge(&mut self, handle: u16, checksum: Checksum, mut packet: Bytes) {
        if checksum == Checksum::Left
            && self.run == Some(handle)
            && let Some(last) = self.batch.last()
        {
            match last.follow(packet) {
                Ok(deliverable) => return self.batch.push(deliverable),
                Err(other) => packet = other,
            }
        }
        self.run = None;
        let (live, link) = (&self.forwarder.live, self.outlet.link());
        let Some(network) = self.snapshot.network(handle).filter(|_| link.accepts(handle)) else {
            return live.drops.count(DropReason::UnknownNetwork);
        };
        let from = Party { peer: link.peer(), network };
        let packet = self.clamped(packet, checksum);
        let followed = self.forwarder.feed.is_followed().then(|| packet.clone());
        match plane::inbound(self.snapshot, &live.firewall, from, packet, checksum, self.now) {
            Ok(deliverable) => {
                if !is_ours(self.forwarder, link, deliverable.packet()) {
                    self.batch.push(deliverable);
                    self.run = Some(handle);
                }
            }
            Err(refused) => {
                live.drops.count(refused.reason);
                if let Some(packet) = followed {
                    self.forwarder.feed.tell(Direction::In, from, &packet, refused.reason);
                }
                if let Some(answer) = refused.answer {
                    self.reply(&answer);
                }
            }
        }
    }

    /// The packet; if it begins a TCP connection, with a segment size that fits the way back.
    fn clamped(&self, packet: Bytes, checksum: Checksum) -> Bytes {
        if !mss::may_be_syn(&packet) {
            return packet;
        }
        let mut bytes = packet.to_vec();
        mss::clamp(&mut bytes, self.outlet.inner_mtu(), checksum);
        bytes.into()
    }

    /// Sends an answer at once: they are few, and rate-limited.
    fn reply(&self, answer: &Reply) {
        let mut chunk = OwnedChunk::whole(answer.packet());
        self.outlet.offer(&self.forwarder.live, answer.routed(), chunk.chunk());
        self.outlet.flush(self.forwarder);
    }

    /// Has the link count what came since the last time.
    fn count(&mut self) {
        self.outlet.link().count_received(std::mem::take(&mut self.packets), std::mem::take(&mut self.bytes));
    }
}

/// Whether it answers an echo request of the engine's own.
fn is_ours(forwarder: &Forwarder, link: &Arc<Link>, packet: &[u8]) -> bool {
    forwarder.probes.any()
        && packet::parse(packet)
            .ok()
            .and_then(|parsed| icmp::echo_reply_of(&parsed))
            .is_some_and(|(id, seq)| forwarder.probes.take(link.peer(), id, seq, Instant::now()))
}
