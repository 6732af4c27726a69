//! The entries and how they stand to each other: parents, keys, and which entries could void which.
//!
//! Whether two entries are concurrent never changes. So it is settled once, when the later one of two that concern each other is
//! added and its past is at hand; nothing walks the graph for it afterwards.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    action::{Action, InviteKey},
    entry::{EntryId, VerifiedEntry},
    limits::Index,
    marks::Marks,
    told::VoidReason,
};
use crate::ident::PeerId;

/// What entries are compared by. A parent's is lower than its child's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) depth: u32,
    pub(super) id: EntryId,
}

/// What an entry's own past says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Right {
    /// Whether the author decides as a coordinator, and does not speak as a member.
    pub(super) deciding: bool,
    /// The entry that a coordinator's entry rests on.
    pub(super) ground: Option<Index>,
}

/// All entries, numbered in the order of arrival. Parents come before their children.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    notes: Vec<Note>,
    numbers: BTreeMap<EntryId, Index>,
    /// By key.
    sorted: Vec<Index>,
    by_author: BTreeMap<PeerId, Vec<Index>>,
    by_counter: BTreeMap<(PeerId, u64), Vec<Index>>,
    seats: BTreeMap<PeerId, Vec<Index>>,
    grants: BTreeMap<PeerId, Vec<Index>>,
    ends: BTreeMap<PeerId, Vec<Index>>,
    mints: BTreeMap<InviteKey, Vec<Index>>,
    redeems: BTreeMap<InviteKey, Vec<Index>>,
    closings: BTreeMap<InviteKey, Vec<Index>>,
}

/// One entry and its relations.
#[derive(Debug, Clone)]
pub(super) struct Note {
    pub(super) entry: Arc<VerifiedEntry>,
    pub(super) key: Key,
    pub(super) parents: Vec<Index>,
    pub(super) right: Right,
    /// Concurrent entries that void this one if they count.
    pub(super) against: Vec<(Index, VoidReason)>,
    /// The entries that have this one in `against`.
    pub(super) victims: Vec<Index>,
}

impl History {
    pub(super) fn len(&self) -> usize {
        self.notes.len()
    }

    pub(super) fn contains(&self, id: &EntryId) -> bool {
        self.numbers.contains_key(id)
    }

    pub(super) fn number(&self, id: &EntryId) -> Option<Index> {
        self.numbers.get(id).copied()
    }

