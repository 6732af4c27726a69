//! Link to device: one task a link, from its first datagram to its end.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;

use super::{Forwarder, now};
use crate::{
    firewall::{Direction, Party},
    mesh::{Batch, Link, frame::Unpacker},
    packet::{self, Checksum, icmp},
    plane::{self, Deliverable, DropReason, Reply},
};

/// Datagrams taken at once: one burst of a GSO sender.
const DATAGRAMS_MAX: usize = 64;

pub(super) async fn run(forwarder: Arc<Forwarder>, link: Arc<Link>) {
    let mut datagrams = vec![Bytes::new(); DATAGRAMS_MAX];
    let mut unpacker = Unpacker::default();
    let mut batch = Vec::new();
    while let Some(count) = link.recv(&mut datagrams).await {
        for datagram in datagrams.iter().take(count) {
            if unpacker.unpack(datagram, |handle, packet| judge(&forwarder, &link, handle, packet, &mut batch)).is_err()
            {
                forwarder.live.drops.count(DropReason::BadFrame);
            }
        }

        forwarder.deliver(link.peer(), &batch);
        batch.clear();
    }
}

fn judge(forwarder: &Forwarder, link: &Arc<Link>, handle: u16, packet: Bytes, batch: &mut Vec<Deliverable<Bytes>>) {
    let live = &forwarder.live;
    let snapshot = live.snapshot();
    let Some(network) = snapshot.network(handle).filter(|_| link.accepts(handle)) else {
        return live.drops.count(DropReason::UnknownNetwork);
    };
    let from = Party { peer: link.peer(), network };
    let followed = forwarder.feed.is_followed().then(|| packet.clone());
    match plane::inbound(&snapshot, &live.firewall, from, packet, Checksum::Complete, now()) {
        Ok(deliverable) => {
            link.count_received(deliverable.packet().len() as u64);
            if !is_ours(forwarder, link, deliverable.packet()) {
                batch.push(deliverable);
            }
        }
        Err(refused) => {
            live.drops.count(refused.reason);
            if let Some(packet) = followed {
                forwarder.feed.tell(Direction::In, from, &packet, refused.reason);
            }
            if let Some(answer) = refused.answer {
                reply(link, &answer);
            }
        }
    }
}

/// Sends an answer at once: they are few, and rate-limited. One that cannot be sent is one less.
fn reply(link: &Arc<Link>, answer: &Reply) {
    let Some(mut batch) = Batch::new(link.clone()) else { return };
    if batch.push(answer.routed(), answer.packet()).is_ok() {
        let _ = batch.send();
    }
}

/// Whether it answers an echo request of the engine's own.
fn is_ours(forwarder: &Forwarder, link: &Link, packet: &[u8]) -> bool {
    forwarder.probes.any()
        && packet::parse(packet)
            .ok()
            .and_then(|parsed| icmp::echo_reply_of(&parsed))
            .is_some_and(|(id, seq)| forwarder.probes.take(link.peer(), id, seq, Instant::now()))
}
