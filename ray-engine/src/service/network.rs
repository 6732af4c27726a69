//! One network as this node holds it: its ledger, the file behind it, the handle that its datagrams carry, and what is
//! known around it. Signing in it, and taking in what others signed.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{
    Core, Result, doubts::Doubts, duties::Duties, failure, keys::Keys, log::last_name, now, publication::Publication,
};
use crate::{
    ident::{NetworkName, PeerId, RoomId},
    ledger::{self, Action, EntryId, Inserted, Ledger, VerifiedEntry},
    mesh::wire::HEADS_MAX,
    store::{Beginning, Knocks, LogFile, Logged, StoreError},
    sync::Sync,
};

/// A ledger that lost entries on disk is as whole as it gets when a linked member had nothing more for so long.
const REPAIR: Duration = Duration::from_secs(30);

pub(super) struct Network {
    pub(super) ledger: Ledger,
    file: LogFile,
    /// What peers put on datagrams of this network on their way to us.
    pub(super) handle: u16,
    pub(super) sync: Sync,
    /// The linked members that [`Sync`] knows of, with the heads that they named last.
    pub(super) linked: BTreeMap<PeerId, Vec<EntryId>>,
    pub(super) keys: Keys,
    pub(super) knocks: Knocks,
    pub(super) duties: Duties,
    pub(super) doubts: Doubts,
    pub(super) publication: Publication,
    pub(super) damage: Option<Damage>,
}

/// What this node is in a network that it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    Member,
    /// It has no seat; how that came, in plain words.
    Out(String),
    /// The network was ended; by whom.
    Ended(String),
}

/// Entries that were on disk and cannot be read. Until they are back, this node signs nothing: it does not know what it
/// signed last.
#[derive(Debug)]
pub(super) struct Damage {
    /// Entries that the ledger has when none is missing, at the most.
    whole: usize,
    /// Since when a member is linked and nothing new has come.
    quiet: Option<(Instant, usize)>,
}

impl Network {
    pub(super) fn name(&self) -> &NetworkName {
        &self.ledger.roster().name
    }

    pub(super) fn room(&self) -> RoomId {
        self.ledger.room()
    }

    /// Whether the node has a seat.
    pub(super) fn has(&self, peer: &PeerId) -> bool {
        self.ledger.roster().is_member(peer)
    }

    pub(super) fn standing(&self, me: &PeerId) -> Standing {
        if self.is_live(me) {
            return Standing::Member;
        }
        if let Some(end) = self.ledger.dissolved() {
            return Standing::Ended(last_name(&self.ledger, &end.author()));
        }
        Standing::Out(match self.ledger.was_removed(me) {
            Some(removal) => format!("{} removed it", last_name(&self.ledger, &removal.author())),
            None => "its seat went to somebody else when two halves of the network met again".to_owned(),
        })
    }

    /// Whether this node and the peer are both in.
    pub(super) fn shared_by(&self, me: &PeerId, peer: &PeerId) -> bool {
        self.has(peer) && self.is_live(me)
    }

    /// Whether this node takes part.
    pub(super) fn is_live(&self, me: &PeerId) -> bool {
        // The entry that seats this node may be among those that are missing.
        (self.has(me) || self.damage.is_some()) && self.ledger.dissolved().is_none()
    }

    /// Whether this node may decide here, and can.
    pub(super) fn is_governed_by(&self, me: &PeerId) -> bool {
        self.damage.is_none() && self.ledger.roster().is_coordinator(me) && self.is_live(me)
    }

    /// The entry by which the member itself gave up its seat, if that is the last that it said here.
    fn leave_of(&self, peer: &PeerId) -> Option<&VerifiedEntry> {
        let last = self.ledger.entries().filter(|entry| entry.author() == *peer).max_by_key(|entry| entry.counter())?;
        (*last.action() == Action::Leave).then_some(last)
    }

