//! What honest nodes do of their own accord, all of it through `Ledger::author`.

use ray_engine::{
    ident::{Hostname, PeerId, UnixTime},
    ledger::{Action, EntryId, Invite, InviteKey, Ledger, Mode, RuleText, Scope, SigningKey, VerifiedEntry, verify},
};

use super::{Mood, World};
use crate::writer::{self, Draft};

const HOSTNAMES: [&str; 5] = ["nas", "home", "nas-2", "laptop", "nas-3"];

impl World {
    pub(super) fn act(&mut self, at: usize) {
        if !self.is_member(at) || self.nodes[at].hostile {
            return;
        }
        if self.ledger(at).roster().is_coordinator(&self.nodes[at].peer) && self.acts.chance(20) {
            self.do_a_duty(at);
            return;
        }
        let action = self.some_action(at);
        let alone = self.ledger(at).roster().members().count() == 1;
        if !(alone && action == Action::Leave) {
            self.author(at, action);
        }
    }

    /// Signs an entry on top of all that a node knows, and stores it.
    pub(super) fn author(&mut self, at: usize, action: Action) -> Option<VerifiedEntry> {
        let now = self.wall(at);
        let key = self.nodes[at].key.clone();
        let entry = match self.ledger(at).author(&key, action.clone(), now) {
            Ok(entry) => entry,
            Err(error) => {
                self.outcome.not_authored += 1;
                self.say(|world| format!("  {} may not {}: {error:?}", world.name(at), world.tell_action(&action)));
                return None;
            }
        };
        self.outcome.authored += 1;
        self.say(|world| format!("{} signs {}", world.name(at), world.tell(&entry)));
        assert_eq!(verify(entry.bytes(), self.room).as_ref(), Ok(&entry), "what was authored verifies");
        let draft = Draft {
            room: self.room,
            counter: entry.counter(),
            time: now,
            parents: entry.parents().to_vec(),
            action: action.clone(),
        };
        assert_eq!(writer::write(draft, &key), entry.bytes(), "the bytes are those of the page: {action:?}");
        self.take_in(at, vec![entry.clone()], "itself");
        if self.nodes[at].is_up() {
            assert!(self.ledger(at).contains(&entry.id()), "{} does not take its own {action:?}", self.name(at));
        }
        Some(entry)
    }

    /// What a coordinator's engine does by itself.
    pub(super) fn do_a_duty(&mut self, at: usize) {
        let peer = self.nodes[at].peer;
        let ledger = self.ledger(at);
        if ledger.unanchored_by_others(&peer) > 0 || ledger.unanchored() > 64 {
            let checkpoint = ledger.checkpoint();
            self.author(at, checkpoint);
        } else if self.acts.chance(30) {
            let commitment = self.acts.bytes();
            self.author(at, Action::RotateEpoch { commitment });
        }
    }

    /// Any action that a member may think of, allowed or not.
    pub(super) fn some_action(&mut self, at: usize) -> Action {
        let coordinator = self.ledger(at).roster().is_coordinator(&self.nodes[at].peer);
        if !coordinator && self.acts.chance(85) {
            return self.some_members_action(at);
        }
        let other = self.acts.below(self.nodes.len());
        let member = self.nodes[other].peer;
        let hostname = self.some_hostname();
        if self.acts.chance(50) {
            let coordinator = self.some_coordinator(at).unwrap_or(member);
            match (self.plan.mood, self.acts.below(6)) {
                (Mood::Mixed, _) => {}
                (Mood::Quarrel, 0..2) => return Action::Grant { member },
                (Mood::Quarrel, 2..4) => return Action::Revoke { member: coordinator },
                (Mood::Quarrel, _) => return Action::Remove { member: coordinator },
                (Mood::Exodus, 0..3) => return Action::Leave,
                (Mood::Exodus, 3) => return Action::Revoke { member: self.nodes[at].peer },
                (Mood::Exodus, _) => return Action::Grant { member },
                (Mood::Crowd, 0..3) => return self.some_mint(at, hostname),
                (Mood::Crowd, 3) => return Action::SetMode { mode: Mode::Open },
                (Mood::Crowd, 4) => return Action::RevokeInvite { invite: self.some_invite() },
                (Mood::Crowd, _) => return Action::Rename { member, hostname },
            }
        }
        match self.acts.below(100) {
            0..16 => self.some_mint(at, hostname),
            16..24 => Action::Admit { member, hostname },
            24..32 => Action::Remove { member },
            32..46 => Action::Grant { member },
            46..55 => self.some_coordinator(at).map_or(Action::Revoke { member }, |member| Action::Revoke { member }),
            55..60 => Action::RevokeInvite { invite: self.some_invite() },
            60..67 => Action::Rename { member, hostname },
            67..72 => {
                Action::SetMode { mode: *self.acts.pick(&[Mode::Closed, Mode::Approval, Mode::Open, Mode::Open]) }
            }
            72..74 => Action::RotateEpoch { commitment: self.acts.bytes() },
            74..76 => Action::Rekey { discovery: self.acts.bytes() },
            76..78 => Action::SetEphemeral { seconds: u32::try_from(self.acts.below(1000)).unwrap() },
            78..84 => Action::GroupAdd { group: self.some_hostname(), member },
            84..87 => Action::GroupRemove { group: self.some_hostname(), member },
            87..91 => self.some_suggestion(member),
            91..93 => self.some_withdrawal(at),
            93..94 if self.acts.chance(20) => Action::Dissolve,
            _ => self.some_members_action(at),
        }
    }

