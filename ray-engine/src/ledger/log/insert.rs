//! Taking entries in: judging them, keeping those that wait, and following up on what they waited for.

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
};

use super::{
    super::{
        alarm::Alarm,
        authority::{Refusal, judge},
        entry::{EntryId, VerifiedEntry},
        limits::{ENTRIES_MAX, ENTRIES_RESERVED, Index},
        view::View,
    },
    Ledger,
};
use crate::ident::PeerId;

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
pub(super) enum Placed {
    Taken,
    Aside,
    Waits,
    Refused(Refusal),
}

impl Ledger {
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
        let mut held = match self.place(entry, &mut entries) {
            Placed::Taken => Vec::new(),
            Placed::Aside | Placed::Waits => vec![id],
            Placed::Refused(refusal) => {
                self.pending.forget(&id);
                return Inserted::Refused(refusal);
            }
        };
        let mut stirred = entries.clone();
        let mut done = 0;
        loop {
            let next = if let Some(parent) = stirred.get(done).copied() {
                done += 1;
                let waiting = self.pending.children(&parent);
                let ready = self.pending.release(&parent);
                // A seat that came now gives its holder a say.
                held.extend(waiting.into_iter().filter(|child| self.pending.get(child).is_some()));
                ready
            } else if let Some(parent) = held.last() {
                let adopter = self.adopter_above(parent);
                if adopter.is_none() {
                    held.pop();
                }
                adopter.into_iter().collect()
            } else {
                break;
            };
            for child in next {
                let (id, taken) = (child.id(), entries.len());
                match self.place(child, &mut entries) {
                    Placed::Taken => stirred.extend(entries.iter().skip(taken)),
                    Placed::Aside | Placed::Waits => held.push(id),
                    Placed::Refused(_) => self.pending.forget(&id),
                }
            }
        }
        if entries.is_empty() { Inserted::Pending } else { Inserted::New { entries } }
    }

    /// Takes in an entry that is not here, unless it has to wait. `taken` hears of it, and of what had to come with it.
    fn place(&mut self, entry: VerifiedEntry, taken: &mut Vec<EntryId>) -> Placed {
        let missing: BTreeSet<EntryId> = entry.parents().iter().filter(|id| !self.contains(id)).copied().collect();
        if !missing.is_empty() {
            if let Some(below) = self.adoptable(&entry) {
                return self.adopt(entry, below, taken);
            }
            self.pending.hold(entry, missing);
            return Placed::Waits;
        }
        let id = entry.id();
        let placed = self.append(entry, false);
        if matches!(placed, Placed::Taken) {
            taken.push(id);
        }
        placed
    }

    /// Adds an entry whose parents are here, if it stands. `adopted` if it may be a third one with its counter.
    pub(super) fn append(&mut self, entry: VerifiedEntry, adopted: bool) -> Placed {
        let past = self.past(&self.history.numbers(entry.parents()));
        let right = match judge(&self.history, &past, &entry) {
            Ok(right) => right,
            Err(refusal) => return Placed::Refused(refusal),
        };
        if let Err(refusal) = check_room(self.len(), &past, &entry.author()) {
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
}

/// Whether a ledger of this length has room for an entry of this author.
pub(super) fn check_room(length: usize, past: &View, author: &PeerId) -> Result<(), Refusal> {
    let reserved = if past.roster().is_coordinator(author) { 0 } else { ENTRIES_RESERVED };
    if length >= ENTRIES_MAX - reserved { Err(Refusal::LedgerFull) } else { Ok(()) }
}