    /// As many heads as a message holds.
    pub(super) fn heads(&self) -> Vec<[u8; 32]> {
        self.ledger.heads().into_iter().map(|id| id.0).take(HEADS_MAX).collect()
    }

    /// Takes entries into the ledger and makes what became part of it durable, with one write. What did.
    fn take(&mut self, entries: Vec<VerifiedEntry>) -> Result<Vec<EntryId>, StoreError> {
        let mut ids = Vec::new();
        for entry in entries {
            match self.ledger.insert(entry) {
                Inserted::New { entries } => ids.extend(entries),
                Inserted::Known | Inserted::Pending => {}
                Inserted::Refused(refusal) => {
                    tracing::warn!(network = %self.name(), %refusal, "not taking an entry in");
                }
            }
        }
        if !ids.is_empty() {
            let bytes: Vec<&[u8]> = ids.iter().filter_map(|id| self.ledger.get(id)).map(VerifiedEntry::bytes).collect();
            self.file.append(&bytes)?;
        }
        Ok(ids)
    }
}

impl Core {
    pub(super) fn load_networks(&mut self) -> Result<(), StoreError> {
        for room in self.store.rooms()? {
            let (file, logged) = self.store.open_network(room)?;
            let (ledger, damage) = fold(room, &logged);
            if ledger.is_empty() {
                tracing::error!(%room, "the beginning of a network's ledger is unreadable; leaving its files alone");
                let words = format!(
                    "the history of network {room} cannot be read from this node's disk; restore networks/{room} from a \
                     backup, or move it away and join again"
                );
                self.notice(room, words);
                continue;
            }
            let network = self.network_of(ledger, file, damage)?;
            let left = network.damage.is_none() && !network.has(&self.me) && network.leave_of(&self.me).is_some();
            self.networks.push(network);
            if left {
                // Left, and stopped before the files were removed.
                self.remove_network(room)?;
            }
        }
        self.sort();
        Ok(())
    }

    /// Adds a network to the disk and to the list.
    pub(super) fn add_network(&mut self, ledger: Ledger, network_key: Option<&[u8; 32]>) -> Result<(), StoreError> {
        let beginning = Beginning {
            entries: ledger.entries().map(VerifiedEntry::bytes).collect(),
            network_key: network_key.copied(),
            epochs: Vec::new(),
        };
        let file = self.store.add_network(ledger.room(), &beginning)?;
        let network = self.network_of(ledger, file, None)?;
        self.networks.push(network);
        self.sort();
        Ok(())
    }

    fn network_of(&mut self, ledger: Ledger, file: LogFile, damage: Option<Damage>) -> Result<Network, StoreError> {
        let room = ledger.room();
        if damage.is_some() {
            tracing::warn!(%room, "entries of a ledger on disk cannot be read; asking members for them");
        }
        self.next_handle = self.next_handle.wrapping_add(1);
        Ok(Network {
            file,
            handle: self.next_handle,
            sync: Sync::new(self.me),
            linked: BTreeMap::new(),
            keys: Keys::load(&self.store, room)?,
            knocks: self.store.knocks(room)?,
            duties: Duties::load(&self.store, room)?,
            doubts: Doubts::default(),
            publication: Publication::new(&self.store, room, self.elapsed_ms())?,
            damage,
            ledger,
        })
    }

    /// Forgets a network, but for the entry by which this node left it.
    pub(super) fn remove_network(&mut self, room: RoomId) -> Result<(), StoreError> {
        if let Some(leave) = self.network(room).and_then(|network| network.leave_of(&self.me)) {
            self.store.remember_left(room, leave.bytes())?;
        }
        self.forget_decisions(room)?;
        self.store.remove_network(room)?;
        self.networks.retain(|network| network.room() != room);
        self.unpublish(room);
        Ok(())
    }

    pub(super) fn network(&self, room: RoomId) -> Option<&Network> {
        self.networks.iter().find(|network| network.room() == room)
    }

    pub(super) fn network_mut(&mut self, room: RoomId) -> Option<&mut Network> {
        self.networks.iter_mut().find(|network| network.room() == room)
    }

