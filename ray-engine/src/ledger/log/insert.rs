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
enum Placed {
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
            let mut children = self.pending.release(&parent);
            if self.contains(&parent) {
                children.extend(self.aside.release(&parent));
            }
            for child in children {
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

    /// Takes in an entry that is not here, unless it has to wait. `taken` hears of it, and of what had to come with it.
    fn place(&mut self, entry: VerifiedEntry, taken: &mut Vec<EntryId>) -> Placed {
        let lacking: Vec<EntryId> = entry.parents().iter().filter(|id| !self.contains(id)).copied().collect();
        let (forks, missing): (Vec<_>, Vec<_>) = lacking.into_iter().partition(|id| self.aside.get(id).is_some());
        if !missing.is_empty() {
            self.pending.hold(entry, missing.into_iter().collect());
            return Placed::Waits;
        }
        if !forks.is_empty() {
            // Whoever never had a seat has no say in what is kept, and nobody has one about forks of its own.
            let seated = !self.history.seats(&entry.author()).is_empty();
            let others = |fork: &EntryId| self.aside.get(fork).is_some_and(|held| held.author() != entry.author());
            if seated && forks.iter().any(others) {
                return self.adopt(entry, forks, taken);
            }
            self.aside.put(entry);
            return Placed::Aside;
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
