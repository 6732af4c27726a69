//! What peers are told: answers to their Wants, new entries, heads.

use std::collections::BTreeSet;

use super::{
    Action, Message, Millis, Sync, admits,
    limits::{ANNOUNCE_DELAY, HAVE_MAX, HEADS_MAX, IDS_MAX, PUSH_ENTRIES_MAX, RELAY_PEERS_MAX, REPEAT_HEADS},
    peer::Peer,
    violate,
};
use crate::{
    ident::PeerId,
    ledger::{self, EntryId, Ledger, VerifiedEntry, limits::ANSWER_ENTRIES_MAX},
};

impl Sync {
    /// Tells a peer our heads when a link to it comes up, unless it has them.
    pub(super) fn greet(&mut self, id: PeerId, ledger: &Ledger, now: Millis, actions: &mut Vec<Action>) {
        let Some(peer) = self.peers.get_mut(&id).filter(|peer| admits(ledger, &id, peer)) else { return };
        peer.told = self.version;
        if !is_level(peer, ledger) {
            self.tell_heads(id, ledger, now, actions);
        }
    }

    pub(super) fn answer(
        &mut self,
        id: PeerId,
        have: &[EntryId],
        ids: &[EntryId],
        ledger: &Ledger,
        now: Millis,
        actions: &mut Vec<Action>,
    ) {
        let Some(peer) = self.peers.get_mut(&id).filter(|peer| admits(ledger, &id, peer)) else {
            self.dropped.strangers += 1;
            return;
        };
        if have.len() > HAVE_MAX || ids.len() > IDS_MAX {
            return violate(id, "too many ids in a request", actions);
        }
        if !peer.budget.answer_bytes.has_some(now) || !peer.budget.wants.take(now) {
            self.dropped.wants += 1;
            return;
        }
        let (entries, more) = reply(ledger, have, ids);
        peer.budget.answer_bytes.spend(entries.iter().map(Vec::len).sum());
        actions.push(Action::Send { peer: id, message: Message::Entries { entries, more } });
    }

    /// Sends new entries on, or has them announced.
    pub(super) fn spread(&mut self, grown: &[EntryId], ledger: &Ledger, now: Millis, actions: &mut Vec<Action>) {
        if grown.is_empty() {
            return;
        }
        self.version += 1;
        self.turn_away(grown, ledger, actions);
        let entries: Vec<&VerifiedEntry> = grown.iter().filter_map(|id| ledger.get(id)).collect();
        let own = entries.iter().all(|entry| entry.author() == self.me);
        let members = self.peers.iter().filter(|(id, peer)| admits(ledger, id, peer)).count();
        let push = entries.len() <= PUSH_ENTRIES_MAX && (own || members <= RELAY_PEERS_MAX);
        for (id, peer) in self.peers.iter_mut().filter(|(id, peer)| admits(ledger, id, peer)) {
            let news: Vec<&VerifiedEntry> =
                entries.iter().filter(|entry| !peer.recent.contains(&entry.id())).copied().collect();
            if !news.is_empty() && !push {
                self.announce_at.get_or_insert(now.saturating_add(ANNOUNCE_DELAY));
                continue;
            }
            if peer.told + 1 == self.version {
                peer.told = self.version;
            }
            if !news.is_empty() {
                news.iter().for_each(|entry| peer.recent.add(entry.id()));
                let entries = news.into_iter().map(|entry| entry.bytes().to_vec()).collect();
                actions.push(Action::Send { peer: *id, message: Message::Entries { entries, more: false } });
            }
        }
        // Who has become a member was told nothing yet.
        if self.peers.iter().any(|(id, peer)| peer.told < self.version && admits(ledger, id, peer)) {
            self.announce_at.get_or_insert(now.saturating_add(ANNOUNCE_DELAY));
        }
    }

    /// Looks who is a member. Who was one until now hears by what entry it was removed, and nothing else.
    fn turn_away(&mut self, grown: &[EntryId], ledger: &Ledger, actions: &mut Vec<Action>) {
        if ledger.dissolved().is_some() {
            return;
        }
        for (id, peer) in &mut self.peers {
            let was_member = std::mem::replace(&mut peer.member, ledger.roster().is_member(id));
            if !was_member || peer.member {
                continue;
            }
            let removal = |entry: &&VerifiedEntry| *entry.action() == ledger::Action::Remove { member: *id };
            let entries: Vec<Vec<u8>> = grown
                .iter()
                .filter_map(|id| ledger.get(id))
                .filter(removal)
                .map(|entry| entry.bytes().to_vec())
                .collect();
            if !entries.is_empty() {
                actions.push(Action::Send { peer: *id, message: Message::Entries { entries, more: false } });
            }
        }
    }

    /// Tells heads to whom they are due.
    pub(super) fn announce(&mut self, ledger: &Ledger, now: Millis, actions: &mut Vec<Action>) {
        let announcing = self.announce_at.take_if(|at| *at <= now).is_some();
        let mut due = Vec::new();
        for (id, peer) in &mut self.peers {
            let repeats = peer.repeat_at <= now;
            if repeats {
                peer.repeat_at = now.saturating_add(REPEAT_HEADS);
            }
            if !admits(ledger, id, peer) {
                continue;
            }
            let news = announcing && peer.told < self.version;
            if news {
                peer.told = self.version;
            }
            if repeats || news && !is_level(peer, ledger) {
                due.push(*id);
            }
        }
        for id in due {
            self.tell_heads(id, ledger, now, actions);
        }
    }

    fn tell_heads(&mut self, id: PeerId, ledger: &Ledger, now: Millis, actions: &mut Vec<Action>) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.repeat_at = now.saturating_add(REPEAT_HEADS);
        }
        let mut heads = ledger.heads();
        if heads.len() > HEADS_MAX {
            self.turn = self.turn.wrapping_add(HEADS_MAX);
            let count = heads.len();
            heads.rotate_left(self.turn % count);
            heads.truncate(HEADS_MAX);
        }
        actions.push(Action::Send { peer: id, message: Message::Heads { heads } });
    }
}

/// What answers a Want, and whether there is more: what was asked for by name, and what lies beyond `have`.
pub fn reply(ledger: &Ledger, have: &[EntryId], ids: &[EntryId]) -> (Vec<Vec<u8>>, bool) {
    let mut named = BTreeSet::new();
    let by_name = ids.iter().filter(|id| named.insert(**id)).filter_map(|id| ledger.get(id));
    let by_name: Vec<&VerifiedEntry> = by_name.collect();
    let missing = ledger.missing(have);
    let cut = missing.len() >= ANSWER_ENTRIES_MAX;
    let beyond = missing.into_iter().filter(|entry| !named.contains(&entry.id()));
    let mut entries: Vec<Vec<u8>> = by_name.into_iter().chain(beyond).map(|entry| entry.bytes().to_vec()).collect();
    let more = cut || entries.len() > ANSWER_ENTRIES_MAX;
    entries.truncate(ANSWER_ENTRIES_MAX);
    (entries, more)
}

/// Whether a peer has announced the very heads that we have.
fn is_level(peer: &Peer, ledger: &Ledger) -> bool {
    let (mut theirs, ours) = (peer.heads.clone(), ledger.heads());
    theirs.sort_unstable();
    theirs == ours
}
