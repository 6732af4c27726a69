//! Device to links: one task a queue. It takes what the device holds, up to a burst, judges each super-packet once, and hands
//! each link its packets together.

use std::{io, sync::Arc};

use tokio::task::yield_now;

use super::{Forwarder, millis, names, outlet::Outlet};
use crate::{
    firewall::{Direction, Party},
    mesh::Mesh,
    packet,
    plane::{self, DropReason, Outbound, Snapshot},
    tun::{Chunk, Reader, Writer},
};

/// Reads before the links get what was read: few enough that the first of them does not wait for the last.
const READS_MAX: usize = 16;
/// The same with those that are answered in place.
const ANSWERS_MAX: usize = 64;

/// Runs until a read fails. It may be dropped wherever it waits.
pub(super) async fn run(forwarder: &Arc<Forwarder>, mesh: &Mesh, mut reader: Reader) -> io::Error {
    let mut replies = reader.writer();
    let mut burst: Vec<Arc<Outlet>> = Vec::new();
    loop {
        let taken = match reader.readable().await {
            Ok(()) => take_burst(forwarder, mesh, &mut reader, &mut burst, &mut replies),
            Err(error) => Err(error),
        };
        // What was taken before an error leaves all the same.
        for outlet in burst.drain(..) {
            outlet.flush(forwarder);
        }
        if let Err(error) = taken {
            return error;
        }
        // The links' own tasks send what was handed over before more is.
        yield_now().await;
    }
}

fn take_burst(
    forwarder: &Arc<Forwarder>,
    mesh: &Mesh,
    reader: &mut Reader,
    burst: &mut Vec<Arc<Outlet>>,
    replies: &mut Writer,
) -> io::Result<()> {
    let mut reads = 0;
    // What is answered in place makes no link wait, so that many lookups do not make every burst a small one.
    for _ in 0..ANSWERS_MAX {
        let Some(chunk) = reader.read()? else { break };
        if take(forwarder, mesh, chunk, burst, replies)? == Taken::Judged {
            reads += 1;
        }
        if reads >= READS_MAX {
            break;
        }
    }
    Ok(())
}

/// What became of a read.
#[derive(Debug, PartialEq, Eq)]
enum Taken {
    Judged,
    /// It was for the resolver.
    Answered,
}

fn take(
    forwarder: &Arc<Forwarder>,
    mesh: &Mesh,
    chunk: Chunk<'_>,
    burst: &mut Vec<Arc<Outlet>>,
    replies: &mut Writer,
) -> io::Result<Taken> {
    let live = &forwarder.live;
    let snapshot = live.snapshot();
    match plane::outbound(&snapshot, &live.firewall, chunk.packet(), millis()) {
        Ok(Outbound::Peer(routed)) => match burst.iter().find(|outlet| outlet.link().peer() == routed.peer()) {
            Some(outlet) => outlet.offer(live, routed, chunk),
            None => burst.extend(forwarder.offer(mesh, routed, chunk)),
        },
        Ok(Outbound::Dns(question)) if chunk.count() == 1 => {
            if let Some(reply) = names::answer(forwarder, &snapshot, &question) {
                replies.write(std::slice::from_ref(&reply))?;
            }
            return Ok(Taken::Answered);
        }
        Ok(Outbound::Dns(_) | Outbound::DnsStream) => {
            for reply in names::take(forwarder, &snapshot, chunk) {
                replies.write(std::slice::from_ref(&reply))?;
            }
            return Ok(Taken::Answered);
        }
        Err(refused) => {
            live.drops.count_n(refused.reason, chunk.count());
            if forwarder.feed.is_followed() {
                tell(forwarder, &snapshot, chunk.packet(), refused.reason);
            }
            if let Some(answer) = refused.answer {
                replies.write(std::slice::from_ref(&answer))?;
            }
        }
    }
    Ok(Taken::Judged)
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
