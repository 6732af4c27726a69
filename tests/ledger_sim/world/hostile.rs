//! Hostile members: they know the protocol and the page, hold good keys, and keep to no rule.

use std::collections::BTreeSet;

use ray_engine::{
    ident::UnixTime,
    ledger::{Action, EntryId, Ledger, SigningKey, VerifiedEntry, verify},
    sync::{Event, Message},
};

use super::World;
use crate::writer::{self, Draft};

/// Variants of one entry among which the one with the lowest id is taken.
const GRIND: u64 = 12;

impl World {
    pub(super) fn be_hostile(&mut self) {
        let able: Vec<usize> = (0..self.nodes.len())
            .filter(|at| {
                let node = &self.nodes[*at];
                node.hostile && node.running.as_ref().is_some_and(|running| !running.ledger.is_empty())
            })
            .collect();
        if able.is_empty() {
            return;
        }
        let at = *self.hostility.pick(&able);
        match self.hostility.below(100) {
            0..26 => self.play_along(at),
            26..40 => self.backdate(at),
            40..50 => self.fork(at),
            50..58 => self.overreach(at),
            58..65 => self.forge(at),
            65..71 => self.flood(at),
            71..76 => self.babble(at),
            76..82 => self.replay(at),
            82..93 => self.seat_a_friend(at),
            93..97 => self.lie_in_a_checkpoint(at),
            _ => self.found_again(at),
        }
    }

    /// What a node tells of its heads when a link begins.
    pub(super) fn heads_to_tell(&mut self, at: usize) -> Vec<EntryId> {
        if self.nodes[at].hostile && self.hostility.chance(20) {
            return vec![EntryId(self.hostility.bytes())];
        }
        self.ledger(at).heads()
    }

    /// Sends what the sync of a node wants to send; a hostile one withholds and alters.
    pub(super) fn say_or_distort(&mut self, from: usize, to: usize, message: Message) {
        if !self.nodes[from].hostile {
            return self.send(from, to, message);
        }
        match (message, self.hostility.below(100)) {
            (Message::Entries { .. }, 0..25) => {}
            (Message::Entries { .. }, 25..30) => {
                self.send(from, to, Message::Entries { entries: Vec::new(), more: true })
            }
            (Message::Entries { mut entries, more }, 30..36) => {
                if let Some(byte) = entries.first_mut().and_then(|bytes| bytes.last_mut()) {
                    *byte ^= 1;
                }
                self.send(from, to, Message::Entries { entries, more });
            }
            (Message::Entries { entries, more }, 36..39) if !entries.is_empty() => {
                let many = entries.iter().cycle().take(501).cloned().collect();
                self.send(from, to, Message::Entries { entries: many, more });
            }
            (Message::Heads { .. }, 0..15) => {
                let heads = vec![EntryId(self.hostility.bytes())];
                self.send(from, to, Message::Heads { heads });
            }
            (message, _) => self.send(from, to, message),
        }
    }

    /// Signs anything and shows it to some.
    fn sign_and_push(&mut self, at: usize, draft: Draft, key: &SigningKey) -> Option<VerifiedEntry> {
        let bytes = writer::write(draft, key);
        let verified = verify(&bytes, self.room).ok();
        if let Some(entry) = &verified {
            self.say(|world| format!("{} makes up {}", world.name(at), world.tell(entry)));
            if self.hostility.chance(80) {
                self.take_in(at, vec![entry.clone()], "itself");
            }
        }
        self.push(at, vec![bytes]);
        verified
    }

    fn push(&mut self, at: usize, entries: Vec<Vec<u8>>) {
        for to in 0..self.nodes.len() {
            if self.is_linked(at, to) && self.hostility.chance(60) {
                self.send(at, to, Message::Entries { entries: entries.clone(), more: false });
            }
        }
    }

    fn draft(&mut self, at: usize, parents: Vec<EntryId>, action: Action) -> Draft {
        let counter = next_counter(self.ledger(at), &parents, &self.nodes[at].key);
        let time = UnixTime(self.wall(at).0.wrapping_add(self.hostility.next() % 8000).wrapping_sub(4000));
        Draft { room: self.room, counter, time, parents, action }
    }

    fn heads(&self, at: usize) -> Vec<EntryId> {
        let mut heads = self.ledger(at).heads();
        heads.truncate(16);
        heads
    }

    /// Any entries of the past as parents.
    fn old_parents(&mut self, at: usize) -> Vec<EntryId> {
        let ids: Vec<EntryId> = self.ledger(at).entries().map(VerifiedEntry::id).collect();
        let recent = ids.len().saturating_sub(12);
        let mut parents: Vec<EntryId> = (0..1 + self.hostility.below(3))
            .map(|_| match self.hostility.chance(50) {
                true => ids[recent + self.hostility.below(ids.len() - recent)],
                false => *self.hostility.pick(&ids),
            })
            .collect();
        parents.sort();
        parents.dedup();
        parents
    }

