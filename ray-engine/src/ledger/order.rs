//! The one order in which all nodes fold: parents before children and, among the entries whose parents are done, the
//! lowest id next.
//!
//! An entry that arrives later is put between others but never swaps two of them, because nothing depends on it yet.
//! So the order of any two entries is the same on every node that holds both.

use super::{entry::EntryId, limits::Index};

#[derive(Debug, Clone, Default)]
pub(super) struct Order {
    /// Arrival numbers in fold order.
    numbers: Vec<Index>,
    /// The id at each place of `numbers`.
    ids: Vec<EntryId>,
    /// By arrival number: its place in `numbers`.
    places: Vec<usize>,
}

impl Order {
    /// Puts the next arrival where it belongs; `parents` are the arrival numbers of its parents. Tells whether that is
    /// the end.
    pub(super) fn insert(&mut self, id: EntryId, parents: &[Index]) -> bool {
        let after = parents.iter().filter_map(|&parent| self.place_of(parent)).max().map_or(0, |place| place + 1);
        let later = self.ids.get(after..).unwrap_or_default();
        let at = later.iter().position(|other| id < *other).map_or(self.ids.len(), |offset| after + offset);
        let number = Index::try_from(self.numbers.len()).unwrap_or(Index::MAX);
        self.numbers.insert(at, number);
        self.ids.insert(at, id);
        let last = at + 1 == self.numbers.len();
        if !last {
            self.places.iter_mut().filter(|place| **place >= at).for_each(|place| *place += 1);
        }
        self.places.push(at);
        last
    }

    /// Arrival numbers in fold order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Index> {
        self.numbers.iter().copied()
    }

    fn place_of(&self, number: Index) -> Option<usize> {
        self.places.get(usize::try_from(number).ok()?).copied()
    }
}
