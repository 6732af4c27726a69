//! The set of verified entries of one network: taking entries in, authoring, and telling others what they lack.
//!
//! Every entry in the set has its parents in the set, and stands by its own past. The roster is folded when it is asked
//! for and kept; an entry that comes last in fold order is added to it, any other makes it fold anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use ed25519_dalek::SigningKey;

use super::{
    action::{Action, InviteKey},
    authority::{AuthorError, Facts, Past, Refusal, permit},
    entry::{Content, EntryId, VerifiedEntry, check_shape, sign},
    graph::{Graph, Place},
    limits::{ANSWER_ENTRIES_MAX, ENTRIES_MAX, Index, PARENTS_MAX},
    order::Order,
    pending::Pending,
    roster::{InviteRefusal, InviteState, Roster},
};
use crate::ident::{Hostname, NetworkName, PeerId, RoomId, UnixTime};

/// The history of one network as far as this node knows it.
#[derive(Debug, Clone)]
pub struct Ledger {
    room: RoomId,
    /// In order of arrival; what the other fields call a number is an index into this.
    entries: Vec<VerifiedEntry>,
    numbers: BTreeMap<EntryId, Index>,
    heads: BTreeSet<EntryId>,
    graph: Graph,
    order: Order,
    facts: Facts,
    pending: Pending,
    roster: OnceLock<Roster>,
}

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inserted {
    /// It is part of the ledger, and so may be others that waited for it: all of them, parents before children.
    New {
        entries: Vec<EntryId>,
    },
    Known,
    /// It waits for a parent. It may be forgotten when too many wait.
    Pending,
    Refused(Refusal),
}

impl Ledger {
    /// Founds a network: signs its genesis entry.
    pub fn found(
        network_key: &SigningKey,
        founder: &SigningKey,
        name: NetworkName,
        hostname: Hostname,
        now: UnixTime,
    ) -> (Self, VerifiedEntry) {
        let room = RoomId(network_key.verifying_key().to_bytes());
        let founder = public_half(founder);
        let genesis = Content {
            room,
            author: PeerId(room.0),
            counter: 1,
            time: now,
            parents: Vec::new(),
            action: Action::Genesis { name, founder, hostname },
        };
        let entry = sign(genesis, network_key);
        let mut ledger = Self::empty(room);
        ledger.insert(entry.clone());
        (ledger, entry)
    }

    /// The ledger of a network of which only the room id is known.
    pub fn empty(room: RoomId) -> Self {
        Self {
            room,
            entries: Vec::new(),
            numbers: BTreeMap::new(),
            heads: BTreeSet::new(),
            graph: Graph::default(),
            order: Order::default(),
            facts: Facts::default(),
            pending: Pending::default(),
            roster: OnceLock::new(),
        }
    }

    pub fn room(&self) -> RoomId {
        self.room
    }

    /// The entries that are nobody's parents, ascending.
    pub fn heads(&self) -> Vec<EntryId> {
        self.heads.iter().copied().collect()
    }

    pub fn contains(&self, id: &EntryId) -> bool {
        self.numbers.contains_key(id)
    }

    pub fn get(&self, id: &EntryId) -> Option<&VerifiedEntry> {
        self.entry(*self.numbers.get(id)?)
    }

    /// Entries that are part of the ledger.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Entries that wait for a parent.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// Takes an entry in, and whatever waited for it.
    pub fn insert(&mut self, entry: VerifiedEntry) -> Inserted {
        if entry.room() != self.room {
            return Inserted::Refused(Refusal::OtherNetwork);
        }
        if self.contains(&entry.id()) {
            return Inserted::Known;
        }
        let missing: BTreeSet<EntryId> = entry.parents().iter().filter(|id| !self.contains(id)).copied().collect();
        if !missing.is_empty() {
            self.pending.hold(entry, missing);
            return Inserted::Pending;
        }
        let first = match self.append(entry) {
            Ok(id) => id,
            Err(refusal) => return Inserted::Refused(refusal),
        };
        let mut entries = vec![first];
        let mut done = 0;
        while let Some(parent) = entries.get(done).copied() {
            done += 1;
            let ready = self.pending.release(&parent);
            entries.extend(ready.into_iter().filter_map(|child| self.append(child).ok()));
        }
        Inserted::New { entries }
    }

    /// Signs an entry on top of all that is known. It is not part of the ledger until it is inserted, so that it can be
    /// stored first.
    pub fn author(&self, key: &SigningKey, action: Action, now: UnixTime) -> Result<VerifiedEntry, AuthorError> {
        if !self.facts.is_founded() {
            return Err(AuthorError::NotFounded);
        }
        let author = public_half(key);
        permit(self.roster(), &author, &action, now)?;
        let counter = self.facts.last_counter(&author).checked_add(1).ok_or(AuthorError::CounterSpent)?;
        let parents = self.choose_parents(&author, &action);
        let content = Content { room: self.room, author, counter, time: now, parents, action };
        check_shape(&content).map_err(AuthorError::Entry)?;
        let entry = sign(content, key);
        self.judge(&entry, &self.place_for(&entry)).map_err(AuthorError::Refused)?;
        Ok(entry)
    }

