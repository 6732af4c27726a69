//! Entries that arrive: which of them are accepted, and what they say of the peer.

use std::collections::BTreeSet;

use super::{
    Action, Millis, Sync, admits,
    limits::{PUSH_ENTRIES_MAX, SETTLE},
    peer::{Answer, Asked, Peer},
    violate,
};
use crate::{
    ident::PeerId,
    ledger::{self, EntryId, Ledger, VerifiedEntry, limits::ANSWER_ENTRIES_MAX},
};

/// What a message of entries is to us.
enum Reception {
    /// The answer to the open Want.
    Answer(Asked),
    /// An answer that is no longer waited for. Its entries are as good.
    Late,
    /// Sent unasked.
    Push,
}

impl Sync {
    pub(super) fn learn(
        &mut self,
        id: PeerId,
        entries: &[Vec<u8>],
        more: bool,
        ledger: &Ledger,
        now: Millis,
        actions: &mut Vec<Action>,
    ) {
        let Some(peer) = self.peers.get_mut(&id).filter(|peer| admits(ledger, &id, peer)) else {
            self.dropped.strangers += 1;
            return;
        };
        if entries.len() > ANSWER_ENTRIES_MAX {
            return violate(id, "an answer over the limit", actions);
        }
        let large = more || entries.len() > PUSH_ENTRIES_MAX;
        if large && peer.credit == 0 {
            self.dropped.unasked += 1;
            return;
        }
        let ids: Vec<EntryId> = entries.iter().map(|bytes| EntryId::of(bytes)).collect();
        let reception = receive(peer, &ids, large);
        let pushed = matches!(reception, Reception::Push);

        let mut taken: Vec<VerifiedEntry> = Vec::new();
        let mut seen = BTreeSet::new();
        for (&entry, bytes) in ids.iter().zip(entries) {
            peer.recent.add(entry);
            // Known ones first: what is repeated must not cost signatures.
            if ledger.contains(&entry) || !seen.insert(entry) || (pushed && self.spurned.contains(&entry)) {
                continue;
            }
            if pushed && !peer.budget.pushed_entries.take(now) {
                self.dropped.entries += 1;
                // It can be asked for what it may not push.
                peer.more = true;
                continue;
            }
            match ledger::verify(bytes, ledger.room()) {
                Ok(entry) => taken.push(entry),
                Err(_) => {
                    peer.fail(now);
                    violate(id, "an entry that does not verify", actions);
                    break;
                }
            }
        }
        for parent in taken.iter().flat_map(VerifiedEntry::parents) {
            if !ledger.contains(parent) && !seen.contains(parent) {
                peer.mentioned.add(*parent);
            }
        }
        if !taken.is_empty() {
            self.settled_at = now.saturating_add(SETTLE);
        }
        if let Reception::Answer(asked) = reception {
            let entries: Vec<_> = taken.iter().map(|entry| (entry.id(), entry.parents().to_vec())).collect();
            let settled_at = if entries.is_empty() { now } else { self.settled_at };
            let full = ids.len() == ANSWER_ENTRIES_MAX;
            peer.answer = Some(Answer { asked, entries, more, full, settled_at });
        }
        if !taken.is_empty() {
            actions.push(Action::Take { peer: id, entries: taken });
        }
    }
}

/// Messages do not say which Want they answer. A large one is an answer, and so is one that holds what was asked for,
/// or nothing. A push may come in between; an answer that is taken for one is at worst waited for in vain.
fn receive(peer: &mut Peer, ids: &[EntryId], large: bool) -> Reception {
    let answers =
        |asked: &mut Asked| large || asked.is_open() || ids.is_empty() || ids.iter().any(|id| asked.is_for(id));
    if large {
        peer.credit = peer.credit.saturating_sub(1);
    }
    match peer.asked.take_if(answers) {
        Some(asked) => Reception::Answer(asked),
        None if large => Reception::Late,
        None => Reception::Push,
    }
}
