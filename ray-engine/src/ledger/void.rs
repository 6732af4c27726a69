//! Which entries do not count, because of concurrent ends, and which ends count.

use std::collections::BTreeSet;

use super::{
    action::Action,
    history::{History, Key},
    limits::Index,
    marks::Marks,
    told::VoidReason,
};

/// A set of entries that holds the past of each, and the ends among them that do not count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing<'a> {
    pub(super) history: &'a History,
    pub(super) marks: &'a Marks,
    pub(super) idle: &'a BTreeSet<Index>,
}

/// The place of an end among those that are weighed one after the other: who was granted earlier goes first.
type Rank = (Option<Key>, Key);

impl Standing<'_> {
    /// Why an entry of the set does not count; `None` if it does.
    pub(super) fn void(&self, number: Index) -> Option<VoidReason> {
        match is_weighed(self.history.action(number)) {
            // Weighed when it was added; what counts then is not void, whatever its author's standing becomes.
            true if !self.idle.contains(&number) => None,
            true => Some(self.fails(number, None).unwrap_or(VoidReason::AuthorEnded)),
            false => self.fails(number, None),
        }
    }

    /// Weighs ends that were added to the set, and adds those that do not count to `idle`, the set's own.
    pub(super) fn weigh(history: &History, marks: &Marks, idle: &mut BTreeSet<Index>, added: &[Index]) {
        let mut ends: Vec<(Rank, Index)> = added
            .iter()
            .filter(|&&number| is_weighed(history.action(number)))
            .map(|&number| (rank(history, number), number))
            .collect();
        ends.sort_unstable();
        for (rank, number) in ends {
            if (Standing { history, marks, idle }).fails(number, Some(rank)).is_some() {
                idle.insert(number);
            }
        }
    }

    /// Follows an entry to what it rests on, and on to the genesis entry. With a rank, given the ends before it.
    fn fails(&self, number: Index, before: Option<Rank>) -> Option<VoidReason> {
        if let Some(reason) = self.struck(number, before) {
            return Some(reason);
        }
        let mut at = number;
        while let Some(ground) = self.history.note(at).right.ground {
            if self.struck(ground, before).is_some() {
                return Some(VoidReason::RightVoid);
            }
            at = ground;
        }
        None
    }

    /// Whether something that counts is concurrent with the entry and against it.
    fn struck(&self, number: Index, before: Option<Rank>) -> Option<VoidReason> {
        let against = &self.history.note(number).against;
        let strikes = |&&(enemy, reason): &&(Index, VoidReason)| {
            self.marks.has(enemy)
                && match reason {
                    VoidReason::InviteClosed => !self.fails_by_ends(enemy, before),
                    VoidReason::AuthorEnded | VoidReason::NodeEnded | VoidReason::RightVoid => {
                        self.counts(enemy, before)
                    }
                }
        };
        // The reason must not depend on what arrived first.
        against.iter().filter(strikes).map(|(_, reason)| *reason).min()
    }

    /// As [`Self::fails`], leaving revoked invites aside: two revocations could otherwise void each other in a circle.
    fn fails_by_ends(&self, number: Index, before: Option<Rank>) -> bool {
        let mut next = Some(number);
        while let Some(at) = next {
            let note = self.history.note(at);
            let ended = note.against.iter().any(|&(enemy, reason)| {
                reason != VoidReason::InviteClosed && self.marks.has(enemy) && self.counts(enemy, before)
            });
            if ended {
                return true;
            }
            next = note.right.ground;
        }
        false
    }

    /// Whether an end of the set counts. With a rank, whether it does so far.
    pub(super) fn counts(&self, end: Index, before: Option<Rank>) -> bool {
        if matches!(self.history.action(end), Action::Leave) {
            return true;
        }
        !self.idle.contains(&end) && before.is_none_or(|before| rank(self.history, end) < before)
    }
}

/// Whether an entry is an end that has to be weighed against others.
fn is_weighed(action: &Action) -> bool {
    matches!(action, Action::Remove { .. } | Action::Revoke { .. })
}

fn rank(history: &History, end: Index) -> Rank {
    let note = history.note(end);
    (note.right.ground.map(|ground| history.key(ground)), note.key)
}