    /// What the ledger folds to.
    pub fn roster(&self) -> &Roster {
        self.roster.get_or_init(|| self.fold(|_| true))
    }

    /// Entries that somebody who has `have`, and all before them, lacks: parents before children, as many as one answer
    /// holds. Ids that are unknown here are ignored.
    pub fn missing(&self, have: &[EntryId]) -> Vec<&VerifiedEntry> {
        let known: Vec<Index> = have.iter().filter_map(|id| self.numbers.get(id)).copied().collect();
        let marked = self.graph.mark(&known);
        self.order
            .iter()
            .filter(|&number| !is_marked(&marked, number))
            .filter_map(|number| self.entry(number))
            .take(ANSWER_ENTRIES_MAX)
            .collect()
    }

    /// Whether any of these heads is unknown here.
    pub fn lacks(&self, heads: &[EntryId]) -> bool {
        heads.iter().any(|id| !self.contains(id))
    }

    /// Whether the invite admits somebody now.
    pub fn check_invite(&self, invite: &InviteKey, now: UnixTime) -> Result<&InviteState, InviteRefusal> {
        self.roster().check_invite(invite, now)
    }

    /// All entries in fold order, which has parents before children.
    pub fn entries(&self) -> impl Iterator<Item = &VerifiedEntry> {
        self.order.iter().filter_map(|number| self.entry(number))
    }

    /// Adds an entry whose parents are here, if it stands.
    fn append(&mut self, entry: VerifiedEntry) -> Result<EntryId, Refusal> {
        if self.entries.len() >= ENTRIES_MAX {
            return Err(Refusal::LedgerFull);
        }
        let place = self.place_for(&entry);
        self.judge(&entry, &place)?;
        let id = entry.id();
        let last = self.order.insert(id, place.parents());
        let number = self.graph.push(place);
        self.facts.note(number, &entry);
        self.numbers.insert(id, number);
        for parent in entry.parents() {
            self.heads.remove(parent);
        }
        self.heads.insert(id);
        self.entries.push(entry);
        self.refresh(number, last);
        Ok(id)
    }

    /// Brings the roster up to date, or drops it if the entry belongs before others.
    fn refresh(&mut self, number: Index, last: bool) {
        let Some(mut roster) = self.roster.take() else { return };
        if last {
            self.apply(&mut roster, number);
            self.roster = OnceLock::from(roster);
        }
    }

    fn judge(&self, entry: &VerifiedEntry, place: &Place) -> Result<(), Refusal> {
        let past = Past { graph: &self.graph, place };
        self.facts.judge(entry, past, |peer| {
            if self.graph.knows_all(place) {
                return self.roster().needs_coordinator(peer);
            }
            let marked = self.graph.mark_past(place);
            self.fold(|number| is_marked(&marked, number)).needs_coordinator(peer)
        })
    }

    fn fold(&self, included: impl Fn(Index) -> bool) -> Roster {
        let mut roster = Roster::empty(self.room);
        for number in self.order.iter().filter(|&number| included(number)) {
            self.apply(&mut roster, number);
        }
        roster
    }

    fn apply(&self, roster: &mut Roster, number: Index) {
        let Some(entry) = self.entry(number) else { return };
        roster.apply(entry, |id| self.numbers.get(id).is_some_and(|&before| self.graph.knew(number, before)));
    }

    fn place_for(&self, entry: &VerifiedEntry) -> Place {
        self.graph.place(entry.parents().iter().filter_map(|id| self.numbers.get(id)).copied().collect())
    }

    /// All heads, or as many as an entry may name: first those that lead to what the entry rests on.
    fn choose_parents(&self, author: &PeerId, action: &Action) -> Vec<EntryId> {
        if self.heads.len() <= PARENTS_MAX {
            return self.heads();
        }
        let mut chosen = BTreeSet::new();
        for ground in self.facts.grounds(author, action) {
            let leads = |head: &&EntryId| {
                self.numbers.get(head).is_some_and(|&head| head == ground || self.graph.knew(head, ground))
            };
            if !chosen.iter().any(|head| leads(&head)) {
                chosen.extend(self.heads.iter().find(leads));
            }
        }
        for head in &self.heads {
            if chosen.len() >= PARENTS_MAX {
                break;
            }
            chosen.insert(*head);
        }
        chosen.into_iter().collect()
    }

    fn entry(&self, number: Index) -> Option<&VerifiedEntry> {
        self.entries.get(usize::try_from(number).ok()?)
    }
}

fn public_half(key: &SigningKey) -> PeerId {
    PeerId(key.verifying_key().to_bytes())
}

fn is_marked(marked: &[bool], number: Index) -> bool {
    usize::try_from(number).ok().and_then(|at| marked.get(at)).copied().unwrap_or(false)
}

#[cfg(test)]
mod tests;
