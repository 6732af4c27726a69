//! What this node and a linked peer tell each other: the networks they share, and for each the talk of [`crate::sync`],
//! whose actions are carried out here.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use super::Core;
use crate::{
    ident::{PeerId, RoomId},
    ledger::EntryId,
    mesh::{
        Link,
        wire::{FEATURE_IPV6_ONLY, HEADS_MAX, LinkMessage, SharedNetwork},
    },
    sync::{self, Event, Message},
};

/// Networks that one peer may name. Far above what two people share.
const SHARED_MAX: usize = 256;
/// Entries that tell a peer why it is cut off: what came last, which it would not ask for any more.
const FAREWELL_MAX: usize = 32;

/// What a linked peer last said of a network.
#[derive(Debug, Clone)]
pub(super) struct Announced {
    /// The handle that it wants on datagrams.
    handle: u16,
    heads: Vec<EntryId>,
}

/// The networks that a linked peer named.
pub(super) type AnnouncedNetworks = HashMap<RoomId, Announced>;

impl Core {
    pub(super) fn greet(&mut self, link: &Arc<Link>) {
        let peer = link.peer();
        self.forget_link(&peer);
        if link.has_feature(FEATURE_IPV6_ONLY) {
            self.ipv6_only_peers.insert(peer);
        } else {
            self.ipv6_only_peers.remove(&peer);
        }
        self.tell(link);
        self.dirty = true;
    }

    pub(super) fn link_down(&mut self, link: &Arc<Link>) {
        let peer = link.peer();
        // A link that was replaced ends without the peer having been away.
        if self.mesh.links().get(&peer).is_none() {
            self.forget_link(&peer);
            if self.wanted_since.contains_key(&peer) {
                self.last_seen.insert(peer, Instant::now());
            }
            self.dirty = true;
        }
    }

    /// What was said on a link that is gone holds no more.
    fn forget_link(&mut self, peer: &PeerId) {
        self.told.remove(peer);
        self.announced.remove(peer);
        for room in self.rooms() {
            self.unlink(room, peer);
        }
    }

    fn unlink(&mut self, room: RoomId, peer: &PeerId) {
        if let Some(network) = self.network_mut(room)
            && network.linked.remove(peer).is_some()
        {
            network.keys.forget(peer);
            self.drive(room, Event::Unlinked { peer: *peer });
        }
    }