    pub(super) fn rooms(&self) -> Vec<RoomId> {
        self.networks.iter().map(Network::room).collect()
    }

    /// Signs a statement on top of all that is known, makes it durable, tells the linked members and lets it count.
    pub(super) fn act(&mut self, room: RoomId, action: Action) -> Result<VerifiedEntry> {
        let entry = self.sign(room, action)?;
        self.enact(room, entry)
    }

    /// Signs a statement, which nobody knows of yet.
    pub(super) fn sign(&self, room: RoomId, action: Action) -> Result<VerifiedEntry> {
        let network = self.network(room).ok_or_else(|| failure::not_found("the network is gone", ""))?;
        let name = network.name();
        if network.damage.is_some() {
            return Err(failure::refused(
                format!("network {name}: entries on this node's disk are damaged, and it signs nothing without them"),
                "they are fetched from members; try again when one has been online for half a minute",
            ));
        }
        network.ledger.author(&self.key, action, now()).map_err(|error| failure::author(name.as_str(), &error))
    }

    /// Lets an entry that this node signed count.
    pub(super) fn enact(&mut self, room: RoomId, entry: VerifiedEntry) -> Result<VerifiedEntry> {
        let ids = self.take_entries(room, vec![entry.clone()]).map_err(|error| failure::store(&error))?;
        if ids.is_empty() {
            return Err(failure::refused("the network's history does not take the entry", "see the engine's log"));
        }
        self.spread(room, ids);
        self.apply();
        Ok(entry)
    }

    /// Takes entries in: durable when this returns. When the disk does not take them, the ledger is read back from it, so
    /// that memory never runs ahead. Which entries became part of the ledger.
    pub(super) fn take_entries(
        &mut self,
        room: RoomId,
        entries: Vec<VerifiedEntry>,
    ) -> Result<Vec<EntryId>, StoreError> {
        let Self { networks, store, .. } = self;
        let Some(network) = networks.iter_mut().find(|network| network.room() == room) else { return Ok(Vec::new()) };
        let taken = tokio::task::block_in_place(|| network.take(entries));
        if let Err(error) = &taken {
            tracing::error!(%error, network = %network.name(), "storing an entry");
            let (file, logged) = store.open_network(room)?;
            (network.ledger, network.damage) = fold(room, &logged);
            network.file = file;
        }
        taken
    }

    /// Ends the repair of ledgers that lost entries on disk, where it is done.
    pub(super) fn end_repairs(&mut self) {
        let (me, now) = (self.me, Instant::now());
        for room in self.rooms() {
            let store = self.store.clone();
            let Some(network) = self.network_mut(room) else { continue };
            let (len, linked) = (network.ledger.len(), !network.linked.is_empty());
            let waiting = network.ledger.pending_len();
            let alone = waiting == 0 && !network.ledger.roster().members().any(|member| member.peer != me);
            let Some(damage) = &mut network.damage else { continue };
            match (linked, damage.quiet) {
                (false, _) => damage.quiet = None,
                (true, Some((_, known))) if known == len => {}
                (true, _) => damage.quiet = Some((now, len)),
            }
            let quiet = damage.quiet.is_some_and(|(since, _)| now.duration_since(since) >= REPAIR);
            if !(alone || quiet || (waiting == 0 && len >= damage.whole)) {
                continue;
            }
            let entries: Vec<&[u8]> = network.ledger.entries().map(VerifiedEntry::bytes).collect();
            match tokio::task::block_in_place(|| store.repair_network(room, &entries)) {
                Ok(file) => {
                    tracing::info!(network = %network.name(), entries = len, "the ledger on disk is repaired");
                    network.file = file;
                    network.damage = None;
                    self.dirty = true;
                }
                Err(error) => tracing::error!(%error, network = %network.name(), "repairing the ledger on disk"),
            }
        }
    }

