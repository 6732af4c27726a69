//! What the host asks the mesh's resolver: answered in place where the zone knows, and away from the packet loops where another
//! resolver is asked or a TCP connection is kept.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{sync::mpsc, time::sleep};

use super::{Forwarder, micros, millis};
use crate::{
    dns::{self, Response, Transport},
    plane::{self, Deliverable, DnsQuestion, DropReason, Outbound, Snapshot},
    resolver::{
        random,
        streams::{self, ConnectionId},
    },
    tun::Chunk,
};

/// Segments that wait for the task; what TCP loses it sends again.
const SEGMENTS_MAX: usize = 256;

/// Answers that wait for the task; as many as can be waited for.
const ANSWERS_MAX: usize = 1024;

/// The way to the task that keeps the TCP connections.
pub(super) type Streams = mpsc::Sender<Box<[u8]>>;

/// The reply to one query, if it is known at once.
pub(super) fn answer(
    forwarder: &Arc<Forwarder>,
    snapshot: &Snapshot,
    question: &DnsQuestion<'_>,
) -> Option<Deliverable<Vec<u8>>> {
    let client = question.client();
    let reply = match question.respond(&snapshot.zone) {
        Response::Reply(reply) => reply,
        Response::Silence => return None,
        Response::Foreign(foreign) => {
            let later = forwarder.clone();
            forwarder.resolver.ask(foreign, move |reply| {
                if let Some(reply) = client.deliver(&reply) {
                    later.deliver_own(&[reply]);
                }
            })?
        }
    };
    client.deliver(&reply)
}

/// Takes what stands for many datagrams or is a part of a connection. Returns the replies that are known at once.
pub(super) fn take(forwarder: &Arc<Forwarder>, snapshot: &Snapshot, chunk: Chunk<'_>) -> Vec<Deliverable<Vec<u8>>> {
    let live = &forwarder.live;
    let mut replies = Vec::new();
    let split = chunk.packets(false, |packet, _| match plane::outbound(snapshot, &live.firewall, packet, millis()) {
        Ok(Outbound::Dns(question)) => replies.extend(answer(forwarder, snapshot, &question)),
        Ok(Outbound::DnsStream) => {
            let streams = forwarder.streams.get_or_init(|| start(forwarder));
            if streams.try_send(packet.into()).is_err() {
                live.drops.count(DropReason::QueueFull);
            }
        }
        Ok(Outbound::Peer(_)) => {}
        Err(refused) => live.drops.count(refused.reason),
    });
    if let Err(malformed) = split {
        live.drops.count(malformed.into());
    }
    replies
}

fn start(forwarder: &Arc<Forwarder>) -> Streams {
    let (sender, segments) = mpsc::channel(SEGMENTS_MAX);
    tokio::spawn(keep(Arc::downgrade(forwarder), segments));
    sender
}

/// Keeps the connections for as long as there is a forwarder.
async fn keep(forwarder: Weak<Forwarder>, mut segments: mpsc::Receiver<Box<[u8]>>) {
    let mut streams = streams::Streams::new(random());
    let (answered, mut answers) = mpsc::channel::<(ConnectionId, Vec<u8>)>(ANSWERS_MAX);
    loop {
        let due = streams.due_in(micros());
        tokio::select! {
            segment = segments.recv() => match segment {
                Some(segment) => streams.receive(&segment, micros()),
                None => return,
            },
            Some((connection, reply)) = answers.recv() => streams.reply(connection, &reply, micros()),
            () = sleep(due.unwrap_or(Duration::MAX)), if due.is_some() => {}
        }
        let Some(forwarder) = forwarder.upgrade() else { return };
        let snapshot = forwarder.live.snapshot();
        while let Some((connection, question)) = streams.next_question(micros()) {
            let reply = match dns::respond(&snapshot.zone, &question, Transport::Tcp) {
                Response::Reply(reply) => Some(reply),
                Response::Silence => Some(Vec::new()),
                Response::Foreign(foreign) => {
                    let answered = answered.clone();
                    forwarder.resolver.ask(foreign, move |reply| {
                        // One that has been given up meanwhile waits for nothing.
                        let _ = answered.try_send((connection, reply));
                    })
                }
            };
            if let Some(reply) = reply {
                streams.reply(connection, &reply, micros());
            }
        }
        let made = streams.take_segments().into_iter();
        let packets: Vec<_> = made.filter_map(|packet| plane::dns_segment(&snapshot, packet)).collect();
        forwarder.deliver_own(&packets);
    }
}
