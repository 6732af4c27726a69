//! Entries whose parents are missing, kept until these arrive. Bounded: the oldest go first.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    entry::{EntryId, VerifiedEntry},
    limits::{PENDING_BYTES_MAX, PENDING_ENTRIES_MAX},
};

#[derive(Debug, Clone, Default)]
pub(super) struct Pending {
    held: BTreeMap<EntryId, Waiting>,
    /// By missing parent: who waits for it.
    waiting: BTreeMap<EntryId, BTreeSet<EntryId>>,
    /// By arrival: the oldest first.
    ages: BTreeMap<u64, EntryId>,
    next_age: u64,
    bytes: usize,
}

#[derive(Debug, Clone)]
struct Waiting {
    entry: VerifiedEntry,
    missing: BTreeSet<EntryId>,
    age: u64,
}

impl Pending {
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// Keeps an entry until `missing`, which is not empty, have been released.
    pub(super) fn hold(&mut self, entry: VerifiedEntry, missing: BTreeSet<EntryId>) {
        let id = entry.id();
        if self.held.contains_key(&id) {
            return;
        }
        for parent in &missing {
            self.waiting.entry(*parent).or_default().insert(id);
        }
        let age = self.next_age;
        self.next_age += 1;
        self.bytes += entry.bytes().len();
        self.ages.insert(age, id);
        self.held.insert(id, Waiting { entry, missing, age });
        while self.held.len() > PENDING_ENTRIES_MAX || self.bytes > PENDING_BYTES_MAX {
            let Some(oldest) = self.ages.first_key_value().map(|(_, id)| *id) else { break };
            self.remove(&oldest);
        }
    }

    /// Tells that `parent` has arrived; returns the entries that miss nothing more.
    pub(super) fn release(&mut self, parent: &EntryId) -> Vec<VerifiedEntry> {
        let children = self.waiting.remove(parent).unwrap_or_default();
        let mut ready = Vec::new();
        for child in children {
            let Some(waiting) = self.held.get_mut(&child) else { continue };
            waiting.missing.remove(parent);
            if waiting.missing.is_empty() {
                ready.extend(self.remove(&child));
            }
        }
        ready
    }

    /// Tells that `parent` will never be part of the ledger: what is built on it is forgotten.
    pub(super) fn forget(&mut self, parent: &EntryId) {
        let mut lost = vec![*parent];
        while let Some(parent) = lost.pop() {
            for child in self.waiting.remove(&parent).unwrap_or_default() {
                self.remove(&child);
                lost.push(child);
            }
        }
    }

    /// Parents that somebody waits for and that do not wait themselves.
    pub(super) fn wanted(&self) -> impl Iterator<Item = &EntryId> {
        self.waiting.keys().filter(|parent| !self.held.contains_key(parent))
    }

    fn remove(&mut self, id: &EntryId) -> Option<VerifiedEntry> {
        let waiting = self.held.remove(id)?;
        self.ages.remove(&waiting.age);
        self.bytes -= waiting.entry.bytes().len();
        for parent in &waiting.missing {
            if let Some(children) = self.waiting.get_mut(parent) {
                children.remove(id);
                if children.is_empty() {
                    self.waiting.remove(parent);
                }
            }
        }
        Some(waiting.entry)
    }
}
