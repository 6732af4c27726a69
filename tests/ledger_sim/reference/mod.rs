//! The rules of `docs/ledger.md` written down as plainly as they can be: every past is a set, every fold begins anew.
//! Slow, and sharing nothing with the engine but the entries, the addresses and the host names.
//!
//! `standing` judges an entry by its own past, `counting` says what is void in a set of entries, `fold` applies the rest,
//! and `digest` hashes what comes of it.

mod counting;
mod digest;
mod fold;
mod set;
mod standing;

use std::{
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

use ray_engine::{
    ident::{PeerId, RoomId},
    ledger::{Action, EntryId, VerifiedEntry},
};

pub(crate) use self::{
    fold::{Minted, Seat, View},
    set::Set,
};

/// All entries that stand, whoever holds them.
pub(crate) struct Reference {
    room: RoomId,
    facts: Vec<Fact>,
    numbers: BTreeMap<EntryId, usize>,
    refused: BTreeMap<EntryId, &'static str>,
    views: HashMap<Set, Rc<View>>,
}

/// An entry that stands, and what its own past says of it.
pub(crate) struct Fact {
    pub(crate) entry: VerifiedEntry,
    past: Set,
    depth: u64,
    /// What a coordinator's entry rests on; `None` for a member's entry.
    ground: Option<usize>,
}

/// What the page says of an entry whose parents are here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Stands,
    /// A parent is unknown.
    Waits,
    Refused(&'static str),
}

impl Reference {
    pub(crate) fn new(room: RoomId) -> Self {
        Self { room, facts: Vec::new(), numbers: BTreeMap::new(), refused: BTreeMap::new(), views: HashMap::new() }
    }

    /// Judges an entry, and remembers it if it stands.
    pub(crate) fn take(&mut self, entry: &VerifiedEntry) -> Verdict {
        if self.numbers.contains_key(&entry.id()) {
            return Verdict::Stands;
        }
        if let Some(reason) = self.refused.get(&entry.id()) {
            return Verdict::Refused(reason);
        }
        if let Some(reason) = entry.parents().iter().find_map(|parent| self.refused.get(parent)) {
            return Verdict::Refused(reason);
        }
        let Some(parents) = entry.parents().iter().map(|id| self.number(id)).collect::<Option<Vec<usize>>>() else {
            return Verdict::Waits;
        };
        let mut past: Set = parents.iter().copied().collect();
        parents.iter().for_each(|parent| past.add_all(&self.facts[*parent].past));
        let view = self.view(&past);
        match self.refusal(entry, &past, &view) {
            Some(reason) => {
                self.refused.insert(entry.id(), reason);
                Verdict::Refused(reason)
            }
            None => {
                let depth = parents.iter().map(|parent| self.facts[*parent].depth + 1).max().unwrap_or(0);
                let ground = self.ground(entry, &view);
                self.numbers.insert(entry.id(), self.facts.len());
                self.facts.push(Fact { entry: entry.clone(), past, depth, ground });
                Verdict::Stands
            }
        }
    }

    /// What a set of entries adds up to that holds the past of each of its entries.
    pub(crate) fn view(&mut self, set: &Set) -> Rc<View> {
        if let Some(view) = self.views.get(set) {
            return Rc::clone(view);
        }
        let view = Rc::new(self.fold(set));
        self.views.insert(set.clone(), Rc::clone(&view));
        view
    }

    pub(crate) fn number(&self, id: &EntryId) -> Option<usize> {
        self.numbers.get(id).copied()
    }

    pub(crate) fn entry(&self, number: usize) -> &VerifiedEntry {
        &self.facts[number].entry
    }

    /// The entries of a set that are nobody's parents there, ascending.
    pub(crate) fn heads(&self, set: &Set) -> Vec<EntryId> {
        let mut parents = Set::default();
        set.iter().for_each(|number| parents.add_all(&self.facts[number].past));
        let mut heads: Vec<EntryId> =
            set.iter().filter(|number| !parents.has(*number)).map(|number| self.entry(number).id()).collect();
        heads.sort();
        heads
    }

    pub(crate) fn knows(&self, later: usize, earlier: usize) -> bool {
        self.facts[later].past.has(earlier)
    }

    fn concurrent(&self, one: usize, other: usize) -> bool {
        one != other && !self.knows(one, other) && !self.knows(other, one)
    }

    pub(crate) fn key(&self, number: usize) -> (u64, EntryId) {
        (self.facts[number].depth, self.entry(number).id())
    }
}

/// Whom an entry seats.
pub(crate) fn seated_by(action: &Action) -> Option<PeerId> {
    match action {
        Action::Genesis { founder: peer, .. }
        | Action::Redeem { joiner: peer, .. }
        | Action::Admit { member: peer, .. }
        | Action::Welcome { joiner: peer, .. } => Some(*peer),
        _ => None,
    }
}
