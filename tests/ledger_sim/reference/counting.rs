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
    /// `None` while it is being found out.
    known: HashMap<usize, Option<bool>>,
}

impl Voids<'_> {
    fn is_void(&mut self, number: usize) -> bool {
        match self.known.get(&number) {
            Some(Some(void)) => return *void,
            Some(None) => panic!("the page says in a circle whether {:?} is void", self.reference.entry(number)),
            None => {}
        }
        self.known.insert(number, None);
        let void = self.find_out(number);
        self.known.insert(number, Some(void));
        void
    }

    fn find_out(&mut self, number: usize) -> bool {
        let reference = self.reference;
        let fact = &reference.facts[number];
        let ended = |peer: PeerId| {
            let mut ends = self.ends.iter();
            ends.any(|end| reference.ends_membership(*end) == Some(peer) && reference.concurrent(*end, number))
        };
        let demoted = |peer: PeerId| {
            let mut ends = self.ends.iter();
            ends.any(|end| reference.ends_coordinatorship(*end) == Some(peer) && reference.concurrent(*end, number))
        };
        let author = fact.entry.author();
        let by_author = if fact.ground.is_some() { demoted(author) } else { ended(author) };
        let by_seated = match fact.entry.action() {
            Action::Genesis { .. } => false,
            action => seated_by(action).is_some_and(ended),
        };
        let by_granted = matches!(fact.entry.action(), Action::Grant { member } if demoted(*member));
        if by_author || by_seated || by_granted || fact.ground.is_some_and(|ground| self.is_void(ground)) {
            return true;
        }
        let Action::Redeem { invite: key, .. } = fact.entry.action() else { return false };
        let set = self.set;
        set.iter().any(|other| {
            *reference.entry(other).action() == Action::RevokeInvite { invite: *key }
                && reference.concurrent(other, number)
                && !self.is_void(other)
        })
    }
}