    /// The numbers of these entries, as far as they are here, ascending.
    pub(super) fn numbers<'a>(&self, ids: impl IntoIterator<Item = &'a EntryId>) -> Vec<Index> {
        let numbers: BTreeSet<Index> = ids.into_iter().filter_map(|id| self.number(id)).collect();
        numbers.into_iter().collect()
    }

    /// What is known of an entry. Numbers come from this history.
    pub(super) fn note(&self, number: Index) -> &Note {
        &self.notes[number as usize]
    }

    pub(super) fn entry(&self, number: Index) -> &VerifiedEntry {
        &self.note(number).entry
    }

    pub(super) fn action(&self, number: Index) -> &Action {
        self.entry(number).action()
    }

    pub(super) fn key(&self, number: Index) -> Key {
        self.note(number).key
    }

    /// All numbers, lower keys first.
    pub(super) fn sorted(&self) -> &[Index] {
        &self.sorted
    }

    /// By one author, in the order of arrival.
    pub(super) fn by(&self, author: &PeerId) -> &[Index] {
        list(&self.by_author, author)
    }

    /// With one author's counter.
    pub(super) fn counted(&self, author: PeerId, counter: u64) -> &[Index] {
        list(&self.by_counter, &(author, counter))
    }

    /// Removals, leaves and revocations that concern a node.
    pub(super) fn ends(&self, peer: &PeerId) -> &[Index] {
        list(&self.ends, peer)
    }

    pub(super) fn seats(&self, peer: &PeerId) -> &[Index] {
        list(&self.seats, peer)
    }

    pub(super) fn mints(&self, invite: &InviteKey) -> &[Index] {
        list(&self.mints, invite)
    }

    pub(super) fn closings(&self, invite: &InviteKey) -> &[Index] {
        list(&self.closings, invite)
    }

    /// These entries and their pasts.
    pub(super) fn reach(&self, from: &[Index]) -> Marks {
        let mut marks = Marks::default();
        let mut stack = from.to_vec();
        while let Some(number) = stack.pop() {
            if marks.add(number) {
                stack.extend(&self.note(number).parents);
            }
        }
        marks
    }

    /// Adds an entry that stands, whose parents are here. `past` marks its past.
    pub(super) fn push(&mut self, entry: VerifiedEntry, right: Right, past: &Marks) -> Index {
        let number = Index::try_from(self.notes.len()).unwrap_or(Index::MAX);
        let parents = self.numbers(entry.parents());
        let depth = parents.iter().map(|&parent| self.key(parent).depth + 1).max().unwrap_or(0);
        let key = Key { depth, id: entry.id() };
        let against = self.enemies(&entry, right, past);
        let victims = self.victims(&entry, past);
        for &(enemy, _) in &against {
            self.notes[enemy as usize].victims.push(number);
        }
        for &(victim, reason) in &victims {
            self.notes[victim as usize].against.push((number, reason));
        }
        self.index(number, &entry);
        let at = self.sorted.partition_point(|&other| self.key(other) < key);
        self.sorted.insert(at, number);
        self.numbers.insert(entry.id(), number);
        let victims = victims.into_iter().map(|(victim, _)| victim).collect();
        self.notes.push(Note { entry: Arc::new(entry), key, parents, right, against, victims });
        number
    }

    fn index(&mut self, number: Index, entry: &VerifiedEntry) {
        let author = entry.author();
        self.by_author.entry(author).or_default().push(number);
        self.by_counter.entry((author, entry.counter())).or_default().push(number);
        if let Some(peer) = seated_by(entry.action()) {
            self.seats.entry(peer).or_default().push(number);
        }
        if let Some((peer, _)) = ended_by(&author, entry.action()) {
            self.ends.entry(peer).or_default().push(number);
        }
        if let Action::Grant { member } = entry.action() {
            self.grants.entry(*member).or_default().push(number);
        }
        if let Action::MintInvite { invite, .. } = entry.action() {
            self.mints.entry(*invite).or_default().push(number);
        }
        if let Action::Redeem { invite, .. } = entry.action() {
            self.redeems.entry(*invite).or_default().push(number);
        }
        if let Action::RevokeInvite { invite } = entry.action() {
            self.closings.entry(*invite).or_default().push(number);
        }
    }

    /// The entries here that void the new one if they count.
    fn enemies(&self, entry: &VerifiedEntry, right: Right, past: &Marks) -> Vec<(Index, VoidReason)> {
        let action = entry.action();
        let mut found = Vec::new();
        // Nothing voids how a network began, nor that a member left.
        if matches!(action, Action::Genesis { .. } | Action::Leave) {
            return found;
        }
        let mut add = |ends: &[Index], reason: VoidReason, member: bool| {
            let concurrent = ends.iter().filter(|&&end| !past.has(end));
            found.extend(concurrent.filter(|&&end| !member || self.ends_membership(end)).map(|&end| (end, reason)));
        };
        add(self.ends(&entry.author()), VoidReason::AuthorEnded, !right.deciding);
        if let Some(peer) = seated_by(action) {
            add(self.ends(&peer), VoidReason::NodeEnded, true);
        }
        if let Action::Grant { member } = action {
            add(self.ends(member), VoidReason::NodeEnded, false);
        }
        if let Action::Redeem { invite, .. } = action {
            found.extend(
                self.closings(invite).iter().filter(|&&end| !past.has(end)).map(|&end| (end, VoidReason::InviteClosed)),
            );
        }
        found
    }

    /// The entries here that the new one voids if it counts.
    fn victims(&self, entry: &VerifiedEntry, past: &Marks) -> Vec<(Index, VoidReason)> {
        let concurrent = |list: &[Index]| list.iter().copied().filter(|&other| !past.has(other)).collect::<Vec<_>>();
        let mut found = Vec::new();
        if let Action::RevokeInvite { invite } = entry.action() {
            let redeems = concurrent(list(&self.redeems, invite));
            found.extend(redeems.into_iter().map(|redeem| (redeem, VoidReason::InviteClosed)));
        }
        let Some((peer, membership)) = ended_by(&entry.author(), entry.action()) else { return found };
        let signed = concurrent(self.by(&peer)).into_iter().filter(|&other| {
            let voidable = !matches!(self.action(other), Action::Genesis { .. } | Action::Leave);
            voidable && (membership || self.note(other).right.deciding)
        });
        found.extend(signed.map(|other| (other, VoidReason::AuthorEnded)));
        if membership {
            let seats = concurrent(self.seats(&peer)).into_iter();
            let seats = seats.filter(|&seat| !matches!(self.action(seat), Action::Genesis { .. }));
            found.extend(seats.map(|seat| (seat, VoidReason::NodeEnded)));
        }
        let grants = concurrent(list(&self.grants, &peer));
        found.extend(grants.into_iter().map(|grant| (grant, VoidReason::NodeEnded)));
        found
    }

    fn ends_membership(&self, end: Index) -> bool {
        ended_by(&self.entry(end).author(), self.action(end)).is_some_and(|(_, membership)| membership)
    }
}

