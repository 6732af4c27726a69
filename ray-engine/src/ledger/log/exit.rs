//! How a node went out against its will, and what it has to know to see that itself.

use super::Ledger;
use crate::{
    ident::PeerId,
    ledger::entry::{EntryId, VerifiedEntry},
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
}
