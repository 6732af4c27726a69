//! Entries that stand, but are an author's third with one counter: kept apart until somebody else builds on them, so that
//! nobody fills other nodes' memory with forks. Bounded: the oldest go first.

use std::collections::VecDeque;

use super::{
    entry::{EntryId, VerifiedEntry},
    limits::FORKS_ASIDE_MAX,
};

#[derive(Debug, Clone, Default)]
pub(super) struct Aside(VecDeque<VerifiedEntry>);

impl Aside {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, id: &EntryId) -> Option<&VerifiedEntry> {
        self.0.iter().find(|entry| entry.id() == *id)
    }

    pub(super) fn put(&mut self, entry: VerifiedEntry) {
        if self.get(&entry.id()).is_none() {
            self.0.push_back(entry);
        }
        if self.0.len() > FORKS_ASIDE_MAX {
            self.0.pop_front();
        }
    }

    pub(super) fn take(&mut self, id: &EntryId) {
        self.0.retain(|entry| entry.id() != *id);
    }
}
