//! What should not have happened and did, for people to look into.

use super::{
    action::Action,
    entry::{EntryId, VerifiedEntry},
    view::View,
};
use crate::ident::PeerId;

/// A reason to worry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// The author of a checkpoint came to another roster than this node: one of the two folds by other rules.
    Divergence { checkpoint: EntryId, author: PeerId },
    /// The author's key signs in two places.
    Fork { author: PeerId, counter: u64 },
}

impl Alarm {
    /// Whether a checkpoint says something else than its past folds to here.
    pub(super) fn of_checkpoint(entry: &VerifiedEntry, past: &View) -> Option<Self> {
        let Action::Checkpoint { digest } = entry.action() else { return None };
        // A newer program may have understood more of that past.
        let differs = past.unknown() == 0 && past.roster().digest() != *digest;
        differs.then(|| Self::Divergence { checkpoint: entry.id(), author: entry.author() })
    }
}
