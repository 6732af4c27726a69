//! How a node went out against its will, what it has to know to see that itself, and what it may still know.

use std::collections::BTreeSet;

use super::Ledger;
use crate::{
    ident::PeerId,
    ledger::{
        entry::{EntryId, VerifiedEntry},
        history::seated_by,
    },
};

impl Ledger {
    /// The entry that put a node out which did not leave: its removal, or the end of the network. `None` for members, for
    /// those who never were any, and where other entries took the seat away.
    pub fn exit(&self, peer: &PeerId) -> Option<&VerifiedEntry> {
        if self.roster().has_seat(peer) { self.dissolved() } else { self.was_removed(peer) }
    }

    /// An entry and all before it, without what is in `have` or before that: parents before children. Ids that are unknown
    /// here are ignored.
    pub fn leading_to(&self, last: &EntryId, have: &[EntryId]) -> Vec<&VerifiedEntry> {
        let wanted = self.history.reach(&self.history.numbers([last]));
        let known = self.history.reach(&self.history.numbers(have));
        let path = self.order().iter().filter(|&&number| wanted.has(number) && !known.has(number));
        path.map(|&number| self.history.entry(number)).collect()
    }

    /// Who had a seat as far as the author of `entry` knew. Empty for an entry that is unknown here.
    pub fn members_before(&self, entry: &EntryId) -> BTreeSet<PeerId> {
        let Some(number) = self.history.number(entry) else { return BTreeSet::new() };
        let mut parents = self.history.note(number).parents.clone();
        parents.sort_unstable();
        self.past(&parents).roster().members().map(|member| member.peer).collect()
    }

    /// Who got a seat by an entry that the author of `entry` did not know, in some part of the network at least: the fold
    /// may have taken it away since.
    pub fn seated_beside(&self, entry: &EntryId) -> impl Iterator<Item = PeerId> {
        let known = self.history.reach(&self.history.numbers([entry]));
        let beside = self.history.sorted().iter().filter(move |&&number| !known.has(number));
        beside.filter_map(|&number| seated_by(self.history.action(number)))
    }
}