/// The node that an action gives a seat to.
pub(super) fn seated_by(action: &Action) -> Option<PeerId> {
    match action {
        Action::Genesis { founder: peer, .. }
        | Action::Redeem { joiner: peer, .. }
        | Action::Admit { member: peer, .. }
        | Action::Welcome { joiner: peer, .. } => Some(*peer),
        Action::Leave
        | Action::Remove { .. }
        | Action::Revoke { .. }
        | Action::MintInvite { .. }
        | Action::Grant { .. }
        | Action::RevokeInvite { .. }
        | Action::Rename { .. }
        | Action::SetMode { .. }
        | Action::RotateEpoch { .. }
        | Action::Rekey { .. }
        | Action::SetEphemeral { .. }
        | Action::Checkpoint { .. }
        | Action::Dissolve
        | Action::CertifyDevice { .. }
        | Action::RevokeDevice { .. }
        | Action::GroupAdd { .. }
        | Action::GroupRemove { .. }
        | Action::Suggest { .. }
        | Action::Withdraw { .. }
        | Action::Unknown { .. } => None,
    }
}

/// The node whose coordinatorship an action ends, and whether it ends its membership too.
pub(super) fn ended_by(author: &PeerId, action: &Action) -> Option<(PeerId, bool)> {
    match action {
        Action::Leave => Some((*author, true)),
        Action::Remove { member } => Some((*member, true)),
        Action::Revoke { member } => Some((*member, false)),
        Action::Genesis { .. }
        | Action::Redeem { .. }
        | Action::Admit { .. }
        | Action::Welcome { .. }
        | Action::MintInvite { .. }
        | Action::Grant { .. }
        | Action::RevokeInvite { .. }
        | Action::Rename { .. }
        | Action::SetMode { .. }
        | Action::RotateEpoch { .. }
        | Action::Rekey { .. }
        | Action::SetEphemeral { .. }
        | Action::Checkpoint { .. }
        | Action::Dissolve
        | Action::CertifyDevice { .. }
        | Action::RevokeDevice { .. }
        | Action::GroupAdd { .. }
        | Action::GroupRemove { .. }
        | Action::Suggest { .. }
        | Action::Withdraw { .. }
        | Action::Unknown { .. } => None,
    }
}

fn list<'a, K: Ord>(lists: &'a BTreeMap<K, Vec<Index>>, key: &K) -> &'a [Index] {
    lists.get(key).map(Vec::as_slice).unwrap_or_default()
}
