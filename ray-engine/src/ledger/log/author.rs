//! Signing entries of our own.

use std::collections::BTreeSet;

use ed25519_dalek::SigningKey;

use super::{
    super::{
        action::Action,
        authority::judge,
        entry::{Content, EntryId, VerifiedEntry, check_shape, public_half, sign},
        limits::PARENTS_MAX,
        parents::choose,
        permit::{AuthorError, permit},
    },
    Ledger,
    insert::check_room,
};
use crate::ident::{PeerId, UnixTime};

impl Ledger {
    /// Signs an entry on top of all that is known. It is not part of the ledger until it is inserted, so that it can be
    /// stored first.
    pub fn author(&self, key: &SigningKey, action: Action, now: UnixTime) -> Result<VerifiedEntry, AuthorError> {
        if self.is_empty() {
            return Err(AuthorError::NotFounded);
        }
        let author = public_half(key);
        permit(&self.history, self.main(), &author, &action, now)?;
        let parents = self.choose_parents(&author, &action);
        let past = self.past(&self.history.numbers(&parents));
        let action = match action {
            // What is said is about what is known; with more heads than an entry may name, that is not all there is.
            Action::Checkpoint { .. } if self.heads.len() > PARENTS_MAX => {
                Action::Checkpoint { digest: past.roster().digest() }
            }
            other => other,
        };
        let counter = past.counter(&author).checked_add(1).ok_or(AuthorError::Quota)?;
        let content = Content { room: self.room, author, counter, time: now, parents, action };
        check_shape(&content).map_err(AuthorError::Entry)?;
        let entry = sign(content, key);
        judge(&self.history, &past, &entry)?;
        check_room(self.len(), &past, &author)?;
        Ok(entry)
    }

    /// All heads, or as many as an entry may name.
    fn choose_parents(&self, author: &PeerId, action: &Action) -> Vec<EntryId> {
        if self.heads.len() <= PARENTS_MAX {
            return self.heads();
        }
        let heads = self.history.numbers(&self.heads);
        let chosen = choose(&self.history, self.roster(), &heads, author, action);
        let chosen: BTreeSet<EntryId> = chosen.into_iter().map(|number| self.history.entry(number).id()).collect();
        chosen.into_iter().collect()
    }
}
