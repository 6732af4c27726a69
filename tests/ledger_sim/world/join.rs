//! Joining: by an invite at any member, by an open door, or by a coordinator's word.

use ray_engine::{
    ident::Hostname,
    ledger::{Action, EntryId, Invite, Ledger, Mode, VerifiedEntry, consent, verify},
};

use super::World;

impl World {
    /// Node `at` asks a member to let it in.
    pub(super) fn join(&mut self, at: usize, host: usize) {
        let hostname = self.some_hostname();
        let (way, which) = (self.acts.below(10), self.acts.below(self.invites.len().max(1)));
        if self.network.parts[at] != self.network.parts[host] || self.nodes[at].restart_at.is_some() {
            return;
        }
        if !self.nodes[at].is_up() {
            self.start(at, Ledger::empty(self.room));
        }
        self.say(|world| format!("{} asks {} to let it in", world.name(at), world.name(host)));
        self.copy(at, host);
        self.copy(host, at);
        let action = match way {
            0..7 => self.invites.get(which).cloned().and_then(|invite| self.redeem(at, host, &invite, hostname)),
            7..9 => self.welcome(at, host, hostname),
            _ => Some(Action::Admit { member: self.nodes[at].peer, hostname }),
        };
        if let Some(action) = action.filter(|_| self.nodes[host].is_up()) {
            self.author(host, action);
        }
        self.copy(host, at);
        self.outcome.not_seated += usize::from(!self.is_member(at));
        self.update_links();
    }

    /// What the last leave of the joiner is for a proof that it signs.
    fn redeem(&mut self, at: usize, host: usize, invite: &Invite, hostname: Hostname) -> Option<Action> {
        if !self.nodes[host].is_up() {
            return None;
        }
        let (joiner, after) = (self.nodes[at].peer, self.last_leave(at, host));
        let now = self.wall(host);
        let checked = self.ledger(host).check_invite(&invite.key(), now).map(|state| state.uses);
        if let Err(refusal) = checked {
            self.say(|world| format!("  {} refuses the invite: {refusal:?}", world.name(host)));
            return None;
        }
        let proof = invite.redeem(&joiner, &hostname, after);
        Some(Action::Redeem { invite: invite.key(), joiner, hostname, after, proof })
    }

    fn welcome(&mut self, at: usize, host: usize, hostname: Hostname) -> Option<Action> {
        if !self.nodes[host].is_up() || self.ledger(host).roster().mode != Mode::Open {
            return None;
        }
        let after = self.last_leave(at, host);
        let node = &self.nodes[at];
        let consent = consent(&node.key, self.room, &hostname, after);
        Some(Action::Welcome { joiner: node.peer, hostname, after, consent })
    }

    fn last_leave(&self, at: usize, host: usize) -> Option<EntryId> {
        self.ledger(host).last_leave(&self.nodes[at].peer)
    }

    /// Hands on all that `from` has and `to` lacks, answer by answer.
    pub(super) fn copy(&mut self, from: usize, to: usize) {
        for _ in 0..40 {
            if !self.nodes[from].is_up() || !self.nodes[to].is_up() {
                return;
            }
            let have = self.ledger(to).heads();
            let missing: Vec<VerifiedEntry> = self.ledger(from).missing(&have).into_iter().cloned().collect();
            assert!(missing.len() <= 500, "an answer has {} entries", missing.len());
            let before = self.ledger(to).len();
            let entries = missing.iter().map(|entry| verify(entry.bytes(), self.room).expect("what is kept verifies"));
            let entries: Vec<VerifiedEntry> = entries.collect();
            self.take_in(to, entries, "a hand-over");
            if !self.nodes[to].is_up() || self.ledger(to).len() == before {
                return;
            }
        }
    }
}
