//! What the tests of the exchange share: a network, its people, and single machines that are talked to by hand.

use super::{limits::*, *};
use crate::{
    ident::{Hostname, UnixTime},
    ledger::{self, Inserted, InviteKey, SigningKey, limits::ANSWER_ENTRIES_MAX},
};

mod asking;
mod catching_up;
mod hearing;
mod hostile;
mod telling;
mod world;

const NOW: UnixTime = UnixTime(1_700_000_000);
const T: Millis = 1_000_000;

/// A machine that is talked to by hand, with its ledger.
struct Node {
    sync: Sync,
    ledger: Ledger,
}

impl Node {
    fn new(number: u8, ledger: Ledger) -> Self {
        Self { sync: Sync::new(id(number)), ledger }
    }

    fn handle(&mut self, event: Event, now: Millis) -> Vec<Action> {
        let actions = self.sync.handle(event, &self.ledger, now);
        assert!(self.sync.wake_at().is_none_or(|at| at > now), "a machine that wants to be woken at once never sleeps");
        actions
    }

    /// As the engine does: inserts what is to be taken, and tells what became part of the ledger.
    fn obey(&mut self, event: Event, now: Millis) -> Vec<Action> {
        let mut done = Vec::new();
        let mut actions = self.handle(event, now);
        while !actions.is_empty() {
            let mut next = Vec::new();
            for action in actions {
                let Action::Take { entries, .. } = &action else {
                    done.push(action);
                    continue;
                };
                let grown = self.insert(entries.clone());
                if !grown.is_empty() {
                    next.extend(self.handle(Event::Grew { entries: grown }, now));
                }
            }
            actions = next;
        }
        done
    }

    fn insert(&mut self, entries: Vec<VerifiedEntry>) -> Vec<EntryId> {
        let news = entries.into_iter().filter_map(|entry| match self.ledger.insert(entry) {
            Inserted::New { entries } => Some(entries),
            Inserted::Known | Inserted::Pending | Inserted::Refused(_) => None,
        });
        news.flatten().collect()
    }

    fn tick(&mut self, now: Millis) -> Vec<Action> {
        self.obey(Event::Tick, now)
    }

    fn link(&mut self, peer: u8, heads: &[EntryId], now: Millis) -> Vec<Action> {
        self.obey(Event::Linked { peer: id(peer), heads: heads.to_vec() }, now)
    }

    fn hear(&mut self, peer: u8, heads: &[EntryId], now: Millis) -> Vec<Action> {
        self.obey(Event::Heads { peer: id(peer), heads: heads.to_vec() }, now)
    }

    fn get(&mut self, peer: u8, entries: &[VerifiedEntry], more: bool, now: Millis) -> Vec<Action> {
        let entries = entries.iter().map(|entry| entry.bytes().to_vec()).collect();
        self.obey(Event::Entries { peer: id(peer), entries, more }, now)
    }
}

fn push(peer: u8, entry: &VerifiedEntry) -> Event {
    Event::Entries { peer: id(peer), entries: vec![entry.bytes().to_vec()], more: false }
}

/// Who is asked.
fn wants(actions: &[Action]) -> Vec<PeerId> {
    let asked = |action: &Action| match action {
        Action::Send { peer, message: Message::Want { .. } } => Some(*peer),
        _ => None,
    };
    actions.iter().filter_map(asked).collect()
}

/// Who is told heads.
fn told(actions: &[Action]) -> Vec<PeerId> {
    let told = |action: &Action| match action {
        Action::Send { peer, message: Message::Heads { .. } } => Some(*peer),
        _ => None,
    };
    actions.iter().filter_map(told).collect()
}

/// Who is sent how many entries, and whether there are more.
fn sent(actions: &[Action]) -> Vec<(PeerId, usize, bool)> {
    let sent = |action: &Action| match action {
        Action::Send { peer, message: Message::Entries { entries, more } } => Some((*peer, entries.len(), *more)),
        _ => None,
    };
    actions.iter().filter_map(sent).collect()
}

