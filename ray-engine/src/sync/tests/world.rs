//! A few nodes and a network that loses, doubles, delays and reorders what they send.

use super::*;

pub(super) struct World {
    pub(super) now: Millis,
    pub(super) nodes: Vec<Node>,
    /// Percent of messages that are lost, and that arrive twice.
    pub(super) lost: u64,
    pub(super) doubled: u64,
    /// Messages take up to so long; who is sent first may arrive last.
    pub(super) delay_max: Millis,
    /// Numbers of entries in the messages that arrived, by receiver and sender.
    pub(super) entries: Vec<(u8, u8, usize)>,
    pub(super) wants: usize,
    pub(super) heads: usize,
    links: Vec<(u8, u8)>,
    flying: Vec<Flying>,
    random: u64,
}

struct Flying {
    at: Millis,
    from: u8,
    to: u8,
    message: Message,
}

impl World {
    /// Nodes 1, 2, 3 … with these ledgers.
    pub(super) fn new(ledgers: Vec<Ledger>, seed: u64) -> Self {
        let nodes = (1..).zip(ledgers).map(|(number, ledger)| Node::new(number, ledger)).collect();
        Self {
            now: T,
            nodes,
            lost: 0,
            doubled: 0,
            delay_max: 20,
            entries: Vec::new(),
            wants: 0,
            heads: 0,
            links: Vec::new(),
            flying: Vec::new(),
            random: seed,
        }
    }

    pub(super) fn node(&mut self, number: u8) -> &mut Node {
        &mut self.nodes[usize::from(number) - 1]
    }

    pub(super) fn link(&mut self, one: u8, other: u8) {
        self.links.push((one, other));
        let heads = (self.node(one).ledger.heads(), self.node(other).ledger.heads());
        self.feed(one, Event::Linked { peer: id(other), heads: heads.1 });
        self.feed(other, Event::Linked { peer: id(one), heads: heads.0 });
    }

    pub(super) fn link_all(&mut self) {
        let count = u8::try_from(self.nodes.len()).unwrap();
        for one in 1..=count {
            (one + 1..=count).for_each(|other| self.link(one, other));
        }
    }

    pub(super) fn unlink(&mut self, one: u8, other: u8) {
        self.links.retain(|link| *link != (one, other));
        self.flying
            .retain(|flying| (flying.from, flying.to) != (one, other) && (flying.to, flying.from) != (one, other));
        self.feed(one, Event::Unlinked { peer: id(other) });
        self.feed(other, Event::Unlinked { peer: id(one) });
    }

    /// The node makes an entry, and tells so.
    pub(super) fn author(&mut self, number: u8, action: ledger::Action) -> EntryId {
        let entry = add(&mut self.node(number).ledger, number, action);
        self.feed(number, Event::Grew { entries: vec![entry.id()] });
        entry.id()
    }

    pub(super) fn run_for(&mut self, time: Millis) {
        let end = self.now + time;
        for _ in 0..1_000_000 {
            let wakes = self.nodes.iter().filter_map(|node| node.sync.wake_at());
            let next = wakes.chain(self.flying.iter().map(|flying| flying.at)).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            self.step();
        }
        panic!("the nodes never come to rest");
    }

    /// Runs until all ledgers are the same; how long that took.
    pub(super) fn level(&mut self, within: Millis) -> Millis {
        let start = self.now;
        while !self.is_level() {
            assert!(self.now - start < within, "not level after {} ms: {:?}", self.now - start, self.lengths());
            self.run_for(10);
        }
        self.now - start
    }

    pub(super) fn is_level(&self) -> bool {
        let mut heads = self.nodes.iter().map(|node| node.ledger.heads());
        let first = heads.next();
        heads.all(|other| Some(other) == first)
    }

    pub(super) fn received(&self, to: u8) -> usize {
        self.entries.iter().filter(|(receiver, ..)| *receiver == to).map(|(.., count)| count).sum()
    }

    pub(super) fn random(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below
    }

    fn lengths(&self) -> Vec<(usize, usize)> {
        self.nodes.iter().map(|node| (node.ledger.len(), node.ledger.pending_len())).collect()
    }

    fn step(&mut self) {
        let now = self.now;
        let (due, rest) = std::mem::take(&mut self.flying).into_iter().partition(|flying| flying.at <= now);
        self.flying = rest;
        for Flying { from, to, message, .. } in due {
            let peer = id(from);
            let event = match message {
                Message::Heads { heads } => {
                    self.heads += 1;
                    Event::Heads { peer, heads }
                }
                Message::Want { have, ids } => {
                    self.wants += 1;
                    Event::Want { peer, have, ids }
                }
                Message::Entries { entries, more } => {
                    self.entries.push((to, from, entries.len()));
                    Event::Entries { peer, entries, more }
                }
            };
            self.feed(to, event);
        }
        for number in 1..=u8::try_from(self.nodes.len()).unwrap() {
            if self.node(number).sync.wake_at().is_some_and(|at| at <= now) {
                self.feed(number, Event::Tick);
            }
        }
    }

    fn feed(&mut self, number: u8, event: Event) {
        let now = self.now;
        for action in self.node(number).obey(event, now) {
            let Action::Send { peer, message } = action else { panic!("node {number}: {action:?}") };
            let linked = |other: u8| self.links.iter().any(|&link| link == (number, other) || link == (other, number));
            let count = u8::try_from(self.nodes.len()).unwrap();
            let Some(to) = (1..=count).find(|&other| id(other) == peer && linked(other)) else { continue };
            if self.random(100) < self.lost {
                continue;
            }
            let copies = if self.random(100) < self.doubled { 2 } else { 1 };
            for _ in 0..copies {
                let at = now + 1 + self.random(self.delay_max);
                self.flying.push(Flying { at, from: number, to, message: message.clone() });
            }
        }
    }
}