    /// Acts by the rules; it is what it sends that is not to be trusted.
    fn play_along(&mut self, at: usize) {
        let action = self.some_action(at);
        let parents = self.heads(at);
        let draft = self.draft(at, parents, action);
        let key = self.nodes[at].key.clone();
        self.sign_and_push(at, draft, &key);
    }

    /// An entry deep in the past, its id the lowest of many.
    fn backdate(&mut self, at: usize) {
        let action = self.some_action(at);
        let parents = self.old_parents(at);
        let draft = self.draft(at, parents, action);
        let key = self.nodes[at].key.clone();
        let times = (0..GRIND).map(|more| UnixTime(draft.time.0.wrapping_add(more)));
        let drafts = times.map(|time| Draft { time, ..draft.clone() });
        let lowest = drafts.min_by_key(|draft| EntryId::of(&writer::write(draft.clone(), &key)));
        self.outcome.backdated += 1;
        self.sign_and_push(at, lowest.unwrap_or(draft), &key);
    }

    /// Two or three entries with one counter, each shown to others.
    fn fork(&mut self, at: usize) {
        let parents = if self.hostility.chance(50) { self.heads(at) } else { self.old_parents(at) };
        let key = self.nodes[at].key.clone();
        for _ in 0..2 + self.hostility.below(2) {
            if !self.nodes[at].is_up() {
                return;
            }
            let action = self.some_action(at);
            let draft = self.draft(at, parents.clone(), action);
            self.sign_and_push(at, draft, &key);
        }
        self.outcome.forked += 1;
    }

    /// Wrong counters, and what only others may do.
    fn overreach(&mut self, at: usize) {
        let other = self.hostility.below(self.nodes.len());
        let member = self.nodes[other].peer;
        let hostname = self.some_hostname();
        let action = match self.hostility.below(6) {
            0 => Action::Remove { member },
            1 => Action::Admit { member, hostname },
            2 => Action::Rename { member, hostname },
            3 => Action::Grant { member },
            4 => Action::Unknown { tag: 999, body: vec![7; 20] },
            _ => Action::Dissolve,
        };
        let parents = self.heads(at);
        let mut draft = self.draft(at, parents, action);
        if self.hostility.chance(30) {
            draft.counter = 1 + self.hostility.next() % 5;
        }
        let stranger = SigningKey::from_bytes(&self.hostility.bytes());
        let key = if self.hostility.chance(20) { stranger } else { self.nodes[at].key.clone() };
        self.sign_and_push(at, draft, &key);
    }

    /// Bytes that only look like somebody's entry, and seatings whose proof is for another.
    fn forge(&mut self, at: usize) {
        let other = self.hostility.below(self.nodes.len());
        let entries = self.entries_of(at);
        let mut bytes = self.hostility.pick(&entries).bytes().to_vec();
        if self.hostility.chance(50) {
            let place = self.hostility.below(bytes.len());
            bytes[place] ^= 1 << self.hostility.below(8);
            assert!(verify(&bytes, self.room).is_err(), "an altered entry verifies");
        } else if let Some(invite) = self.invites.last().cloned() {
            let hostname = self.some_hostname();
            let own = self.nodes[at].peer;
            let secret = SigningKey::from_bytes(&invite.secret);
            let Action::Redeem { invite, hostname, after, proof, .. } =
                writer::redeem(self.room, &secret, own, hostname, None)
            else {
                return;
            };
            let joiner = self.nodes[other].peer;
            let action = Action::Redeem { invite, joiner, hostname, after, proof };
            let parents = self.heads(at);
            let draft = self.draft(at, parents, action);
            bytes = writer::write(draft, &self.nodes[at].key);
            assert!(other == at || verify(&bytes, self.room).is_err(), "a proof for one joiner serves another");
        }
        self.outcome.forged += 1;
        self.push(at, vec![bytes]);
    }

    /// Many entries without effect.
    fn flood(&mut self, at: usize) {
        let key = self.nodes[at].key.clone();
        let count = if self.hostility.chance(2) { 300 } else { 5 + self.hostility.below(25) };
        let mut parents = self.heads(at);
        let mut entries = Vec::new();
        for _ in 0..count {
            let user = self.hostility.below(self.users.len());
            let action = writer::certify(self.room, &self.users[user], self.nodes[at].peer);
            let draft = self.draft(at, parents.clone(), action);
            let bytes = writer::write(draft, &key);
            let Ok(entry) = verify(&bytes, self.room) else { return };
            parents = vec![entry.id()];
            self.take_in(at, vec![entry], "itself");
            entries.push(bytes);
            if !self.nodes[at].is_up() {
                return;
            }
        }
        self.outcome.floods += 1;
        self.say(|world| format!("{} floods with {count} entries", world.name(at)));
        if self.hostility.chance(30) {
            entries.reverse();
        }
        self.push(at, entries);
    }

