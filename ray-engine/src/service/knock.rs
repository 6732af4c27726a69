//! Nodes that ask to be let in: heard at the door or from a member, kept until a coordinator has decided.

use std::{sync::Arc, time::Instant};

use super::{Core, now};
use crate::{
    ident::{Hostname, PeerId, RoomId, UnixTime},
    ledger::{self, EntryId, Mode},
    mesh::{
        Door, JoinRefusal, Link,
        wire::{LinkMessage, Wish},
    },
    store::{Knock, Knocks},
};

/// Requests that are kept of one network; the oldest gives way.
const KNOCKS_MAX: usize = 256;
/// Whoever was denied is not heard for so long.
const DENIED_S: u64 = 24 * 3600;
/// Requests that a coordinator is told of when it links. It hears the others when their nodes ask again.
const HANDED_MAX: usize = 16;

impl Core {
    /// The nodes that ask to be let into a network, as far as this node has heard; the oldest request first.
    pub(super) fn knocks(&self, room: RoomId) -> Vec<Knock> {
        self.network(room).map(|network| network.knocks.asked.clone()).unwrap_or_default()
    }

    /// Forgets a request: it was granted.
    pub(super) fn forget_knock(&mut self, room: RoomId, peer: &PeerId) {
        self.change_knocks(room, |knocks| knocks.asked.retain(|knock| knock.peer != *peer));
    }

    /// Turns a node away and tells the linked members, who will do so too.
    pub(super) fn deny_knock(&mut self, room: RoomId, peer: &PeerId) {
        self.change_knocks(room, |knocks| deny(knocks, *peer, now()));
        for link in self.linked_members(room) {
            link.say(LinkMessage::Denied { room: room.0, peer: peer.0 });
        }
    }

    /// A node at the door asks to be let in. Durable when it is told to wait.
    pub(super) fn hear_knock(&mut self, room: RoomId, knock: Knock) -> Result<Door, JoinRefusal> {
        let network = self.network(room).ok_or(JoinRefusal::Unknown)?;
        if is_denied(&network.knocks, &knock.peer, now()) {
            return Err(JoinRefusal::Denied);
        }
        let message = LinkMessage::Knock { room: room.0, knock: wish(&knock) };
        self.keep_knock(room, knock).map_err(|_| JoinRefusal::NotNow)?;
        for link in self.linked_coordinators(room) {
            link.say(message.clone());
        }
        Ok(Door::Waiting)
    }

    /// A member says that a node asks to be let in.
    pub(super) fn hear_of_knock(&mut self, link: &Arc<Link>, room: RoomId, wish: Wish) {
        let peer = link.peer();
        let Some(network) = self.network(room).filter(|network| network.linked.contains_key(&peer)) else { return };
        let Ok(hostname) = wish.hostname.parse::<Hostname>() else { return link.violate("a host name that is none") };
        let knock = Knock {
            peer: PeerId(wish.peer),
            hostname,
            after: wish.after.map(EntryId),
            asked_at: now(),
            consent: wish.consent,
        };
        if network.has(&knock.peer) || network.ledger.roster().mode == Mode::Closed {
            // The member will find out by itself.
            return;
        }
        if is_denied(&network.knocks, &knock.peer, now()) {
            return link.say(LinkMessage::Denied { room: room.0, peer: knock.peer.0 });
        }
        if !self.hearsay.take(&peer, Instant::now()) {
            return tracing::debug!(peer = %peer.short(), "a member hands on too many requests");
        }
        if !self.is_consent(room, &knock) {
            return link.violate("a request that its node did not sign");
        }
        // An error has been told; the member repeats it when the node asks again.
        let _ = self.keep_knock(room, knock);
    }

    /// A coordinator says that it has turned a node away.
    pub(super) fn hear_denial(&mut self, link: &Arc<Link>, room: RoomId, denied: PeerId) {
        let peer = link.peer();
        let by_coordinator =
            self.network(room).is_some_and(|n| n.linked.contains_key(&peer) && n.ledger.roster().is_coordinator(&peer));
        if by_coordinator {
            self.change_knocks(room, |knocks| deny(knocks, denied, now()));
        }
    }

    /// Tells a coordinator that has just linked who asks to be let in.
    pub(super) fn hand_knocks(&self, room: RoomId, peer: &PeerId) {
        let Some(network) = self.network(room).filter(|n| n.ledger.roster().is_coordinator(peer)) else { return };
        let Some(link) = self.mesh.links().get(peer) else { return };
        for knock in network.knocks.asked.iter().rev().take(HANDED_MAX) {
            link.say(LinkMessage::Knock { room: room.0, knock: wish(knock) });
        }
    }

    /// Forgets the requests of nodes that have become members.
    pub(super) fn prune_knocks(&mut self) {
        for room in self.rooms() {
            let Some(network) = self.network(room) else { continue };
            let seated: Vec<PeerId> =
                network.knocks.asked.iter().map(|knock| knock.peer).filter(|peer| network.has(peer)).collect();
            if !seated.is_empty() {
                self.change_knocks(room, |knocks| knocks.asked.retain(|knock| !seated.contains(&knock.peer)));
            }
        }
    }

