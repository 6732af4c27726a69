//! What is known of a linked peer, and the judgement on its answers.

use std::collections::BTreeSet;

use super::{
    Millis,
    budget::{Budget, Record},
    limits::{ANSWER_TIMEOUT, BARREN, CREDIT_MAX, HEDGE_DELAY, IDS_MAX, RECENT_MAX, REPEAT_HEADS, REST_MAX, REST_MIN},
    recent::Recent,
};
use crate::ledger::{EntryId, Ledger};

/// A linked peer.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    /// On the roster when that was last looked at; stays when the network is dissolved.
    pub(super) member: bool,
    /// The heads that it announced last.
    pub(super) heads: Vec<EntryId>,
    /// The version of our ledger of which it was told all.
    pub(super) told: u64,
    /// When it is told our heads though nothing is new.
    pub(super) repeat_at: Millis,
    /// Entries that it sent or was sent.
    pub(super) recent: Recent,
    /// Missing parents of entries that it sent.
    pub(super) mentioned: Recent,
    /// The Want that it has not answered.
    pub(super) asked: Option<Asked>,
    /// Large messages of entries that we accept from it.
    pub(super) credit: u8,
    /// Its answer, while it is not known what the ledger made of it.
    pub(super) answer: Option<Answer>,
    /// It has more entries than it has announced.
    pub(super) more: bool,
    /// Missing parents that it did not have.
    pub(super) tried: BTreeSet<EntryId>,
    /// It had nothing; until then, or until it announces other heads, it is not asked what they lead to.
    pub(super) barren_until: Millis,
    /// When it was last asked for parents that it had not mentioned.
    pub(super) inquired_at: Option<Millis>,
    /// Wants in a row that came to nothing.
    pub(super) failures: u32,
    pub(super) rest_until: Millis,
    pub(super) budget: Budget,
}

/// What a peer was asked for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) at: Millis,
    /// Heads of its that were unknown.
    pub(super) heads: BTreeSet<EntryId>,
    /// Missing parents.
    pub(super) parents: BTreeSet<EntryId>,
}

impl Asked {
    pub(super) fn is_for(&self, id: &EntryId) -> bool {
        self.heads.contains(id) || self.parents.contains(id)
    }

    /// Whether it was asked for no entry by name, but for whatever else it has.
    pub(super) fn is_open(&self) -> bool {
        self.heads.is_empty() && self.parents.is_empty()
    }

    /// Whether others need not be asked for the same.
    pub(super) fn is_fresh(&self, now: Millis) -> bool {
        self.at.saturating_add(HEDGE_DELAY) > now
    }

    fn is_over(&self, now: Millis) -> bool {
        self.at.saturating_add(ANSWER_TIMEOUT) <= now
    }

    fn is_moot(&self, ledger: &Ledger) -> bool {
        !self.is_open() && self.heads.iter().chain(&self.parents).all(|id| ledger.contains(id))
    }
}

/// What a peer answered.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) asked: Asked,
    /// The entries that were unknown, with their parents.
    pub(super) entries: Vec<(EntryId, Vec<EntryId>)>,
    /// It says that there is more.
    pub(super) more: bool,
    /// It holds as many entries as an answer can.
    pub(super) full: bool,
    /// By then the ledger has taken in what it can.
    pub(super) settled_at: Millis,
}

impl Peer {
    pub(super) fn linked(heads: Vec<EntryId>, record: Option<Record>, now: Millis) -> Self {
        let record = record.unwrap_or_else(|| Record { budget: Budget::full(now), failures: 0, rest_until: now });
        Self {
            member: false,
            heads,
            told: 0,
            repeat_at: now.saturating_add(REPEAT_HEADS),
            recent: Recent::holding(RECENT_MAX),
            mentioned: Recent::holding(IDS_MAX),
            asked: None,
            credit: 0,
            answer: None,
            more: false,
            tried: BTreeSet::new(),
            barren_until: now,
            inquired_at: None,
            failures: record.failures,
            rest_until: record.rest_until,
            budget: record.budget,
        }
    }

    pub(super) fn record(self) -> Record {
        Record { budget: self.budget, failures: self.failures, rest_until: self.rest_until }
    }

    pub(super) fn hear(&mut self, heads: Vec<EntryId>) {
        if self.heads != heads {
            self.heads = heads;
            self.barren_until = 0;
            self.tried.clear();
        }
    }

    /// Heads that it announced and that are unknown here.
    pub(super) fn unknown_heads<'a>(
        &'a self,
        ledger: &'a Ledger,
        spurned: &'a Recent,
    ) -> impl Iterator<Item = EntryId> + 'a {
        self.heads.iter().filter(|id| !ledger.contains(id) && !spurned.contains(id)).copied()
    }

    pub(super) fn open_want(&mut self, asked: Asked) {
        self.asked = Some(asked);
        self.credit = (self.credit + 1).min(CREDIT_MAX);
    }

    /// Gives up on a Want that was not answered, and on one that others have answered.
    pub(super) fn close_want(&mut self, ledger: &Ledger, now: Millis) {
        let Some(asked) = &self.asked else { return };
        if asked.is_moot(ledger) {
            self.asked = None;
        } else if asked.is_over(now) {
            self.more = false;
            self.asked = None;
            self.fail(now);
        }
    }

    /// Judges an answer once the ledger has taken in what it can of it. Adds to `spurned` what the ledger refused.
    pub(super) fn judge(&mut self, ledger: &Ledger, spurned: &mut Recent, now: Millis) {
        let taken = |answer: &Answer| answer.entries.iter().any(|(id, _)| ledger.contains(id));
        let Some(answer) = self.answer.take_if(|answer| answer.settled_at <= now || taken(answer)) else { return };
        let grew = taken(&answer);
        for (id, parents) in &answer.entries {
            // What misses no parent and was not taken will not be.
            if !ledger.contains(id) && parents.iter().all(|parent| ledger.contains(parent)) {
                spurned.add(*id);
            }
        }
        let Answer { asked, entries, more, full, .. } = answer;
        if entries.is_empty() && !more {
            self.barren_until = now.saturating_add(BARREN);
        }
        self.tried.extend(asked.parents.into_iter().filter(|id| !ledger.contains(id)));
        let withheld = asked.heads.iter().any(|id| !ledger.contains(id) && !spurned.contains(id));
        // Who says that there is more gives all that an answer holds; who says that there is not gives all.
        let honest = if more { full && grew } else { !withheld };
        self.more = honest && more;
        if honest {
            self.failures = 0;
        } else {
            self.fail(now);
        }
    }

    pub(super) fn fail(&mut self, now: Millis) {
        let rest = REST_MIN.saturating_mul(1 << self.failures.min(16)).min(REST_MAX);
        self.failures = self.failures.saturating_add(1);
        self.rest_until = now.saturating_add(rest);
    }
}
