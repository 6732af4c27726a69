//! What a set of entries that holds the past of each adds up to: which of them count, their order, and the roster.
//!
//! A view is made of a smaller one and the entries that this lacks, if these come last in the order and void nothing in
//! it. Every view can be made of the empty one, and the view of an entry of that of its past.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    action::Action,
    fold::Turn,
    history::{History, Key},
    limits::Index,
    marks::Marks,
    order::arrange,
    roster::Roster,
    told::Effect,
    tree::Map,
    void::Standing,
};
use crate::ident::{PeerId, RoomId};

#[derive(Debug, Clone)]
pub(super) struct View {
    /// The entries of the set that are nobody's parents in it, ascending.
    heads: Vec<Index>,
    marks: Marks,
    /// Ends that do not count.
    idle: Arc<BTreeSet<Index>>,
    /// The highest key of those that anchor.
    anchor: Option<Key>,
    /// How many entries nothing anchors, and the highest key of these.
    free: usize,
    free_top: Option<Key>,
    /// The highest counter of each author.
    counters: Map<PeerId, u64>,
    /// How many entries have actions that are not known.
    unknown: usize,
    roster: Roster,
}

impl View {
    pub(super) fn empty(room: RoomId) -> Self {
        Self {
            heads: Vec::new(),
            marks: Marks::default(),
            idle: Arc::default(),
            anchor: None,
            free: 0,
            free_top: None,
            counters: Map::default(),
            unknown: 0,
            roster: Roster::empty(room),
        }
    }

    pub(super) fn heads(&self) -> &[Index] {
        &self.heads
    }

    pub(super) fn marks(&self) -> &Marks {
        &self.marks
    }

    pub(super) fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Entries that nothing anchors: the last so many of the order.
    pub(super) fn free(&self) -> usize {
        self.free
    }

    pub(super) fn unknown(&self) -> usize {
        self.unknown
    }

    /// The highest counter of an author; 0 if it made no entry.
    pub(super) fn counter(&self, author: &PeerId) -> u64 {
        self.counters.get(author).copied().unwrap_or(0)
    }

    pub(super) fn standing<'a>(&'a self, history: &'a History) -> Standing<'a> {
        Standing { history, marks: &self.marks, idle: &self.idle }
    }

    /// Whether an entry is in the set and counts.
    pub(super) fn holds(&self, history: &History, number: Index) -> bool {
        self.marks.has(number) && self.standing(history).void(number).is_none()
    }

    /// The view of this set and `added`, which are by key and have their pasts in it or beside each other. `None` if it
    /// has to be made in another way. `told` hears of each added entry, in fold order.
    pub(super) fn extend(
        &self,
        history: &History,
        added: &[Index],
        mut told: impl FnMut(Index, Effect),
    ) -> Option<Self> {
        let voids_here = |number: &Index| history.note(*number).victims.iter().any(|&victim| self.marks.has(victim));
        if added.iter().any(voids_here) {
            return None;
        }
        let mut view = self.clone();
        for &number in added {
            view.marks.add(number);
        }
        if added.iter().any(|&number| matches!(history.action(number), Action::Remove { .. } | Action::Revoke { .. })) {
            Standing::weigh(history, &view.marks, Arc::make_mut(&mut view.idle), added);
        }
        let anchors = view.anchors(history, added);
        if !self.comes_before(history, added, &anchors) {
            return None;
        }
        let arranged = arrange(history, added, &anchors);
        let free = arranged.order.iter().rev().take(arranged.free);
        let free_top = free.map(|&number| history.key(number)).max();
        if let Some(&last) = anchors.last() {
            (view.anchor, view.free, view.free_top) = (Some(history.key(last)), arranged.free, free_top);
        } else {
            view.free += arranged.free;
            view.free_top = view.free_top.max(free_top);
        }
        for &number in &arranged.order {
            let effect = view.apply(history, number);
            told(number, effect);
        }
        view.note_heads(history, added);
        Some(view)
    }

    /// Those of the added entries that anchor others, by key.
    pub(super) fn anchors(&self, history: &History, added: &[Index]) -> Vec<Index> {
        let standing = self.standing(history);
        let anchors = added.iter().copied().filter(|&number| match history.action(number) {
            Action::Genesis { .. } => true,
            Action::Checkpoint { .. } => standing.void(number).is_none(),
            _ => false,
        });
        anchors.collect()
    }

    /// Whether all of this set keeps its order when `added` join, and comes before them.
    fn comes_before(&self, history: &History, added: &[Index], anchors: &[Index]) -> bool {
        let first = added.first().map(|&number| history.key(number));
        if self.free_top.is_some() && first < self.free_top {
            return false;
        }
        let Some(&anchor) = anchors.first() else { return true };
        if self.anchor.is_some_and(|own| history.key(anchor) < own) {
            return false;
        }
        self.free == 0 || self.is_before(history, anchor)
    }

    /// Whether all of this set is in the past of an entry that is not of it.
    fn is_before(&self, history: &History, number: Index) -> bool {
        let mut missed: BTreeSet<Index> = self.heads.iter().copied().collect();
        let mut seen = BTreeSet::new();
        let mut stack = vec![number];
        while let Some(number) = stack.pop() {
            for &parent in &history.note(number).parents {
                if self.marks.has(parent) {
                    missed.remove(&parent);
                } else if seen.insert(parent) {
                    stack.push(parent);
                }
            }
        }
        missed.is_empty()
    }

    fn apply(&mut self, history: &History, number: Index) -> Effect {
        let note = history.note(number);
        let entry = &*note.entry;
        let author = entry.author();
        if self.counter(&author) < entry.counter() {
            self.counters.insert(author, entry.counter());
        }
        if matches!(entry.action(), Action::Unknown { .. }) {
            self.unknown += 1;
            return Effect::Unknown;
        }
        if let Some(reason) = self.standing(history).void(number) {
            return Effect::Void(reason);
        }
        let turn = Turn { entry, key: note.key, deciding: note.right.deciding };
        self.roster.apply(turn).map_or_else(Effect::Nothing, |()| Effect::Counted)
    }

    fn note_heads(&mut self, history: &History, added: &[Index]) {
        let mut heads: BTreeSet<Index> = self.heads.iter().chain(added).copied().collect();
        for &number in added {
            for parent in &history.note(number).parents {
                heads.remove(parent);
            }
        }
        self.heads = heads.into_iter().collect();
    }
}

/// The entries that these entries and their pasts have beyond a view, by key; `None` if they lack some of the view, or
/// there are more than `limit`.
pub(super) fn difference(history: &History, view: &View, wanted: &[Index], limit: usize) -> Option<Vec<Index>> {
    let mut missed: BTreeSet<Index> = view.heads.iter().copied().collect();
    let mut beyond = BTreeSet::new();
    let mut stack = wanted.to_vec();
    while let Some(number) = stack.pop() {
        if view.marks.has(number) {
            missed.remove(&number);
        } else if beyond.insert(number) {
            if beyond.len() > limit {
                return None;
            }
            stack.extend(&history.note(number).parents);
        }
    }
    if !missed.is_empty() {
        return None;
    }
    let mut beyond: Vec<Index> = beyond.into_iter().collect();
    beyond.sort_unstable_by_key(|&number| history.key(number));
    Some(beyond)
}
