//! What this node and a linked peer tell each other: the networks they share, heads, and the entries one of them lacks.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use super::Core;
use crate::{
    ident::RoomId,
    ledger::{self, EntryError, EntryId, VerifiedEntry, limits::ANSWER_ENTRIES_MAX},
    mesh::{
        Link,
        wire::{FEATURE_IPV6_ONLY, HEADS_MAX, LinkMessage, SharedNetwork},
    },
};

/// Entries come in bursts; what came within this is announced together.
const ANNOUNCE_DELAY: Duration = Duration::from_millis(300);
/// Networks that one peer may name. Far above what two people share.
const SHARED_MAX: usize = 256;

impl Core {
    pub(super) fn greet(&mut self, link: &Arc<Link>) {
        self.told.remove(&link.peer());
        self.announced.remove(&link.peer());
        let changed = if link.has_feature(FEATURE_IPV6_ONLY) {
            self.ipv6_only_peers.insert(link.peer())
        } else {
            self.ipv6_only_peers.remove(&link.peer())
        };
        self.tell(link);
        if changed {
            self.apply();
        }
    }

    pub(super) fn link_down(&mut self, link: &Arc<Link>) {
        let peer = link.peer();
        // A link that was replaced ends without the peer having been away.
        if self.mesh.links().get(&peer).is_none() {
            self.told.remove(&peer);
            self.announced.remove(&peer);
            if self.wanted_since.contains_key(&peer) {
                self.last_seen.insert(peer, Instant::now());
            }
        }
    }

    /// Tells a peer which networks are shared, if that has changed, and lets it use their handles.
    pub(super) fn tell(&mut self, link: &Arc<Link>) {
        let shared: Vec<_> = self.networks.iter().filter(|network| network.has(&link.peer())).collect();
        link.set_rx_handles(shared.iter().map(|network| network.handle).collect::<BTreeSet<u16>>());
        let rooms: Vec<RoomId> = shared.iter().map(|network| network.room()).collect();
        if self.told.get(&link.peer()) != Some(&rooms) && !rooms.is_empty() {
            let named = shared.iter().map(|network| SharedNetwork {
                room: network.room().0,
                handle: network.handle,
                heads: network.heads(),
            });
            link.say(LinkMessage::Networks(named.collect()));
            self.told.insert(link.peer(), rooms);
        }
        self.address(link);
    }

    /// Hands entries of our own making, or of a joiner that we seated, to the linked members at once: nobody else has them.
    pub(super) fn publish(&self, room: RoomId, entries: &[VerifiedEntry]) {
        let entries: Vec<Vec<u8>> = entries.iter().map(|entry| entry.bytes().to_vec()).collect();
        for link in self.linked_members(room) {
            link.say(LinkMessage::Entries { room: room.0, entries: entries.clone() });
        }
    }

    /// Has the linked members of a network told soon that its ledger has grown: many growths, one announcement.
    pub(super) fn announce(&mut self, room: RoomId) {
        self.grown.insert(room);
        self.announce_at.get_or_insert_with(|| tokio::time::Instant::now() + ANNOUNCE_DELAY);
    }

    /// Tells the heads of every network that has grown; who lacks something asks.
    pub(super) fn announce_grown(&mut self) {
        self.announce_at = None;
        for room in std::mem::take(&mut self.grown) {
            self.announce_heads(room);
        }
    }

    fn announce_heads(&self, room: RoomId) {
        let Some(network) = self.network(room) else { return };
        for link in self.linked_members(room) {
            link.say(LinkMessage::Heads { room: room.0, heads: network.heads() });
        }
    }

    /// The links to members of a network.
    pub(super) fn linked_members(&self, room: RoomId) -> Vec<Arc<Link>> {
        let Some(network) = self.network(room) else { return Vec::new() };
        let mut links = self.mesh.links().all();
        links.retain(|link| network.has(&link.peer()));
        links
    }