    /// When to look at repairs again.
    pub(super) fn repair_at(&self) -> Option<Instant> {
        self.networks.iter().filter_map(|network| network.damage.as_ref()?.quiet).map(|(since, _)| since + REPAIR).min()
    }

    /// The network that the user means: by name or room id, or the only one.
    pub(super) fn chosen(&self, named: Option<&str>) -> Result<&Network> {
        match (named, self.networks.as_slice()) {
            (None, [only]) => Ok(only),
            (None, []) => Err(failure::not_found("this node is in no network", "make one with `ray create NAME`")),
            (None, several) => {
                let names: Vec<&str> = several.iter().map(|network| network.name().as_str()).collect();
                Err(failure::not_found(
                    format!("which network? this node is in {}", names.join(", ")),
                    format!("name it, as in: ray invite {}", names.first().unwrap_or(&"NAME")),
                ))
            }
            (Some(named), networks) => {
                let found = networks.iter().find(|n| n.name().as_str() == named || n.room().to_string() == named);
                found.ok_or_else(|| {
                    failure::not_found(format!("no network {named:?} on this node"), "`ray status` lists the networks")
                })
            }
        }
    }

    fn sort(&mut self) {
        self.networks.sort_by(|a, b| (a.name(), a.room()).cmp(&(b.name(), b.room())));
    }
}

/// The ledger that a file holds, and whether entries of it are missing.
fn fold(room: RoomId, logged: &Logged) -> (Ledger, Option<Damage>) {
    let (mut ledger, mut unreadable) = (Ledger::empty(room), 0);
    for bytes in &logged.entries {
        match ledger::verify(bytes, room) {
            Ok(entry) => {
                ledger.insert(entry);
            }
            Err(error) => {
                tracing::error!(%room, %error, "skipping an entry on disk");
                unreadable += 1;
            }
        }
    }
    let is_damaged = logged.displaced || unreadable > 0 || ledger.pending_len() > 0;
    let whole = ledger.len() + ledger.pending_len() + unreadable;
    let damage = is_damaged.then_some(Damage { whole, quiet: None });
    (ledger, damage)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::SigningKey;

    #[test]
    fn an_entry_that_is_damaged_on_disk_costs_no_other_and_is_noticed() {
        let (ledger, entries) = history();
        let whole = Logged { entries: entries.clone(), displaced: false };
        let (read, damage) = fold(ledger.room(), &whole);
        assert_eq!(read.heads(), ledger.heads());
        assert!(damage.is_none());

        let mut hit = whole;
        hit.entries[1][70] ^= 1;
        let (mut read, damage) = fold(ledger.room(), &hit);
        assert_eq!((read.len(), read.pending_len()), (1, 2), "what follows waits for it");
        assert_eq!(damage.map(|damage| damage.whole), Some(4));
        read.insert(ledger::verify(&entries[1], ledger.room()).unwrap());
        assert_eq!(read.heads(), ledger.heads());
    }

    #[test]
    fn a_damaged_last_entry_is_noticed() {
        let (ledger, mut entries) = history();
        entries[3][70] ^= 1;
        let (read, damage) = fold(ledger.room(), &Logged { entries, displaced: false });
        assert_eq!((read.len(), read.pending_len()), (3, 0));
        assert!(damage.is_some());
    }

    /// Genesis, and three entries on top of each other.
    fn history() -> (Ledger, Vec<Vec<u8>>) {
        let key = SigningKey::from_bytes(&[1; 32]);
        let (mut ledger, _) = Ledger::found(
            &SigningKey::from_bytes(&[2; 32]),
            &key,
            "home".parse().unwrap(),
            "alice".parse().unwrap(),
            now(),
        );
        for seconds in [60, 120, 180] {
            let entry = ledger.author(&key, Action::SetEphemeral { seconds }, now()).unwrap();
            ledger.insert(entry);
        }
        let entries = ledger.entries().map(|entry| entry.bytes().to_vec()).collect();
        (ledger, entries)
    }
}