    /// Garbage, and questions and answers of any size.
    fn babble(&mut self, at: usize) {
        let message = match self.hostility.below(4) {
            0 => Message::Entries { entries: vec![vec![1; 3000]; 2], more: true },
            1 => Message::Entries { entries: vec![self.hostility.bytes().to_vec(); 600], more: false },
            2 => Message::Heads { heads: (0..2000).map(|_| EntryId(self.hostility.bytes())).collect() },
            _ => {
                let ids: Vec<EntryId> = (0..1500).map(|_| EntryId(self.hostility.bytes())).collect();
                Message::Want { have: ids.clone(), ids }
            }
        };
        for to in 0..self.nodes.len() {
            if self.is_linked(at, to) && self.hostility.chance(50) {
                self.send(at, to, message.clone());
            }
        }
    }

    /// Says again what it once heard.
    fn replay(&mut self, at: usize) {
        if self.network.heard.is_empty() {
            return;
        }
        let message = self.hostility.pick(&self.network.heard).clone();
        for to in 0..self.nodes.len() {
            if self.is_linked(at, to) {
                self.send(at, to, message.clone());
            }
        }
        self.outcome.replayed += 1;
    }

    /// Seats another hostile node by a used-up or revoked invite or an open door of long ago; or anybody, asked or not,
    /// whose proof an invite's holder can make.
    fn seat_a_friend(&mut self, at: usize) {
        let friends: Vec<usize> = (0..self.nodes.len()).filter(|other| self.nodes[*other].hostile).collect();
        let by_code = self.hostility.chance(75) && !self.invites.is_empty();
        let anybody = self.hostility.below(self.nodes.len());
        let friend = if by_code && self.hostility.chance(50) { anybody } else { *self.hostility.pick(&friends) };
        let hostname = self.some_hostname();
        let joiner = self.nodes[friend].peer;
        let after = if self.hostility.chance(60) { self.ledger(at).last_leave(&joiner) } else { None };
        let action = if by_code {
            // A code of late is more often open.
            let recent = self.invites.len().saturating_sub(3);
            let which = recent + self.hostility.below(self.invites.len() - recent);
            let secret = SigningKey::from_bytes(&self.invites[which].secret);
            writer::redeem(self.room, &secret, joiner, hostname, after)
        } else {
            writer::welcome(self.room, &self.nodes[friend].key, hostname, after)
        };
        let parents = if self.hostility.chance(50) { self.heads(at) } else { self.old_parents(at) };
        let draft = self.draft(at, parents, action);
        let key = self.nodes[at].key.clone();
        self.sign_and_push(at, draft, &key);
        let friend_waits = self.nodes[friend].hostile && self.nodes[friend].restart_at.is_none();
        if friend_waits && !self.nodes[friend].is_up() && self.nodes[at].is_up() {
            self.start(friend, Ledger::empty(self.room));
            self.copy(at, friend);
            self.handle(friend, Event::Tick);
        }
    }

    fn lie_in_a_checkpoint(&mut self, at: usize) {
        let action = Action::Checkpoint { digest: self.hostility.bytes() };
        let parents = if self.hostility.chance(60) { self.heads(at) } else { self.old_parents(at) };
        let mut draft = self.draft(at, parents, action);
        if self.hostility.chance(30) {
            draft.time = UnixTime(u64::MAX);
        }
        let key = self.nodes[at].key.clone();
        if let Some(entry) = self.sign_and_push(at, draft, &key) {
            self.lies.insert(entry.id());
        }
    }

    /// Another beginning of the same network, signed by its key.
    fn found_again(&mut self, at: usize) {
        let (name, hostname) = ("mine".parse().unwrap(), self.some_hostname());
        let action = Action::Genesis { name, founder: self.nodes[at].peer, hostname };
        let draft = Draft { room: self.room, counter: 1, time: self.wall(at), parents: Vec::new(), action };
        let key = self.network_key.clone();
        self.sign_and_push(at, draft, &key);
    }
}

/// The counter that rule 1 asks for on top of these parents.
pub(crate) fn next_counter(ledger: &Ledger, parents: &[EntryId], key: &SigningKey) -> u64 {
    let mut highest = 0;
    let mut seen = BTreeSet::new();
    let mut open = parents.to_vec();
    while let Some(id) = open.pop() {
        let Some(entry) = ledger.get(&id).filter(|_| seen.insert(id)) else { continue };
        if entry.author().0 == key.verifying_key().to_bytes() {
            highest = highest.max(entry.counter());
        }
        open.extend(entry.parents());
    }
    highest + 1
}