    /// Whether the node itself signed its wish, for the network by its room id or by the key that its record is found at.
    pub(super) fn is_consent(&self, room: RoomId, knock: &Knock) -> bool {
        let Some(network) = self.network(room) else { return false };
        let names = [room, RoomId(network.ledger.roster().discovery)];
        let Knock { peer, hostname, after, consent, .. } = knock;
        names.iter().any(|name| ledger::consents(peer, *name, hostname, *after, consent))
    }

    fn linked_coordinators(&self, room: RoomId) -> Vec<Arc<Link>> {
        let Some(network) = self.network(room) else { return Vec::new() };
        let mut links = self.linked_members(room);
        links.retain(|link| network.ledger.roster().is_coordinator(&link.peer()));
        links
    }

    fn keep_knock(&mut self, room: RoomId, knock: Knock) -> Result<(), ()> {
        let name = self.network(room).map(|network| network.name().to_string()).unwrap_or_default();
        let news = !self.knocks(room).iter().any(|known| known.peer == knock.peer);
        if news {
            tracing::info!(network = name, peer = %knock.peer.short(), host = %knock.hostname, "asks to be let in");
        }
        if self.change_knocks(room, |knocks| keep(knocks, knock)) { Ok(()) } else { Err(()) }
    }

    /// Changes the requests, durably if they are others afterwards. Whether that went well.
    fn change_knocks(&mut self, room: RoomId, change: impl FnOnce(&mut Knocks)) -> bool {
        let store = self.store.clone();
        let Some(network) = self.network_mut(room) else { return false };
        let mut knocks = network.knocks.clone();
        change(&mut knocks);
        if knocks == network.knocks {
            return true;
        }
        match tokio::task::block_in_place(|| store.save_knocks(room, &knocks)) {
            Ok(()) => {
                network.knocks = knocks;
                true
            }
            Err(error) => {
                tracing::error!(%error, network = %network.name(), "storing who asks to be let in");
                false
            }
        }
    }
}

fn keep(knocks: &mut Knocks, knock: Knock) {
    match knocks.asked.iter_mut().find(|known| known.peer == knock.peer) {
        Some(known) => *known = Knock { asked_at: known.asked_at, ..knock },
        None => knocks.asked.push(knock),
    }
    let surplus = knocks.asked.len().saturating_sub(KNOCKS_MAX);
    knocks.asked.drain(..surplus);
}

fn deny(knocks: &mut Knocks, peer: PeerId, now: UnixTime) {
    knocks.asked.retain(|knock| knock.peer != peer);
    knocks.denied.retain(|(denied, at)| *denied != peer && is_recent(*at, now));
    knocks.denied.push((peer, now));
    let surplus = knocks.denied.len().saturating_sub(KNOCKS_MAX);
    knocks.denied.drain(..surplus);
}

fn is_denied(knocks: &Knocks, peer: &PeerId, now: UnixTime) -> bool {
    knocks.denied.iter().any(|(denied, at)| denied == peer && is_recent(*at, now))
}

/// A clock that was set back does not prolong a denial without end.
fn is_recent(at: UnixTime, now: UnixTime) -> bool {
    now.0.abs_diff(at.0) < DENIED_S
}

fn wish(knock: &Knock) -> Wish {
    Wish {
        peer: knock.peer.0,
        hostname: knock.hostname.to_string(),
        after: knock.after.map(|id| id.0),
        consent: knock.consent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_asks_again_keeps_its_place_and_the_oldest_gives_way() {
        let mut knocks = Knocks::default();
        keep(&mut knocks, knock(0, "bob", 5));
        keep(&mut knocks, knock(0, "robert", 9));
        assert_eq!(knocks.asked, [knock(0, "robert", 5)]);
        for n in 1..=KNOCKS_MAX {
            keep(&mut knocks, knock(n, "nas", 10));
        }
        assert_eq!(knocks.asked.len(), KNOCKS_MAX);
        assert!(knocks.asked.iter().all(|kept| kept.peer != knock(0, "bob", 5).peer));
    }

    #[test]
    fn a_denial_takes_the_request_away_and_is_remembered_for_a_day() {
        let mut knocks = Knocks::default();
        keep(&mut knocks, knock(0, "bob", 5));
        let peer = knock(0, "bob", 5).peer;
        deny(&mut knocks, peer, UnixTime(1000));
        assert!(knocks.asked.is_empty());
        assert!(is_denied(&knocks, &peer, UnixTime(1000 + DENIED_S - 1)));
        assert!(!is_denied(&knocks, &peer, UnixTime(1000 + DENIED_S)));
        assert!(!is_denied(&knocks, &peer, UnixTime(1000 + 10 * DENIED_S)));
        for n in 1..=2 * KNOCKS_MAX {
            deny(&mut knocks, knock(n, "nas", 1).peer, UnixTime(1000));
        }
        assert_eq!(knocks.denied.len(), KNOCKS_MAX);
    }

    fn knock(n: usize, hostname: &str, asked_at: u64) -> Knock {
        let mut peer = [0; 32];
        peer[..8].copy_from_slice(&n.to_le_bytes());
        Knock {
            peer: PeerId(peer),
            hostname: hostname.parse().unwrap(),
            after: None,
            asked_at: UnixTime(asked_at),
            consent: [0; 64],
        }
    }
}