    /// Tells a peer which networks are shared, if that has changed, and lets it use their handles.
    pub(super) fn tell(&mut self, link: &Arc<Link>) {
        let shared: Vec<_> = self.networks.iter().filter(|network| network.shared_by(&self.me, &link.peer())).collect();
        link.set_rx_handles(shared.iter().map(|network| network.handle).collect::<BTreeSet<u16>>());
        let rooms: Vec<RoomId> = shared.iter().map(|network| network.room()).collect();
        let told = self.told.get(&link.peer());
        if link.has_greeted() && told != Some(&rooms) && !(rooms.is_empty() && told.is_none()) {
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

    /// Says how packets to the peer are addressed, in each network that both sides have named.
    fn address(&self, link: &Arc<Link>) {
        let announced = self.announced.get(&link.peer());
        let shared = self.networks.iter().filter(|network| network.shared_by(&self.me, &link.peer()));
        let handles = shared.filter_map(|network| Some((network.room(), announced?.get(&network.room())?.handle)));
        self.mesh.address(link, handles.collect());
    }

    /// Whether the peer is linked and has named the network.
    pub(super) fn has_named(&self, peer: &PeerId, room: RoomId) -> bool {
        self.announced.get(peer).is_some_and(|announced| announced.contains_key(&room))
    }

    /// The links to members of a network.
    pub(super) fn linked_members(&self, room: RoomId) -> Vec<Arc<Link>> {
        let Some(network) = self.network(room) else { return Vec::new() };
        network.linked.keys().filter_map(|peer| self.mesh.links().get(peer)).collect()
    }

    /// Has exactly those synced with that are linked, named the network, and share it. Whoever is cut off is told why.
    pub(super) fn pair_up(&mut self) {
        let links = self.mesh.links().all();
        for room in self.rooms() {
            let Some(network) = self.network(room) else { continue };
            let wanted: BTreeMap<PeerId, Vec<EntryId>> = links
                .iter()
                .filter(|link| link.has_greeted() && network.shared_by(&self.me, &link.peer()))
                .filter_map(|link| {
                    let announced = self.announced.get(&link.peer())?.get(&room)?;
                    Some((link.peer(), announced.heads.clone()))
                })
                .collect();
            let gone: Vec<PeerId> = network.linked.keys().filter(|peer| !wanted.contains_key(peer)).copied().collect();
            for peer in gone {
                self.bid_farewell(room, &peer);
                self.unlink(room, &peer);
            }
            for (peer, heads) in wanted {
                let Some(network) = self.network_mut(room) else { break };
                if network.linked.insert(peer, heads.clone()).is_none() {
                    self.drive(room, Event::Linked { peer, heads });
                    self.hand_knocks(room, &peer);
                }
            }
        }
    }

    /// Hands a peer that is about to be cut off what ended the sharing: nobody would answer it any more. A peer that was
    /// put out gets the way to that and nothing else.
    fn bid_farewell(&self, room: RoomId, peer: &PeerId) {
        let Some(network) = self.network(room) else { return };
        let (Some(heads), Some(link)) = (network.linked.get(peer), self.mesh.links().get(peer)) else { return };
        let ledger = &network.ledger;
        let told = match ledger.exit(peer) {
            Some(exit) => ledger.leading_to(&exit.id(), heads),
            None => ledger.missing(heads),
        };
        let surplus = told.len().saturating_sub(FAREWELL_MAX);
        let entries: Vec<Vec<u8>> = told.iter().skip(surplus).map(|entry| entry.bytes().to_vec()).collect();
        if !entries.is_empty() {
            link.say(LinkMessage::Entries { room: room.0, entries, more: false });
        }
    }

    /// Has the linked members told of entries that have just become part of the ledger.
    pub(super) fn spread(&mut self, room: RoomId, entries: Vec<EntryId>) {
        self.dirty = true;
        self.drive(room, Event::Grew { entries });
    }

    /// Feeds an event to the sync of a network, and what its actions bring about.
    pub(super) fn drive(&mut self, room: RoomId, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let now = self.elapsed_ms();
            let Some(network) = self.network_mut(room) else { return };
            for action in network.sync.handle(event, &network.ledger, now) {
                match action {
                    sync::Action::Send { peer, message } => {
                        if let Some(link) = self.mesh.links().get(&peer) {
                            link.say(words(room, message));
                        }
                    }
                    sync::Action::Take { peer, entries } => {
                        // An error has been told and undone where it arose.
                        let entries = self.take_entries(room, entries).unwrap_or_default();
                        tracing::debug!(peer = %peer.short(), taken = entries.len(), "entries");
                        self.dirty |= !entries.is_empty();
                        // Also without any: all may wait for others, which have to be asked for.
                        events.push_back(Event::Grew { entries });
                    }
                    sync::Action::Violation { peer, what } => {
                        if let Some(link) = self.mesh.links().get(&peer) {
                            link.violate(what);
                        }
                    }
                }
            }
        }
    }

    pub(super) fn listen(&mut self, link: &Arc<Link>, message: LinkMessage) {
        let peer = link.peer();
        match message {
            LinkMessage::Hello { .. } => link.violate("a second hello"),
            LinkMessage::Networks(named) if named.len() > SHARED_MAX => link.violate("too many networks"),
            LinkMessage::Networks(named) => self.hear_networks(link, named),
            LinkMessage::Heads { room, heads } => {
                let (room, heads) = (RoomId(room), ids(heads, HEADS_MAX));
                if let Some(known) = self.linked_heads(room, &peer) {
                    known.clone_from(&heads);
                    self.drive(room, Event::Heads { peer, heads });
                }
            }
            LinkMessage::Want { room, have, ids: wanted } => {
                let (room, have, ids) = (RoomId(room), ids(have, HEADS_MAX), ids(wanted, HEADS_MAX));
                if let Some(known) = self.linked_heads(room, &peer) {
                    known.clone_from(&have);
                    self.drive(room, Event::Want { peer, have, ids });
                }
            }
            LinkMessage::Entries { room, entries, more } => {
                self.drive(RoomId(room), Event::Entries { peer, entries, more });
            }
            LinkMessage::KeyWant { room, epochs, network_key } => {
                self.answer_key_want(link, RoomId(room), &epochs, network_key);
            }
            LinkMessage::Keys { room, epochs, network_key } => {
                self.hear_keys(link, RoomId(room), &epochs, network_key.as_deref());
            }
            LinkMessage::Knock { room, knock } => self.hear_of_knock(link, RoomId(room), knock),
            LinkMessage::Denied { room, peer: denied } => self.hear_denial(link, RoomId(room), PeerId(denied)),
        }
    }

    fn hear_networks(&mut self, link: &Arc<Link>, named: Vec<SharedNetwork>) {
        let peer = link.peer();
        let announced: AnnouncedNetworks = named
            .into_iter()
            .map(|shared| {
                let heads = ids(shared.heads, HEADS_MAX);
                (RoomId(shared.room), Announced { handle: shared.handle, heads })
            })
            .collect();
        for (room, Announced { heads, .. }) in &announced {
            if let Some(known) = self.linked_heads(*room, &peer) {
                known.clone_from(heads);
                self.drive(*room, Event::Heads { peer, heads: heads.clone() });
            }
        }
        self.doubt(peer, &announced.keys().copied().collect());
        self.announced.insert(peer, announced);
        self.address(link);
        self.dirty = true;
    }

    /// The heads that a linked member named last. `None`: it is not one that this node speaks with about the network.
    fn linked_heads(&mut self, room: RoomId, peer: &PeerId) -> Option<&mut Vec<EntryId>> {
        self.network_mut(room)?.linked.get_mut(peer)
    }
}

fn words(room: RoomId, message: Message) -> LinkMessage {
    let bare = |ids: Vec<EntryId>| ids.into_iter().map(|id| id.0).collect();
    match message {
        Message::Heads { heads } => LinkMessage::Heads { room: room.0, heads: bare(heads) },
        Message::Want { have, ids } => LinkMessage::Want { room: room.0, have: bare(have), ids: bare(ids) },
        Message::Entries { entries, more } => LinkMessage::Entries { room: room.0, entries, more },
    }
}

fn ids(bare: Vec<[u8; 32]>, max: usize) -> Vec<EntryId> {
    bare.into_iter().take(max).map(EntryId).collect()
}
