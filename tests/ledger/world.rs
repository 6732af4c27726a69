//! One run: nodes that author, a network that misbehaves, a hostile writer, and the healing at the end.

use std::{collections::BTreeMap, ops::AddAssign};

use ray_engine::{
    ident::{Hostname, PeerId, RoomId, UnixTime},
    ledger::{Action, EntryId, Inserted, Invite, InviteKey, Ledger, SigningKey, VerifiedEntry, verify},
};

use crate::{
    hostile::{self, Draft},
    random::Random,
    reference::Reference,
};

const START: u64 = 1_700_000_000;
const HOSTNAMES: [&str; 4] = ["nas", "home", "nas-2", "alice"];

pub(crate) struct World {
    random: Random,
    network_key: SigningKey,
    room: RoomId,
    genesis: VerifiedEntry,
    nodes: Vec<Node>,
    /// Every code is known to everybody.
    invites: Vec<Invite>,
    /// Every entry that was ever signed, whether anybody took it in or not.
    made: Vec<VerifiedEntry>,
    clock: u64,
    outcome: Outcome,
}

struct Node {
    key: SigningKey,
    ledger: Ledger,
}

/// How often each case that matters came up.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Outcome {
    authored: u32,
    refused: u32,
    waited: u32,
    seated: u32,
    left: u32,
    /// Redeems that stand and seat nobody.
    lost_redeems: u32,
    used_up: u32,
    suffixed: u32,
    merges: u32,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let network_key = SigningKey::from_bytes(&random.bytes());
        let keys: Vec<SigningKey> = (0..3 + random.below(5)).map(|_| SigningKey::from_bytes(&random.bytes())).collect();
        let name = "home".parse().unwrap();
        let (founded, genesis) = Ledger::found(&network_key, &keys[0], name, host("nas"), UnixTime(START));
        let nodes = keys.into_iter().map(|key| Node { key, ledger: founded.clone() }).collect();
        Self {
            random,
            network_key,
            room: founded.room(),
            made: vec![genesis.clone()],
            genesis,
            nodes,
            invites: Vec::new(),
            clock: START,
            outcome: Outcome::default(),
        }
    }

    /// Random events; nobody hears of everything.
    pub(crate) fn live(&mut self) {
        for _ in 0..100 + self.random.below(100) {
            self.clock += self.random.next() % 100;
            match self.random.below(100) {
                0..40 => self.author_by_the_rules(),
                40..50 => self.author_against_the_rules(),
                50..75 => self.deliver_some(),
                75..95 => self.answer_in_part(),
                _ => self.restart_a_node(),
            }
        }
    }

    /// Every node gets every entry, in an order of its own, the refused ones too.
    pub(crate) fn heal(&mut self) {
        for at in 0..self.nodes.len() {
            let mut all = self.made.clone();
            self.random.shuffle(&mut all);
            for entry in all {
                self.give(at, entry);
            }
        }
    }

    pub(crate) fn check(&mut self) -> Outcome {
        let reference = Reference::new(&self.made, &self.genesis);
        for node in &self.nodes {
            let ids: Vec<EntryId> = reference.standing.keys().copied().collect();
            let mut held: Vec<EntryId> = node.ledger.entries().map(VerifiedEntry::id).collect();
            held.sort();
            assert_eq!(held, ids, "the entries that stand");
            assert_eq!(node.ledger.heads(), reference.heads());
            self.compare(&node.ledger, &reference);
            assert_eq!(node.ledger.roster(), self.nodes[0].ledger.roster());
            assert!(node.ledger.entries().eq(self.nodes[0].ledger.entries()), "the fold order");
            assert!(node.ledger.missing(&self.nodes[0].ledger.heads()).is_empty());
        }
        self.count(&reference);
        self.outcome
    }

    fn compare(&self, ledger: &Ledger, reference: &Reference) {
        let expected = reference.fold_all();
        let roster = ledger.roster();
        assert_eq!(roster.members().count(), expected.seats.len());
        for member in roster.members() {
            let seat = &expected.seats[&member.peer];
            let found = (&member.hostname, member.v4, member.coordinator, member.since);
            assert_eq!(found, (&seat.hostname, seat.v4, seat.coordinator, seat.since));
        }
        assert_eq!(roster.invites().count(), expected.invites.len());
        let mut seated: BTreeMap<InviteKey, u32> = BTreeMap::new();
        for member in roster.members() {
            if let Some(Action::Redeem { invite, .. }) = ledger.get(&member.since).map(VerifiedEntry::action) {
                *seated.entry(*invite).or_default() += 1;
            }
        }
        for invite in roster.invites() {
            let minted = &expected.invites[&invite.key];
            assert_eq!((invite.uses, invite.used), (minted.uses, minted.used));
            let seated = seated.get(&invite.key).copied().unwrap_or(0);
            assert!(seated <= invite.used && invite.used <= invite.uses, "an invite seated too many");
        }
    }

    fn author_by_the_rules(&mut self) {
        let at = if self.random.chance(30) { 0 } else { self.random.below(self.nodes.len()) };
        let action = self.some_action(at);
        let node = &self.nodes[at];
        let Ok(entry) = node.ledger.author(&node.key, action, UnixTime(self.clock)) else { return };
        assert_eq!(verify(entry.bytes(), self.room).as_ref(), Ok(&entry));
        let inserted = self.nodes[at].ledger.insert(entry.clone());
        assert!(matches!(inserted, Inserted::New { .. }), "what may be authored is taken in: {inserted:?}");
        self.outcome.authored += 1;
        self.made.push(entry);
    }

    /// Any key, any parents, any counter, any time, any action.
    fn author_against_the_rules(&mut self) {
        let at = self.random.below(self.nodes.len());
        let key = match self.random.below(12) {
            0 => self.network_key.clone(),
            1 => SigningKey::from_bytes(&self.random.bytes()),
            2..5 => self.nodes[0].key.clone(),
            _ => self.nodes[at].key.clone(),
        };
        let joiner = PeerId(key.verifying_key().to_bytes());
        let action = match self.some_action(at) {
            Action::Redeem { invite, hostname, .. } => {
                let code = self.invites.iter().find(|code| code.key() == invite).unwrap();
                Action::Redeem { invite, hostname, proof: code.proof(&joiner) }
            }
            Action::Leave if joiner == self.founder() && self.random.chance(90) => {
                Action::Admit { member: joiner, hostname: host("nas") }
            }
            action => action,
        };
        let mut parents: Vec<EntryId> =
            (0..1 + self.random.below(3)).map(|_| self.random.pick(&self.made).id()).collect();
        if self.random.chance(40) {
            parents = self.nodes[at].ledger.heads();
        }
        let counter = 1 + self.random.next() % 12;
        let time = UnixTime(self.clock.wrapping_add(self.random.next() % 4000).wrapping_sub(2000));
        let (action, parents) = if self.random.chance(3) {
            let name = "mine".parse().unwrap();
            (Action::Genesis { name, founder: joiner, hostname: host("home") }, Vec::new())
        } else {
            (action, parents)
        };
        let begins = matches!(action, Action::Genesis { .. });
        let key = if begins { self.network_key.clone() } else { key };
        let bytes = hostile::write(Draft { room: self.room, counter, time, parents, action }, &key);
        let entry = verify(&bytes, self.room).expect("well formed and signed");
        if matches!(self.nodes[at].ledger.insert(entry.clone()), Inserted::Refused(_)) {
            self.outcome.refused += 1;
        }
        self.made.push(entry);
    }

    fn some_action(&mut self, at: usize) -> Action {
        let hostname = host(HOSTNAMES[self.random.below(HOSTNAMES.len())]);
        let own = self.nodes[at].key.clone();
        let other = PeerId(self.random.pick(&self.nodes).key.verifying_key().to_bytes());
        match self.random.below(10) {
            0..2 => self.some_mint(hostname),
            2..6 if !self.invites.is_empty() => {
                let code = self.random.pick(&self.invites);
                let proof = code.proof(&PeerId(own.verifying_key().to_bytes()));
                Action::Redeem { invite: code.key(), hostname, proof }
            }
            2..8 => Action::Admit { member: other, hostname },
            // The founder alone decides here; a run without it is soon over.
            _ if at == 0 && self.random.chance(95) => Action::Admit { member: other, hostname },
            _ => Action::Leave,
        }
    }

    fn some_mint(&mut self, hostname: Hostname) -> Action {
        if self.invites.is_empty() || self.random.chance(80) {
            self.invites.push(Invite { room: self.room, secret: self.random.bytes(), seats: vec![PeerId([1; 32])] });
        }
        let invite = self.random.pick(&self.invites).key();
        let uses = *self.random.pick(&[1, 1, 1, 2, 3]);
        let expires = UnixTime(self.clock + self.random.next() % 6000);
        Action::MintInvite { invite, uses, expires, hostname: self.random.chance(30).then_some(hostname) }
    }

    /// Single entries, in any order, doubled or lost.
    fn deliver_some(&mut self) {
        let at = self.random.below(self.nodes.len());
        let mut batch: Vec<VerifiedEntry> = (0..8).map(|_| self.random.pick(&self.made).clone()).collect();
        batch.extend(self.made.iter().rev().take(6).cloned());
        self.random.shuffle(&mut batch);
        for entry in batch {
            if self.random.chance(70) {
                self.give(at, entry);
            }
        }
    }

    /// A node asks another what it lacks, and part of the answer is lost.
    fn answer_in_part(&mut self) {
        let (asking, asked) = (self.random.below(self.nodes.len()), self.random.below(self.nodes.len()));
        let heads = self.nodes[asking].ledger.heads();
        let answer: Vec<VerifiedEntry> = self.nodes[asked].ledger.missing(&heads).into_iter().cloned().collect();
        let complete = self.random.chance(50);
        for entry in answer {
            if complete || self.random.chance(80) {
                self.give(asking, entry);
            }
        }
        if complete {
            assert!(!self.nodes[asking].ledger.lacks(&self.nodes[asked].ledger.heads()));
        }
    }

    /// A node forgets everything but the bytes that it stored, in whatever order.
    fn restart_a_node(&mut self) {
        let at = self.random.below(self.nodes.len());
        let old = &self.nodes[at].ledger;
        let mut stored: Vec<Vec<u8>> = old.entries().map(|entry| entry.bytes().to_vec()).collect();
        self.random.shuffle(&mut stored);
        let mut ledger = Ledger::empty(self.room);
        for bytes in stored {
            ledger.insert(verify(&bytes, self.room).expect("stored entries are valid"));
        }
        assert_eq!(ledger.roster(), old.roster());
        assert_eq!(ledger.heads(), old.heads());
        self.nodes[at].ledger = ledger;
    }

    fn give(&mut self, at: usize, entry: VerifiedEntry) {
        let before = self.nodes[at].ledger.len();
        match self.nodes[at].ledger.insert(entry) {
            Inserted::Pending => self.outcome.waited += 1,
            Inserted::New { entries } => assert_eq!(self.nodes[at].ledger.len(), before + entries.len()),
            Inserted::Known | Inserted::Refused(_) => {}
        }
        // Folding in between must not change what is folded in the end.
        if self.random.chance(20) {
            self.nodes[at].ledger.roster();
        }
    }

    fn count(&mut self, reference: &Reference) {
        let ledger = &self.nodes[0].ledger;
        let roster = ledger.roster();
        let number = |count: usize| u32::try_from(count).unwrap();
        let redeems = ledger.entries().filter(|entry| matches!(entry.action(), Action::Redeem { .. })).count();
        let used: u32 = roster.invites().map(|invite| invite.used).sum();
        self.outcome.seated += number(roster.members().count() - usize::from(roster.is_coordinator(&self.founder())));
        self.outcome.left += number(ledger.entries().filter(|entry| *entry.action() == Action::Leave).count());
        self.outcome.lost_redeems += number(redeems) - used;
        self.outcome.used_up += number(roster.invites().filter(|invite| invite.used == invite.uses).count());
        self.outcome.suffixed += number(roster.members().filter(|m| m.hostname.as_str().ends_with("-3")).count());
        self.outcome.merges += number(ledger.entries().filter(|entry| entry.parents().len() > 1).count());
        assert!(reference.standing.contains_key(&self.genesis.id()));
    }

    fn founder(&self) -> PeerId {
        PeerId(self.nodes[0].key.verifying_key().to_bytes())
    }
}

impl AddAssign for Outcome {
    fn add_assign(&mut self, other: Self) {
        self.authored += other.authored;
        self.refused += other.refused;
        self.waited += other.waited;
        self.seated += other.seated;
        self.left += other.left;
        self.lost_redeems += other.lost_redeems;
        self.used_up += other.used_up;
        self.suffixed += other.suffixed;
        self.merges += other.merges;
    }
}

impl Outcome {
    pub(crate) fn is_everywhere_above_zero(&self) -> bool {
        let Self { authored, refused, waited, seated, left, lost_redeems, used_up, suffixed, merges } = *self;
        [authored, refused, waited, seated, left, lost_redeems, used_up, suffixed, merges]
            .iter()
            .all(|count| *count > 0)
    }
}

fn host(name: &str) -> Hostname {
    name.parse().unwrap()
}
