//! A set of ids that forgets the oldest.

use std::collections::{BTreeSet, VecDeque};

use crate::ledger::EntryId;

#[derive(Debug, Clone)]
pub(super) struct Recent {
    max: usize,
    order: VecDeque<EntryId>,
    set: BTreeSet<EntryId>,
}

impl Recent {
    pub(super) fn holding(max: usize) -> Self {
        Self { max, order: VecDeque::new(), set: BTreeSet::new() }
    }

    pub(super) fn add(&mut self, id: EntryId) {
        if self.set.insert(id) {
            self.order.push_back(id);
        }
        if self.order.len() > self.max
            && let Some(oldest) = self.order.pop_front()
        {
            self.set.remove(&oldest);
        }
    }

    pub(super) fn contains(&self, id: &EntryId) -> bool {
        self.set.contains(id)
    }

    /// The latest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &EntryId> {
        self.order.iter().rev()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_the_latest_and_forgets_the_oldest() {
        let mut recent = Recent::holding(3);
        for byte in [1, 2, 1, 3, 4] {
            recent.add(EntryId([byte; 32]));
        }
        let held: Vec<u8> = recent.iter().map(|id| id.0[0]).collect();
        assert_eq!(held, [4, 3, 2]);
        assert!(recent.contains(&EntryId([2; 32])) && !recent.contains(&EntryId([1; 32])));
        assert_eq!(recent.set.len(), 3);
    }
}
