//! Device to links: one thread a queue. It takes what the device holds, up to a burst, judges each super-packet once, and
//! hands each peer its packets together.

use std::{io, os::fd::BorrowedFd, slice, sync::Arc};

use super::{Forwarder, now, unpacked, unsent};
use crate::{
    firewall::{Direction, Party},
    mesh::{Batch, Mesh},
    packet,
    plane::{self, DropReason, Outbound, Routed, Snapshot},
    tun::{Chunk, Reader, Wake, Writer},
};

/// Reads before the batches are sent: bounds the memory of a burst to 16 super-packets of 64 KiB.
const READS_MAX: usize = 16;

/// Runs until `stop` is readable (`Ok`) or the device is gone (`Err`).
pub(super) fn run(forwarder: &Arc<Forwarder>, mesh: &Mesh, mut reader: Reader, stop: BorrowedFd<'_>) -> io::Result<()> {
    let mut replies = reader.writer();
    let mut batches = Vec::new();
    while reader.wait(stop)? == Wake::Readable {
        for _ in 0..READS_MAX {
            let Some(chunk) = reader.read()? else { break };
            take(forwarder, mesh, chunk, &mut batches, &mut replies)?;
        }
        for batch in batches.drain(..) {
            send(forwarder, batch);
        }
    }
    Ok(())
}

fn take(
    forwarder: &Forwarder,
    mesh: &Mesh,
    chunk: Chunk<'_>,
    batches: &mut Vec<Batch>,
    replies: &mut Writer,
) -> io::Result<()> {
    let live = &forwarder.live;
    let snapshot = live.snapshot();
    match plane::outbound(&snapshot, &live.firewall, chunk.packet(), now()) {
        Ok(Outbound::Peer(routed)) => {
            let Some(batch) = batch_for(mesh, routed, batches) else {
                mesh.hurry(&routed.peer());
                live.drops.count(DropReason::NoLink);
                return Ok(());
            };
            let split = chunk.packets(false, |packet, _| {
                if let Err(reason) = batch.push(routed, packet) {
                    live.drops.count(unpacked(reason));
                }
            });
            if let Err(malformed) = split {
                live.drops.count(malformed.into());
            }
        }
        Ok(Outbound::Dns(question)) => {
            if let Some(reply) = question.reply(&snapshot.zone) {
                replies.write(slice::from_ref(&reply))?;
            }
        }
        Err(refused) => {
            live.drops.count(refused.reason);
            if forwarder.feed.is_followed() {
                tell(forwarder, &snapshot, chunk.packet(), refused.reason);
            }
            if let Some(answer) = refused.answer {
                replies.write(slice::from_ref(&answer))?;
            }
        }
    }
    Ok(())
}

/// Tells of a packet to a peer that was dropped. What goes to nobody is no flow.
fn tell(forwarder: &Forwarder, snapshot: &Snapshot, bytes: &[u8], reason: DropReason) {
    let to = packet::parse(bytes).ok().and_then(|parsed| {
        let peer = snapshot.routes.lookup(parsed.dst())?;
        Some(Party { peer, network: *snapshot.shared.get(&peer)?.first()? })
    });
    if let Some(to) = to {
        forwarder.feed.tell(Direction::Out, to, bytes, reason);
    }
}

/// The batch for the packet's peer, begun if need be; `None` while there is no link to it.
fn batch_for<'a>(mesh: &Mesh, routed: Routed, batches: &'a mut Vec<Batch>) -> Option<&'a mut Batch> {
    let at = match batches.iter().position(|batch| batch.is_for(routed)) {
        Some(at) => at,
        None => {
            batches.push(Batch::new(mesh.links().get(&routed.peer())?)?);
            batches.len() - 1
        }
    };
    batches.get_mut(at)
}

fn send(forwarder: &Forwarder, batch: Batch) {
    let packets = batch.packets();
    match batch.send() {
        Ok(too_big) => forwarder.live.drops.count_n(DropReason::TooBig, too_big),
        Err(error) => forwarder.live.drops.count_n(unsent(error), packets),
    }
}
