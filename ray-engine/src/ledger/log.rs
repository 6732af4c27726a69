//! The set of verified entries of one network: taking entries in, authoring, and telling others what they lack.
//!
//! Every entry in the set has its parents in the set, and stands by its own past. What the whole adds up to is evaluated when
//! it is asked for and kept; an entry that comes last is added to it, any other makes it be evaluated anew.

mod exit;

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
};

use ed25519_dalek::SigningKey;

use super::{
    action::{Action, InviteKey},
    alarm::Alarm,
    aside::Aside,
    authority::{Refusal, judge, last_leave, removal},
    entry::{Content, EntryId, VerifiedEntry, check_shape, public_half, sign},
    history::History,
    limits::{ANSWER_ENTRIES_MAX, ENTRIES_MAX, ENTRIES_RESERVED, Index, PARENTS_MAX, WANTED_MAX},
    order::arrange,
    parents::choose,
    pending::Pending,
    permit::{AuthorError, permit},
    roster::{InviteRefusal, InviteState, Roster},
    seniority::{Seniority, by_seniority},
    told::Told,
    view::View,
    views::Views,
};
use crate::ident::{Hostname, NetworkName, PeerId, RoomId, UnixTime};

/// The history of one network as far as this node knows it.
#[derive(Debug, Clone)]
pub struct Ledger {
    room: RoomId,
    history: History,
    heads: BTreeSet<EntryId>,
    pending: Pending,
    aside: Aside,
    alarms: Vec<Alarm>,
    empty: View,
    views: Views,
    /// The view of all entries, and their order.
    main: OnceLock<Arc<View>>,
    order: OnceLock<Vec<Index>>,
}

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inserted {
    /// It is part of the ledger, and so may be others that waited for it: all of them, parents before children.
    New {
        entries: Vec<EntryId>,
    },
    Known,
    /// It waits for a parent, or for somebody to build on it. It may be forgotten when too many wait.
    Pending,
    Refused(Refusal),
}