    pub(super) fn listen(&mut self, link: &Arc<Link>, message: LinkMessage) {
        match message {
            LinkMessage::Hello { .. } => link.violate("a second hello"),
            LinkMessage::Networks(named) if named.len() > SHARED_MAX => link.violate("too many networks"),
            LinkMessage::Networks(named) => {
                let handles = named.iter().map(|shared| (RoomId(shared.room), shared.handle)).collect();
                self.announced.insert(link.peer(), handles);
                self.address(link);
                for shared in &named {
                    self.compare(link, RoomId(shared.room), &shared.heads);
                }
            }
            LinkMessage::Heads { room, heads } => self.compare(link, RoomId(room), &heads),
            LinkMessage::Want { room, have } => self.supply(link, RoomId(room), &have),
            LinkMessage::Entries { room, entries } => self.learn(link, RoomId(room), &entries),
        }
    }

    /// Chooses the network that packets to the peer belong to: the first by name that both sides have named.
    fn address(&self, link: &Arc<Link>) {
        let announced = self.announced.get(&link.peer());
        let handle = self
            .networks
            .iter()
            .filter(|network| network.has(&link.peer()))
            .find_map(|network| announced?.get(&network.room()).copied());
        self.mesh.address(link, handle);
    }

    /// Asks for what lies behind heads that are unknown here.
    fn compare(&self, link: &Arc<Link>, room: RoomId, heads: &[[u8; 32]]) {
        // A peer that is ahead of us may name a network in which we do not see it yet, or have left.
        let Some(network) = self.network(room).filter(|network| network.has(&link.peer())) else { return };
        let heads: Vec<EntryId> = heads.iter().take(HEADS_MAX).copied().map(EntryId).collect();
        if network.ledger.lacks(&heads) {
            link.say(LinkMessage::Want { room: room.0, have: network.heads() });
        }
    }

    fn supply(&self, link: &Arc<Link>, room: RoomId, have: &[[u8; 32]]) {
        let Some(network) = self.network(room).filter(|network| network.has(&link.peer())) else { return };
        let have: Vec<EntryId> = have.iter().take(HEADS_MAX).copied().map(EntryId).collect();
        let entries: Vec<Vec<u8>> =
            network.ledger.missing(&have).into_iter().map(|entry| entry.bytes().to_vec()).collect();
        if !entries.is_empty() {
            link.say(LinkMessage::Entries { room: room.0, entries });
        }
    }

    fn learn(&mut self, link: &Arc<Link>, room: RoomId, entries: &[Vec<u8>]) {
        if self.network(room).is_none_or(|network| !network.has(&link.peer())) {
            return;
        }
        if entries.len() > ANSWER_ENTRIES_MAX {
            return link.violate("an answer over the limit");
        }
        let Some(network) = self.network(room) else { return };
        let mut verified = Vec::new();
        for bytes in entries {
            // Known ones first: a repeated message must not cost signatures.
            if network.ledger.contains(&EntryId::of(bytes)) {
                continue;
            }
            match ledger::verify(bytes, room) {
                Ok(entry) => verified.push(entry),
                Err(EntryError::UnknownAction(..)) => {
                    tracing::warn!(peer = %link.peer().short(), "skipping an entry that a newer release made");
                }
                Err(error) => {
                    tracing::warn!(peer = %link.peer().short(), %error, "the peer sent an entry that does not verify");
                    link.violate("an entry that does not verify");
                    break;
                }
            }
        }
        let unknown = verified.len();
        // An error has been told and undone where it arose.
        let grew = self.take_entries(room, verified).unwrap_or(false);
        // A full answer has more behind it, and entries that wait for others show that there is more.
        if let Some(network) = self.network(room)
            && unknown > 0
            && (entries.len() == ANSWER_ENTRIES_MAX || network.ledger.pending_len() > 0)
        {
            link.say(LinkMessage::Want { room: room.0, have: network.heads() });
        }
        if grew {
            self.announce(room);
            self.apply();
        }
    }
}
