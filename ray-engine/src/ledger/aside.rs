//! An author's third entry with one counter, and what the same author built on it: kept apart until somebody else's entry
//! has them in its past, so that nobody fills other nodes' memory with forks. Bounded: the oldest go first, and are asked
//! for again when they are needed.

use std::collections::BTreeMap;

use super::{
    entry::{EntryId, VerifiedEntry},
    limits::FORKS_ASIDE_MAX,
};

#[derive(Debug, Clone, Default)]
pub(super) struct Aside {
    held: BTreeMap<EntryId, VerifiedEntry>,
    /// By arrival: the oldest first.
    ages: BTreeMap<u64, EntryId>,
    next_age: u64,
}

impl Aside {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    pub(super) fn get(&self, id: &EntryId) -> Option<&VerifiedEntry> {
        self.held.get(id)
    }

    pub(super) fn put(&mut self, entry: VerifiedEntry) {
        let id = entry.id();
        if self.held.insert(id, entry).is_none() {
            self.ages.insert(self.next_age, id);
            self.next_age += 1;
        }
        if self.held.len() > FORKS_ASIDE_MAX
            && let Some((_, oldest)) = self.ages.pop_first()
        {
            self.held.remove(&oldest);
        }
    }

    /// Tells that `parent` has been taken in; returns what was built on it.
    pub(super) fn release(&mut self, parent: &EntryId) -> Vec<VerifiedEntry> {
        let children: Vec<_> = self.held.values().filter(|entry| entry.parents().contains(parent)).cloned().collect();
        children.iter().for_each(|child| self.take(&child.id()));
        children
    }

    pub(super) fn take(&mut self, id: &EntryId) {
        if self.held.remove(id).is_some() {
            self.ages.retain(|_, held| held != id);
        }
    }
}