    pub(super) fn some_hostname(&mut self) -> Hostname {
        self.acts.pick(&HOSTNAMES).parse().unwrap()
    }

    fn some_members_action(&mut self, at: usize) -> Action {
        let member = self.nodes[at].peer;
        let user = self.acts.below(self.users.len());
        let user = &self.users[user];
        match self.acts.below(10) {
            0..1 => Action::Leave,
            1 => self.some_members_action(at),
            2..6 => Action::Rename { member, hostname: self.some_hostname() },
            6..9 => writer::certify(self.room, user, member),
            _ => {
                let user = user.clone();
                let other = self.acts.below(self.nodes.len());
                writer::uncertify(self.room, &user, self.nodes[other].peer)
            }
        }
    }

    fn some_mint(&mut self, at: usize, hostname: Hostname) -> Action {
        let invite = if !self.invites.is_empty() && self.acts.chance(5) {
            self.acts.pick(&self.invites).clone()
        } else {
            Invite { room: self.room, secret: self.acts.bytes(), seats: vec![self.nodes[at].peer] }
        };
        self.invites.push(invite.clone());
        let life = *self.acts.pick(&[30, 3600, 3600, 86_400, u64::MAX]);
        Action::MintInvite {
            invite: invite.key(),
            uses: *self.acts.pick(&[1, 1, 1, 2, 3]),
            expires: UnixTime(self.wall(at).0.saturating_add(life)),
            hostname: self.acts.chance(40).then_some(hostname),
        }
    }

    fn some_invite(&mut self) -> InviteKey {
        if self.invites.is_empty() || self.acts.chance(3) {
            return InviteKey(SigningKey::from_bytes(&self.acts.bytes()).verifying_key().to_bytes());
        }
        self.acts.pick(&self.invites).key()
    }

    fn some_coordinator(&mut self, at: usize) -> Option<PeerId> {
        let roster = self.ledger(at).roster();
        let peers: Vec<PeerId> =
            roster.members().filter(|member| member.coordinator).map(|member| member.peer).collect();
        (!peers.is_empty()).then(|| *self.acts.pick(&peers))
    }

    fn some_suggestion(&mut self, member: PeerId) -> Action {
        let scope = match self.acts.below(3) {
            0 => Scope::All,
            1 => Scope::Member(member),
            _ => Scope::Group(self.some_hostname()),
        };
        Action::Suggest { scope, rule: RuleText::new("allow tcp 22 from group nas").unwrap() }
    }

    fn some_withdrawal(&mut self, at: usize) -> Action {
        let known: Vec<EntryId> = suggestions_of(self.ledger(at));
        let suggestion = if known.is_empty() { EntryId(self.acts.bytes()) } else { *self.acts.pick(&known) };
        Action::Withdraw { suggestion }
    }
}

fn suggestions_of(ledger: &Ledger) -> Vec<EntryId> {
    ledger.roster().suggestions().map(|suggestion| suggestion.id).collect()
}
