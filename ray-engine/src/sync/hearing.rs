//! What a former member hands in where it has no link: taken on trial, and worth keeping only if it makes it a member
//! again. So who is out rightly writes nothing, whatever it sends.

use std::collections::BTreeSet;

use super::{
    have::sample,
    limits::{HAVE_MAX, HEARING_ANSWERS_MAX, HEARING_BYTES_MAX, HEARING_HEADS_MAX, IDS_MAX},
};
use crate::{
    ident::PeerId,
    ledger::{self, EntryId, Inserted, Ledger, VerifiedEntry, limits::ANSWER_ENTRIES_MAX},
};

/// One conversation with a former member.
#[derive(Debug, Clone)]
pub struct Hearing {
    /// The ledger as it would be.
    trial: Ledger,
    peer: PeerId,
    /// What put it out, before it was heard.
    exit: EntryId,
    /// What it said that it has.
    heads: Vec<EntryId>,
    /// What it sent, good or not.
    heard: BTreeSet<EntryId>,
    taken: Vec<VerifiedEntry>,
    pub(super) bytes: usize,
    answers: usize,
}

/// What the former member is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    pub have: Vec<EntryId>,
    pub ids: Vec<EntryId>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is a member again once these are taken in.
    Member(Vec<VerifiedEntry>),
    /// It is out. What it lacks of what says so, parents before children: nothing that came later.
    Out(Vec<Vec<u8>>),
}

impl Hearing {
    /// Opens the conversation with a node that `ledger` says was put out, and that names these heads. `None` for everybody
    /// else.
    pub fn open(ledger: Ledger, peer: PeerId, heads: &[EntryId]) -> Option<Self> {
        let exit = ledger.exit(&peer)?.id();
        let heads = heads.iter().take(HEARING_HEADS_MAX).copied().collect();
        let (heard, taken) = (BTreeSet::new(), Vec::new());
        Some(Self { trial: ledger, peer, exit, heads, heard, taken, bytes: 0, answers: 0 })
    }

    /// What to ask for next. It names nothing that came after the peer was put out, but for what is the peer's own.
    pub fn want(&self) -> Want {
        let before = self.trial.leading_to(&self.exit, &[]);
        let known = sample(before.len(), before.into_iter());
        let room = HAVE_MAX.saturating_sub(known.len());
        let passed: BTreeSet<EntryId> = self.stood().flat_map(VerifiedEntry::parents).copied().collect();
        let last = self.theirs().filter(|id| !passed.contains(id)).take(room);
        let have = last.chain(known).collect();
        Want { have, ids: self.trial.wanted().into_iter().take(IDS_MAX).collect() }
    }

    /// Takes an answer. Whether to ask on; an error is a breach of the protocol.
    pub fn take(&mut self, entries: &[Vec<u8>], more: bool) -> Result<bool, &'static str> {
        if entries.len() > ANSWER_ENTRIES_MAX {
            return Err("an answer over the limit");
        }
        self.answers += 1;
        let before = self.taken.len();
        for bytes in entries {
            let id = EntryId::of(bytes);
            // What is repeated must not cost signatures.
            if !self.heard.insert(id) || self.trial.contains(&id) {
                continue;
            }
            self.bytes = self.bytes.saturating_add(bytes.len());
            if self.bytes > HEARING_BYTES_MAX {
                return Ok(false);
            }
            let entry = ledger::verify(bytes, self.trial.room()).map_err(|_| "an entry that does not verify")?;
            match self.trial.insert(entry.clone()) {
                Inserted::New { .. } | Inserted::Pending => self.taken.push(entry),
                Inserted::Known | Inserted::Refused(_) => {}
            }
        }
        let progress = self.taken.len() > before;
        let open = more || !self.trial.wanted().is_empty();
        Ok(progress && open && self.answers < HEARING_ANSWERS_MAX && !self.is_member())
    }

    pub fn close(self) -> Verdict {
        if self.is_member() {
            return Verdict::Member(self.taken);
        }
        let exit = self.trial.exit(&self.peer).map_or(self.exit, VerifiedEntry::id);
        let theirs: Vec<EntryId> = self.theirs().collect();
        let lacking = self.trial.leading_to(&exit, &theirs);
        Verdict::Out(lacking.into_iter().map(|entry| entry.bytes().to_vec()).collect())
    }

    fn is_member(&self) -> bool {
        self.trial.roster().is_member(&self.peer)
    }

    /// What it has and is known here now.
    fn theirs(&self) -> impl Iterator<Item = EntryId> {
        let named = self.heads.iter().filter(|id| self.trial.contains(id)).copied();
        named.chain(self.stood().map(VerifiedEntry::id))
    }

    /// What it handed in that waits for nothing.
    fn stood(&self) -> impl Iterator<Item = &VerifiedEntry> {
        self.taken.iter().filter(|entry| self.trial.contains(&entry.id()))
    }
}