fn violations(actions: &[Action]) -> Vec<&'static str> {
    let violation = |action: &Action| match action {
        Action::Violation { what, .. } => Some(*what),
        _ => None,
    };
    actions.iter().filter_map(violation).collect()
}

/// A network of nodes 1 to `members`; node 1 founded it.
fn network(members: u8) -> Ledger {
    let (mut ledger, _) = Ledger::found(&key(200), &key(1), "home".parse().unwrap(), host("node-1"), NOW);
    for number in 2..=members {
        let action = ledger::Action::Admit { member: id(number), hostname: host(&format!("node-{number}")) };
        add(&mut ledger, 1, action);
    }
    ledger
}

/// The last of `members` nodes, linked to all others and level with them; and a ledger that is `ahead` of it by these.
fn behind(members: u8, ahead: usize) -> (Node, Ledger, Vec<VerifiedEntry>) {
    let mut ledger = network(members + 1);
    let mut node = Node::new(members + 1, ledger.clone());
    (1..=members).for_each(|peer| assert_eq!(node.link(peer, &ledger.heads(), T), []));
    let entries = grow(&mut ledger, 1, ahead);
    (node, ledger, entries)
}

/// A network with so many heads, as many members left at once; and as it was before.
fn crowd(heads: u64) -> (Ledger, Ledger) {
    let mut base = network(2);
    let crowd: Vec<SigningKey> = (0..heads).map(|number| secret(number + 1000)).collect();
    for (number, key) in crowd.iter().enumerate() {
        let member = PeerId(key.verifying_key().to_bytes());
        add(&mut base, 1, ledger::Action::Admit { member, hostname: host(&format!("crowd-{number}")) });
    }
    let mut crowded = base.clone();
    for key in &crowd {
        crowded.insert(base.author(key, ledger::Action::Leave, NOW).unwrap());
    }
    assert_eq!(u64::try_from(crowded.heads().len()), Ok(heads));
    (crowded, base)
}

/// As [`network`], of coordinators only.
fn coordinators(members: u8) -> Ledger {
    let mut ledger = network(members);
    for number in 2..=members {
        add(&mut ledger, 1, ledger::Action::Grant { member: id(number) });
    }
    ledger
}

/// Lets the founder make `count` entries, and returns them. `salt` tells them from other ones.
fn grow(ledger: &mut Ledger, salt: usize, count: usize) -> Vec<VerifiedEntry> {
    grow_by(1, ledger, salt, count)
}

fn grow_by(author: u8, ledger: &mut Ledger, salt: usize, count: usize) -> Vec<VerifiedEntry> {
    (0..count).map(|number| add(ledger, author, mint(salt, number))).collect()
}

fn mint(salt: usize, number: usize) -> ledger::Action {
    let mut invite = [0; 32];
    invite[..8].copy_from_slice(&salt.to_le_bytes());
    invite[8..16].copy_from_slice(&number.to_le_bytes());
    ledger::Action::MintInvite { invite: InviteKey(invite), uses: 1, expires: UnixTime(2 * NOW.0), hostname: None }
}

fn add(ledger: &mut Ledger, author: u8, action: ledger::Action) -> VerifiedEntry {
    // Slowly enough for the quota of an hour.
    let now = UnixTime(NOW.0 + 10 * u64::try_from(ledger.len()).unwrap());
    let entry = ledger.author(&key(author), action, now).unwrap();
    assert_eq!(ledger.insert(entry.clone()), Inserted::New { entries: vec![entry.id()] });
    entry
}

fn ids(entries: &[VerifiedEntry]) -> Vec<EntryId> {
    entries.iter().map(VerifiedEntry::id).collect()
}

fn key(number: u8) -> SigningKey {
    secret(u64::from(number))
}

fn secret(number: u64) -> SigningKey {
    let mut secret = [3; 32];
    secret[..8].copy_from_slice(&number.to_le_bytes());
    SigningKey::from_bytes(&secret)
}

fn id(number: u8) -> PeerId {
    PeerId(key(number).verifying_key().to_bytes())
}

fn host(name: &str) -> Hostname {
    name.parse().unwrap()
}
