//! "Which entries count": which ends of memberships and coordinatorships win, and what is void because of them.

use std::collections::HashMap;

use ray_engine::{
    ident::PeerId,
    ledger::{Action, EntryId},
};

use super::{Reference, Set, seated_by};

/// What the second section of the rules says of a set of entries.
pub(crate) struct Counted {
    pub(crate) ends: Vec<usize>,
    pub(crate) void: Set,
    /// All entries, in fold order.
    pub(crate) order: Vec<usize>,
    pub(crate) unanchored: Vec<usize>,
}

impl Reference {
    pub(super) fn count(&self, set: &Set) -> Counted {
        let mut ends: Vec<usize> = set.iter().filter(|n| *self.entry(*n).action() == Action::Leave).collect();
        let mut disputed: Vec<usize> = set
            .iter()
            .filter(|n| matches!(self.entry(*n).action(), Action::Remove { .. } | Action::Revoke { .. }))
            .collect();
        disputed.sort_by_key(|n| (self.facts[*n].ground.map(|ground| self.key(ground)), self.key(*n)));
        for end in disputed {
            if !(Voids { reference: self, set, ends: &ends, known: HashMap::new() }).is_void(end) {
                ends.push(end);
            }
        }
        let mut voids = Voids { reference: self, set, ends: &ends, known: HashMap::new() };
        // An end that counts is never void.
        let void: Set = set.iter().filter(|n| !ends.contains(n) && voids.is_void(*n)).collect();
        let (order, unanchored) = self.order(set, &void);
        Counted { ends, void, order, unanchored }
    }

    /// The fold order, and the entries that nothing anchors.
    fn order(&self, set: &Set, void: &Set) -> (Vec<usize>, Vec<usize>) {
        let mut anchors: Vec<usize> = set
            .iter()
            .filter(|n| match self.entry(*n).action() {
                Action::Genesis { .. } => true,
                Action::Checkpoint { .. } => !void.has(*n),
                _ => false,
            })
            .collect();
        anchors.sort_by_key(|n| self.key(*n));
        let rank = |number: usize| {
            anchors.iter().position(|anchor| *anchor == number || self.knows(*anchor, number)).unwrap_or(usize::MAX)
        };
        let mut order: Vec<(usize, (u64, EntryId), usize)> =
            set.iter().map(|number| (rank(number), self.key(number), number)).collect();
        order.sort();
        let unanchored = order.iter().filter(|(rank, ..)| *rank == usize::MAX).map(|(.., number)| *number).collect();
        (order.into_iter().map(|(.., number)| number).collect(), unanchored)
    }

    /// Whose coordinatorship an entry ends.
    pub(super) fn ends_coordinatorship(&self, number: usize) -> Option<PeerId> {
        match self.entry(number).action() {
            Action::Revoke { member } => Some(*member),
            _ => self.ends_membership(number),
        }
    }

    /// Whose membership an entry ends.
    fn ends_membership(&self, number: usize) -> Option<PeerId> {
        match self.entry(number).action() {
            Action::Remove { member } => Some(*member),
            Action::Leave => Some(self.entry(number).author()),
            _ => None,
        }
    }
}

/// Which entries are void, given the ends that count.
struct Voids<'a> {
    reference: &'a Reference,
    set: &'a Set,
    ends: &'a [usize],
    known: HashMap<usize, bool>,
}

impl Voids<'_> {
    fn is_void(&mut self, number: usize) -> bool {
        if let Some(void) = self.known.get(&number) {
            return *void;
        }
        let ground = self.reference.facts[number].ground;
        let void = ground.is_some_and(|ground| self.is_void(ground))
            || self.is_ended(number)
            || self.is_of_a_revoked_invite(number);
        self.known.insert(number, void);
        void
    }

    /// By the rules of the ends alone, for the revocations of invites.
    fn is_void_by_ends(&self, number: usize) -> bool {
        let ground = self.reference.facts[number].ground;
        ground.is_some_and(|ground| self.is_void_by_ends(ground)) || self.is_ended(number)
    }

    fn is_of_a_revoked_invite(&self, number: usize) -> bool {
        let Action::Redeem { invite, .. } = self.reference.entry(number).action() else { return false };
        let revocation = Action::RevokeInvite { invite: *invite };
        self.set.iter().any(|other| {
            *self.reference.entry(other).action() == revocation
                && self.reference.concurrent(other, number)
                && !self.is_void_by_ends(other)
        })
    }

    /// Whether an end wins over what its target signed, or over what was signed in its target's favour.
    fn is_ended(&self, number: usize) -> bool {
        let reference = self.reference;
        let mut ends = self.ends.iter().filter(|end| reference.concurrent(**end, number));
        let fact = &reference.facts[number];
        let author = fact.entry.author();
        ends.any(|end| {
            let (ended, demoted) = (reference.ends_membership(*end), reference.ends_coordinatorship(*end));
            let by_author = if fact.ground.is_some() { demoted } else { ended } == Some(author);
            match fact.entry.action() {
                Action::Genesis { .. } => false,
                Action::Grant { member } => by_author || demoted == Some(*member),
                action => by_author || ended.is_some_and(|ended| seated_by(action) == Some(ended)),
            }
        })
    }
}