/// What became of one entry, its followers aside.
enum Placed {
    Taken,
    Aside,
    Waits,
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
            history: History::default(),
            heads: BTreeSet::new(),
            pending: Pending::default(),
            aside: Aside::default(),
            alarms: Vec::new(),
            empty: View::empty(room),
            views: Views::default(),
            main: OnceLock::new(),
            order: OnceLock::new(),
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
        self.history.contains(id)
    }

    pub fn get(&self, id: &EntryId) -> Option<&VerifiedEntry> {
        self.history.number(id).map(|number| self.history.entry(number))
    }

    /// Entries that are part of the ledger.
    pub fn len(&self) -> usize {
        self.history.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Entries that wait: for a parent, or for somebody to build on them.
    pub fn pending_len(&self) -> usize {
        self.pending.len() + self.aside.len()
    }

    /// Takes an entry in, and whatever waited for it.
    pub fn insert(&mut self, entry: VerifiedEntry) -> Inserted {
        let id = entry.id();
        if entry.room() != self.room {
            return Inserted::Refused(Refusal::OtherNetwork);
        }
        if self.contains(&id) {
            return Inserted::Known;
        }
        let mut entries = Vec::new();
        let mut stirred = match self.place(entry, &mut entries) {
            Placed::Taken => entries.clone(),
            Placed::Aside => vec![id],
            Placed::Waits => return Inserted::Pending,
            Placed::Refused(refusal) => {
                self.pending.forget(&id);
                return Inserted::Refused(refusal);
            }
        };
        let mut done = 0;
        while let Some(parent) = stirred.get(done).copied() {
            done += 1;
            for child in self.pending.release(&parent) {
                let (id, taken) = (child.id(), entries.len());
                match self.place(child, &mut entries) {
                    Placed::Taken => stirred.extend(entries.iter().skip(taken)),
                    Placed::Aside => stirred.push(id),
                    Placed::Waits => {}
                    Placed::Refused(_) => self.pending.forget(&id),
                }
            }
        }
        if entries.is_empty() { Inserted::Pending } else { Inserted::New { entries } }
    }

    /// Signs an entry on top of all that is known. It is not part of the ledger until it is inserted, so that it can be
    /// stored first.
    pub fn author(&self, key: &SigningKey, action: Action, now: UnixTime) -> Result<VerifiedEntry, AuthorError> {
        if self.is_empty() {
            return Err(AuthorError::NotFounded);
        }
        let author = public_half(key);
        permit(&self.history, self.main(), &author, &action, now)?;
        let parents = self.choose_parents(&author, &action);
        let past = self.past(&self.history.numbers(&parents));
        let action = match action {
            // What is said is about what is known; with more heads than an entry may name, that is not all there is.
            Action::Checkpoint { .. } if self.heads.len() > PARENTS_MAX => {
                Action::Checkpoint { digest: past.roster().digest() }
            }
            other => other,
        };
        let counter = past.counter(&author).checked_add(1).ok_or(AuthorError::Quota)?;
        let content = Content { room: self.room, author, counter, time: now, parents, action };
        check_shape(&content).map_err(AuthorError::Entry)?;
        let entry = sign(content, key);
        judge(&self.history, &past, &entry)?;
        self.check_room(&past, &author)?;
        Ok(entry)
    }

    /// A checkpoint of what is known.
    pub fn checkpoint(&self) -> Action {
        Action::Checkpoint { digest: self.roster().digest() }
    }

    /// What the ledger folds to.
    pub fn roster(&self) -> &Roster {
        self.main().roster()
    }

    /// Entries that somebody who has `have`, and all before them, lacks: parents before children, as many as one answer
    /// holds. Ids that are unknown here are ignored.
    pub fn missing(&self, have: &[EntryId]) -> Vec<&VerifiedEntry> {
        let marked = self.history.reach(&self.history.numbers(have));
        let lacking = self.order().iter().filter(|&&number| !marked.has(number));
        lacking.map(|&number| self.history.entry(number)).take(ANSWER_ENTRIES_MAX).collect()
    }

    /// Whether any of these heads is unknown here.
    pub fn lacks(&self, heads: &[EntryId]) -> bool {
        heads.iter().any(|id| !self.contains(id))
    }

    /// Parents that entries here wait for and nobody delivered, as many as are asked for at a time.
    pub fn wanted(&self) -> Vec<EntryId> {
        let wanted = self.pending.wanted().filter(|id| !self.contains(id) && self.aside.get(id).is_none());
        wanted.copied().take(WANTED_MAX).collect()
    }

    /// Whether the invite admits somebody now.
    pub fn check_invite(&self, invite: &InviteKey, now: UnixTime) -> Result<&InviteState, InviteRefusal> {
        self.roster().check_invite(invite, now)
    }

    /// The leave that a proof of this node for its next seat has to name.
    pub fn last_leave(&self, peer: &PeerId) -> Option<EntryId> {
        last_leave(&self.history, self.main(), peer)
    }

    /// The removal that keeps a node out, until it is admitted again.
    pub fn was_removed(&self, peer: &PeerId) -> Option<&VerifiedEntry> {
        if self.roster().is_member(peer) {
            return None;
        }
        removal(&self.history, self.main(), peer).map(|number| self.history.entry(number))
    }

    /// The entry that ended the network.
    pub fn dissolved(&self) -> Option<&VerifiedEntry> {
        if !self.roster().dissolved {
            return None;
        }
        let main = self.main();
        let ends = |&&number: &&Index| {
            matches!(self.history.action(number), Action::Dissolve) && main.holds(&self.history, number)
        };
        self.order().iter().find(ends).map(|&number| self.history.entry(number))
    }

    /// Entries that no checkpoint which counts anchors.
    pub fn unanchored(&self) -> usize {
        self.main().free()
    }

    /// As [`Self::unanchored`], of other authors than `me`.
    pub fn unanchored_by_others(&self, me: &PeerId) -> usize {
        let free = self.order().iter().rev().take(self.unanchored());
        free.filter(|&&number| self.history.entry(number).author() != *me).count()
    }

    /// Entries with actions that this program does not know.
    pub fn unknown(&self) -> usize {
        self.main().unknown()
    }

    /// All entries in fold order, with what each did.
    pub fn history(&self) -> Vec<Told<'_>> {
        let mut told = Vec::with_capacity(self.len());
        self.empty.extend(&self.history, self.history.sorted(), |number, effect| {
            told.push(Told { entry: self.history.entry(number), effect });
        });
        told
    }

    /// What should not have happened and did.
    pub fn alarms(&self) -> &[Alarm] {
        &self.alarms
    }

    /// Those who decide, the most senior first.
    pub fn coordinators(&self) -> Vec<Seniority> {
        by_seniority(&self.history, self.roster())
    }

    /// All entries in fold order, which has parents before children.
    pub fn entries(&self) -> impl Iterator<Item = &VerifiedEntry> {
        self.order().iter().map(|&number| self.history.entry(number))
    }

    /// Takes in an entry that is not here, unless it has to wait. `taken` hears of it, and of what had to come with it.
    fn place(&mut self, entry: VerifiedEntry, taken: &mut Vec<EntryId>) -> Placed {
        let mut missing = BTreeSet::new();
        let mut forks = Vec::new();
        let seated = !self.history.seats(&entry.author()).is_empty();
        for parent in entry.parents().iter().filter(|id| !self.contains(id)) {
            match self.aside.get(parent) {
                // Whoever never had a seat has no say in what is kept.
                Some(fork) if seated && fork.author() != entry.author() => forks.push(*parent),
                Some(_) | None => {
                    missing.insert(*parent);
                }
            }
        }
        if !missing.is_empty() {
            self.pending.hold(entry, missing);
            return Placed::Waits;
        }
        if !forks.is_empty() {
            return self.adopt(entry, forks, taken);
        }
        let id = entry.id();
        let placed = self.append(entry, false);
        if matches!(placed, Placed::Taken) {
            taken.push(id);
        }
        placed
    }

    /// Takes in what was kept apart because this entry builds on it, if it stands.
    fn adopt(&mut self, entry: VerifiedEntry, mut forks: Vec<EntryId>, taken: &mut Vec<EntryId>) -> Placed {
        let mut trial = self.clone();
        let mut with = Vec::new();
        while let Some(fork) = forks.last().copied() {
            let Some(held) = self.aside.get(&fork) else {
                self.pending.hold(entry, BTreeSet::from([fork]));
                return Placed::Waits;
            };
            let before: Vec<EntryId> = held.parents().iter().filter(|id| !trial.contains(id)).copied().collect();
            if !before.is_empty() {
                forks.extend(before);
                continue;
            }
            forks.pop();
            trial.aside.take(&fork);
            if trial.contains(&fork) {
                continue;
            }
            match trial.append(held.clone(), true) {
                Placed::Taken => with.push(fork),
                other => return other,
            }
        }
        with.push(entry.id());
        let placed = trial.append(entry.clone(), false);
        match placed {
            Placed::Taken => {
                *self = trial;
                taken.extend(with);
            }
            Placed::Aside => self.aside.put(entry),
            Placed::Waits | Placed::Refused(_) => {}
        }
        placed
    }

    /// Adds an entry whose parents are here, if it stands. `adopted` if it may be a third one with its counter.
    fn append(&mut self, entry: VerifiedEntry, adopted: bool) -> Placed {
        let past = self.past(&self.history.numbers(entry.parents()));
        let right = match judge(&self.history, &past, &entry) {
            Ok(right) => right,
            Err(refusal) => return Placed::Refused(refusal),
        };
        if let Err(refusal) = self.check_room(&past, &entry.author()) {
            return Placed::Refused(refusal);
        }
        let (id, author, counter) = (entry.id(), entry.author(), entry.counter());
        let twins = self.history.counted(author, counter).len();
        if twins >= 2 && !adopted {
            self.aside.put(entry);
            return Placed::Aside;
        }
        if twins == 1 {
            self.alarms.push(Alarm::Fork { author, counter });
        }
        self.alarms.extend(Alarm::of_checkpoint(&entry, &past));
        for parent in entry.parents() {
            self.heads.remove(parent);
        }
        self.heads.insert(id);
        self.views.keep(&past);
        let number = self.history.push(entry, right, past.marks());
        self.refresh(number);
        Placed::Taken
    }

    /// Brings the view of all up to date, or drops it if the entry belongs before others.
    fn refresh(&mut self, number: Index) {
        let order = self.order.take();
        let Some(main) = self.main.take() else { return };
        let Some(next) = main.extend(&self.history, &[number], |_, _| ()) else {
            self.views.keep(&main);
            return;
        };
        self.main = OnceLock::from(Arc::new(next));
        if let Some(mut order) = order {
            order.push(number);
            self.order = OnceLock::from(order);
        }
    }

    /// Whether the ledger has room for an entry of this author.
    fn check_room(&self, past: &View, author: &PeerId) -> Result<(), Refusal> {
        let reserved = if past.roster().is_coordinator(author) { 0 } else { ENTRIES_RESERVED };
        if self.len() >= ENTRIES_MAX - reserved { Err(Refusal::LedgerFull) } else { Ok(()) }
    }

    /// All heads, or as many as an entry may name.
    fn choose_parents(&self, author: &PeerId, action: &Action) -> Vec<EntryId> {
        if self.heads.len() <= PARENTS_MAX {
            return self.heads();
        }
        let heads = self.history.numbers(&self.heads);
        let chosen = choose(&self.history, self.roster(), &heads, author, action);
        let chosen: BTreeSet<EntryId> = chosen.into_iter().map(|number| self.history.entry(number).id()).collect();
        chosen.into_iter().collect()
    }

    /// The view of all entries.
    fn main(&self) -> &View {
        self.main.get_or_init(|| self.views.make(&self.history, &self.head_numbers(), &self.empty, None))
    }

    /// All entries in fold order.
    fn order(&self) -> &[Index] {
        self.order.get_or_init(|| {
            let sorted = self.history.sorted();
            arrange(&self.history, sorted, &self.main().anchors(&self.history, sorted)).order
        })
    }

    /// The view of these entries, ascending, and all before them.
    fn past(&self, parents: &[Index]) -> Arc<View> {
        if parents == self.head_numbers() {
            self.main();
        }
        self.views.make(&self.history, parents, &self.empty, self.main.get())
    }

    fn head_numbers(&self) -> Vec<Index> {
        self.history.numbers(&self.heads)
    }
}

#[cfg(test)]
mod tests;
