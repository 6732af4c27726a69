//! The one order in which all nodes fold: by the checkpoint that anchors an entry, then by key.

use super::{history::History, limits::Index, marks::Marks};

/// Entries in fold order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arranged {
    pub(super) order: Vec<Index>,
    /// How many of them, at the end, nothing anchors.
    pub(super) free: usize,
}

/// Puts entries into fold order. `added` are by key; all they have in their pasts beside each other comes before them.
/// `anchors` are those of them that anchor, by key.
pub(super) fn arrange(history: &History, added: &[Index], anchors: &[Index]) -> Arranged {
    let mut left = Marks::default();
    for &number in added {
        left.add(number);
    }
    let mut order = Vec::with_capacity(added.len());
    for &anchor in anchors {
        let begin = order.len();
        let mut stack = vec![anchor];
        while let Some(number) = stack.pop() {
            if left.remove(number) {
                order.push(number);
                stack.extend(&history.note(number).parents);
            }
        }
        if let Some(group) = order.get_mut(begin..) {
            group.sort_unstable_by_key(|&number| history.key(number));
        }
    }
    let free = added.len() - order.len();
    order.extend(added.iter().filter(|&&number| left.has(number)));
    Arranged { order, free }
}
