//! `firewall log`: dropped flows as they happen, with the names of the moment.

use std::time::SystemTime;

use ray_ipc::control::{DroppedFlow, FlowDirection, Reply};
use tokio::sync::{mpsc, oneshot};

use super::super::{Answer, Command, Core, answer, failure};
use crate::{
    feed::{Dropped, Follower},
    firewall::{Direction, Party},
};

/// A follower's question what somebody and a network are called.
#[derive(Debug)]
pub(in crate::service) struct Naming {
    party: Party,
    names: oneshot::Sender<(String, String)>,
}

impl Core {
    /// Hands drops on in a task of its own, as fast as the caller reads, until it hangs up or has so many.
    pub(super) async fn follow_drops(&self, limit: u32, answer: Answer) {
        let Some(follower) = self.feed.follow() else {
            let error = failure::refused("too many follow the dropped flows already", "end one of them");
            return answer::send(&answer, Reply::Error(error)).await;
        };
        tokio::spawn(follow(follower, limit, self.commands.clone(), answer));
    }

    /// Says what a peer and a network are called at this moment.
    pub(in crate::service) fn name_party(&self, naming: Naming) {
        let Naming { party, names } = naming;
        let named = match self.network(party.network) {
            Some(network) => (network.name_of(&party.peer), network.name().to_string()),
            None => (party.peer.short(), party.network.short()),
        };
        // A follower that has gone needs no names.
        let _ = names.send(named);
    }
}

async fn follow(mut follower: Follower, limit: u32, commands: mpsc::WeakSender<Command>, answer: Answer) {
    let mut told = 0;
    loop {
        let dropped = tokio::select! {
            dropped = follower.next() => dropped,
            () = answer.closed() => return,
        };
        let Some(dropped) = dropped else { return };
        let Some((peer, network)) = names_of(dropped.party, &commands).await else { return };
        if answer.send(Reply::Dropped(Box::new(flow(&dropped, peer, network)))).await.is_err() {
            return;
        }
        told += 1;
        if told == limit {
            return answer::send(&answer, Reply::DroppedDone).await;
        }
    }
}

async fn names_of(party: Party, commands: &mpsc::WeakSender<Command>) -> Option<(String, String)> {
    let (names, named) = oneshot::channel();
    commands.upgrade()?.send(Command::Name(Naming { party, names })).await.ok()?;
    named.await.ok()
}

fn flow(dropped: &Dropped, peer: String, network: String) -> DroppedFlow {
    let (layout, ports) = (dropped.layout, dropped.layout.flow().map(|flow| (flow.src_port, flow.dst_port)));
    let since = dropped.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    DroppedFlow {
        time_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
        direction: match dropped.direction {
            Direction::In => FlowDirection::In,
            Direction::Out => FlowDirection::Out,
        },
        peer,
        network,
        protocol: layout.protocol,
        src: layout.src,
        src_port: ports.map(|(src, _)| src),
        dst: layout.dst,
        dst_port: ports.map(|(_, dst)| dst),
        reason: dropped.reason.name().to_owned(),
        suppressed: dropped.suppressed,
    }
}
