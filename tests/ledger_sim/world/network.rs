//! The network between the nodes: links, partitions, and messages that are lost, doubled, late and out of order.

use std::collections::{BTreeMap, BTreeSet};

use ray_engine::sync::{Action, Event, Message};

use super::{Plan, World};
use crate::random::Random;

/// How long a node has nothing to do with a peer that broke the protocol.
const BAN_MS: u64 = 30_000;
/// Ticks at one moment after which the sync is said to be stuck.
const TICKS_MAX: usize = 100;
/// Messages of one run after which its nodes are said to talk for ever.
const MESSAGES_MAX: u64 = 200_000;

pub(super) struct Network {
    random: Random,
    flights: BTreeMap<(u64, u64), Flight>,
    sent: u64,
    pub(super) links: BTreeSet<(usize, usize)>,
    /// The part of the network in which each node is.
    pub(super) parts: Vec<usize>,
    bans: BTreeMap<(usize, usize), u64>,
    pub(super) faulty: bool,
    /// What hostile nodes saw and may say again.
    pub(super) heard: Vec<Message>,
}

struct Flight {
    from: usize,
    to: usize,
    message: Message,
}

impl Network {
    pub(super) fn new(plan: Plan, seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            flights: BTreeMap::new(),
            sent: 0,
            links: BTreeSet::new(),
            parts: vec![0; plan.nodes],
            bans: BTreeMap::new(),
            faulty: plan.faults,
            heard: Vec::new(),
        }
    }

    fn put(&mut self, now: u64, from: usize, to: usize, message: Message) {
        if self.faulty && self.random.chance(8) {
            return;
        }
        let copies = if self.faulty && self.random.chance(4) { 2 } else { 1 };
        for _ in 0..copies {
            let late = self.faulty && self.random.chance(10);
            let delay = 1 + self.random.next() % if late { 8000 } else { 60 };
            self.sent += 1;
            self.flights.insert((now + delay, self.sent), Flight { from, to, message: message.clone() });
        }
    }
}

impl World {
    pub(super) fn send(&mut self, from: usize, to: usize, message: Message) {
        assert!(self.network.sent < MESSAGES_MAX, "the nodes talk for ever");
        self.network.put(self.now, from, to, message);
    }

    /// Lets time pass: messages arrive, and nodes that asked for it are woken.
    pub(super) fn run_for(&mut self, ms: u64) {
        let end = self.now + ms;
        let mut ticks = 0;
        loop {
            let wakes = (0..self.nodes.len()).filter_map(|at| {
                let wake = self.nodes[at].running.as_ref()?.sync.wake_at()?;
                Some((wake.max(self.now), at))
            });
            let wake = wakes.min();
            let flight = self.network.flights.keys().next().copied();
            let next = wake.map(|(time, _)| time).into_iter().chain(flight.map(|(time, _)| time.max(self.now))).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            if next > self.now {
                ticks = 0;
                self.now = next;
            }
            match (flight, wake) {
                (Some(key), _) if key.0 <= self.now => {
                    if let Some(Flight { from, to, message }) = self.network.flights.remove(&key) {
                        self.deliver(from, to, message);
                    }
                }
                (_, Some((_, at))) => {
                    ticks += 1;
                    if ticks > TICKS_MAX {
                        panic!("the sync of {} wants to be woken again and again at {} ms", self.name(at), self.now);
                    }
                    self.handle(at, Event::Tick);
                }
                (_, None) => break,
            }
        }
        self.now = end;
        self.update_links();
    }

    pub(super) fn handle(&mut self, at: usize, event: Event) {
        let Some(running) = &mut self.nodes[at].running else { return };
        for action in running.sync.handle(event, &running.ledger, self.now) {
            if !self.nodes[at].is_up() {
                return;
            }
            match action {
                Action::Send { peer, message } => {
                    if let Some(to) = self.index_of(&peer) {
                        self.say_or_distort(at, to, message);
                    }
                }
                Action::Take { peer, entries } => {
                    let from = self.index_of(&peer).map_or("nobody", |from| self.name(from));
                    self.take_in(at, entries, from);
                }
                Action::Violation { peer, what } => {
                    let Some(from) = self.index_of(&peer) else { continue };
                    self.say(|world| format!("  {} accuses {}: {what}", world.name(at), world.name(from)));
                    assert!(
                        self.nodes[from].hostile,
                        "{} accuses the honest {}: {what}",
                        self.name(at),
                        self.name(from)
                    );
                    self.outcome.violations += 1;
                    self.network.bans.insert((at.min(from), at.max(from)), self.now + BAN_MS);
                    self.update_links();
                }
            }
        }
    }

    /// Nodes in one part are linked if one of them takes the other for a member.
    pub(super) fn update_links(&mut self) {
        for one in 0..self.nodes.len() {
            for other in one + 1..self.nodes.len() {
                let linked = self.network.links.contains(&(one, other));
                let wanted = self.may_link(one, other);
                if linked && !wanted {
                    self.unlink(one, other);
                } else if wanted && !linked {
                    self.network.links.insert((one, other));
                    let (heads, others) = (self.heads_to_tell(one), self.heads_to_tell(other));
                    self.handle(one, Event::Linked { peer: self.nodes[other].peer, heads: others });
                    self.handle(other, Event::Linked { peer: self.nodes[one].peer, heads });
                }
            }
        }
    }

    pub(super) fn unlink(&mut self, one: usize, other: usize) {
        self.network.links.remove(&(one, other));
        self.handle(one, Event::Unlinked { peer: self.nodes[other].peer });
        self.handle(other, Event::Unlinked { peer: self.nodes[one].peer });
    }

    pub(super) fn is_linked(&self, one: usize, other: usize) -> bool {
        self.network.links.contains(&(one.min(other), one.max(other)))
    }

    pub(super) fn partition(&mut self) {
        let parts = 1 + self.acts.below(3);
        for at in 0..self.nodes.len() {
            self.network.parts[at] = self.acts.below(parts);
        }
        self.say(|world| {
            let groups = (0..parts).map(|part| {
                let names = (0..world.nodes.len()).filter(|at| world.network.parts[*at] == part);
                names.map(|at| world.name(at)).collect::<Vec<_>>().join(" ")
            });
            format!("the network is split: {}", groups.collect::<Vec<_>>().join(" | "))
        });
        self.update_links();
    }

    pub(super) fn forget_bans(&mut self) {
        self.network.bans.clear();
    }

    fn may_link(&self, one: usize, other: usize) -> bool {
        let (Some(left), Some(right)) = (&self.nodes[one].running, &self.nodes[other].running) else { return false };
        let banned = self.network.bans.get(&(one, other)).is_some_and(|end| self.now < *end);
        self.network.parts[one] == self.network.parts[other]
            && !banned
            && (left.ledger.roster().is_member(&self.nodes[other].peer)
                || right.ledger.roster().is_member(&self.nodes[one].peer))
    }

    fn deliver(&mut self, from: usize, to: usize, message: Message) {
        if !self.is_linked(from, to) {
            return;
        }
        if self.nodes[to].hostile && self.network.heard.len() < 200 {
            self.network.heard.push(message.clone());
        }
        let peer = self.nodes[from].peer;
        self.handle(
            to,
            match message {
                Message::Heads { heads } => Event::Heads { peer, heads },
                Message::Want { have, ids } => Event::Want { peer, have, ids },
                Message::Entries { entries, more } => Event::Entries { peer, entries, more },
            },
        );
    }
}
