//! A set of entries by their numbers: a bit each.

use super::limits::Index;

const BITS: usize = u64::BITS as usize;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Marks(Vec<u64>);

impl Marks {
    pub(super) fn has(&self, number: Index) -> bool {
        let (word, bit) = place(number);
        self.0.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// Whether the number was not marked before.
    pub(super) fn add(&mut self, number: Index) -> bool {
        let (word, bit) = place(number);
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        let bits = &mut self.0[word];
        let new = *bits & bit == 0;
        *bits |= bit;
        new
    }

    /// Whether the number was marked.
    pub(super) fn remove(&mut self, number: Index) -> bool {
        let (word, bit) = place(number);
        let Some(bits) = self.0.get_mut(word) else { return false };
        let there = *bits & bit != 0;
        *bits &= !bit;
        there
    }
}

fn place(number: Index) -> (usize, u64) {
    let number = number as usize;
    (number / BITS, 1 << (number % BITS))
}
