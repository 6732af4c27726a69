//! What the queue is for, as figures: a link, greedy senders whose windows grow until they are told, and a ping.
//! Nothing is random and no clock is read, so the figures are the same on every machine; docs/performance.md shows
//! them, and a test compares.
#![allow(clippy::cast_possible_truncation, reason = "test data is small")]

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    sync::Arc,
};

use super::*;
use crate::packet::samples::Random;

const SECOND: Micros = 1_000_000;
/// The path without its queue.
const ROUND_TRIP: Micros = 20_000;
const SEGMENT: usize = 1400;
/// What the outlet cuts a super-packet into that has to wait: 16 KiB, in whole segments.
const PART: usize = 16 * 1024 / SEGMENT * SEGMENT;
const PAGE: &str = include_str!("../../../docs/performance.md");

#[derive(Debug, Clone, Copy)]
struct Setup {
    megabits: u64,
    senders: usize,
    /// The senders' largest super-packet.
    largest: usize,
    /// The senders have found their rate after a fifth of it.
    seconds: u64,
    queue: Kind,
    /// Bytes that the link holds in a line of its own, below the queue.
    below: usize,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// One line for all, which loses what comes when it is full.
    Fifo,
    /// A fair queue of super-packets as they come.
    Whole,
    /// What the outlet does: a fair queue of parts. What meets an empty queue and a link with room goes whole.
    Parts,
}

#[derive(Debug, Default)]
struct Outcome {
    /// How long each ping waited, sorted.
    pings: Vec<Micros>,
    pings_lost: usize,
    /// The same of the senders' items.
    bulk: Vec<Micros>,
    sent: Vec<usize>,
    /// How long it was looked at.
    time: Micros,
}

#[test]
fn a_ping_beside_a_greedy_sender_waits_for_one_item_and_not_for_the_queue() {
    let setup = Setup { megabits: 100, senders: 1, largest: 65_536, seconds: 25, queue: Kind::Parts, below: 0 };
    let parts = run(setup);
    let whole = run(Setup { queue: Kind::Whole, ..setup });
    let fifo = run(Setup { queue: Kind::Fifo, ..setup });
    let [item, part] = [65_536, PART as u64].map(|bytes| bytes * 8 / setup.megabits);

    assert!(parts.pings.len() > 1900 && parts.pings_lost == 0);
    assert!(parts.ping(50) <= part && part < whole.ping(50), "{} us and {} us", parts.ping(50), whole.ping(50));
    assert!(parts.ping(99) <= item, "{} us", parts.ping(99));
    assert!(fifo.ping(99) >= 20 * parts.ping(99), "{} us and {} us", fifo.ping(99), parts.ping(99));
    // It costs the sender next to nothing, and spares it a queue.
    assert!(parts.rate(0) >= 0.95 * fifo.rate(0), "{} and {} Mbit/s", parts.rate(0), fifo.rate(0));
    assert!(parts.wait(50) * 5 < fifo.wait(50), "{} us and {} us", parts.wait(50), fifo.wait(50));
}

#[test]
fn greedy_senders_have_equal_shares_and_a_ping_still_waits_for_one_item() {
    let setup = Setup { megabits: 100, senders: 10, largest: 65_536, seconds: 25, queue: Kind::Parts, below: 0 };
    let fair = run(setup);
    assert!(fair.ping(99) <= PART as u64 * 8 / setup.megabits, "{} us", fair.ping(99));
    let (least, most) = (fair.sent.iter().min().unwrap(), fair.sent.iter().max().unwrap());
    assert!(*least as f64 > 0.8 * *most as f64, "{:?}", fair.sent);
}

#[test]
fn a_line_below_the_queue_undoes_it() {
    let setup = Setup { megabits: 100, senders: 1, largest: 65_536, seconds: 25, queue: Kind::Parts, below: 0 };
    let deep = run(Setup { below: 1_000_000, ..setup });
    // Eighty milliseconds of the link, where no flow goes before another.
    assert!(deep.ping(99) > 10 * run(setup).ping(99), "{} us", deep.ping(99));
}

#[test]
fn the_performance_page_shows_these_figures() {
    let below = [0, 65_536, 262_144, 2_500_000];
    let links = [
        (10, 1, 16_384, 12, &below[..2]),
        (100, 1, 65_536, 12, &below),
        (100, 10, 65_536, 12, &below[..1]),
        (1000, 1, 65_536, 4, &below),
    ];
    let mut table = String::new();
    for (megabits, senders, largest, seconds, below) in links {
        let parts = below.iter().map(|below| ("fair, in parts", Kind::Parts, *below));
        for (name, queue, below) in [("one line", Kind::Fifo, 0), ("fair", Kind::Whole, 0)].into_iter().chain(parts) {
            let outcome = run(Setup { megabits, senders, largest, seconds, queue, below });
            let ms = |us: Micros| us as f64 / 1000.0;
            let rate: f64 = (0..senders).map(|sender| outcome.rate(sender)).sum();
            let line = if below == 0 { "–".to_owned() } else { format!("{} KiB", below / 1024) };
            let (half, most) = (ms(outcome.ping(50)), ms(outcome.ping(99)));
            table += &format!(
                "| {megabits} Mbit/s, {senders} | {name} | {line} | {half:.2} ms | {most:.2} ms | {rate:.1} Mbit/s |\n"
            );
        }
    }
    assert!(PAGE.contains(&table), "the page shall have\n{table}");
}

/// Something on its way. The flow is the sender's number; the ping's is the one after.
#[derive(Debug, Clone, Copy)]
struct Item {
    flow: usize,
    bytes: usize,
    came: Micros,
}

impl Weigh for Item {
    fn bytes(&self) -> usize {
        self.bytes
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Sent,
    Marked,
    Lost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    LinkFree,
    Ping,
    /// A sender learns what became of an item.
    Told {
        flow: usize,
        bytes: usize,
        sent: Micros,
        congested: bool,
    },
}

/// One with a window that grows by a segment in a round trip and shrinks to 0.7 of itself when told, as RFC 9438 has
/// it.
#[derive(Debug, Clone, Copy)]
struct Sender {
    window: usize,
    in_flight: usize,
    slow_start: bool,
    told_at: Micros,
}

struct Simulation {
    setup: Setup,
    now: Micros,
    events: BinaryHeap<Reverse<(Micros, Event)>>,
    senders: Vec<Sender>,
    fair: FairQueue<Item>,
    fifo: VecDeque<Item>,
    fifo_cost: usize,
    busy: bool,
    /// What the link has taken and not begun to send, and its bytes.
    below: VecDeque<(Item, Fate)>,
    held: usize,
    outcome: Outcome,
}

fn run(setup: Setup) -> Outcome {
    let sender = Sender { window: 10 * SEGMENT, in_flight: 0, slow_start: true, told_at: 0 };
    let mut simulation = Simulation {
        setup,
        now: 0,
        events: BinaryHeap::from([Reverse((0, Event::Ping))]),
        senders: vec![sender; setup.senders],
        fair: FairQueue::new(Limits::default(), Arc::default()),
        fifo: VecDeque::new(),
        fifo_cost: 0,
        busy: false,
        below: VecDeque::new(),
        held: 0,
        outcome: Outcome { sent: vec![0; setup.senders], time: setup.seconds * SECOND * 4 / 5, ..Outcome::default() },
    };
    let mut random = Random::new(1);
    (0..setup.senders).for_each(|flow| simulation.send(flow));
    while let Some(Reverse((at, event))) = simulation.events.pop()
        && at < setup.seconds * SECOND
    {
        simulation.now = at;
        match event {
            Event::LinkFree => simulation.busy = false,
            Event::Ping => {
                simulation.offer(Item { flow: setup.senders, bytes: 84, came: at });
                // A hundred a second, out of step with everything.
                simulation.at(at + 9_000 + random.next() % 2_000, Event::Ping);
            }
            Event::Told { flow, bytes, sent, congested } => {
                simulation.senders[flow].learn(bytes, sent, congested, at);
                simulation.send(flow);
            }
        }
        simulation.fill_link();
    }
    simulation.outcome.pings.sort_unstable();
    simulation.outcome.bulk.sort_unstable();
    simulation.outcome
}

impl Simulation {
    fn at(&mut self, time: Micros, event: Event) {
        self.events.push(Reverse((time, event)));
    }

    /// Sends what the window allows, and puts off what would be a small super-packet, as hosts do.
    fn send(&mut self, flow: usize) {
        loop {
            let sender = &mut self.senders[flow];
            let room = sender.window.saturating_sub(sender.in_flight);
            let bytes = self.setup.largest.min(sender.window / 3).max(SEGMENT) / SEGMENT * SEGMENT;
            if room < bytes {
                return;
            }
            sender.in_flight += bytes;
            self.offer(Item { flow, bytes, came: self.now });
        }
    }

    fn offer(&mut self, item: Item) {
        match self.setup.queue {
            Kind::Fifo => {
                let cost = item.bytes + ITEM_OVERHEAD;
                if self.fifo_cost + cost > Limits::default().bytes {
                    return self.done(item, Fate::Lost);
                }
                self.fifo_cost += cost;
                self.fifo.push_back(item);
            }
            Kind::Whole => self.wait(item),
            Kind::Parts if self.fair.is_empty() && self.has_room() => self.hand_over(item, Fate::Sent),
            Kind::Parts => {
                for at in (0..item.bytes).step_by(PART) {
                    self.wait(Item { bytes: PART.min(item.bytes - at), ..item });
                }
            }
        }
    }

    fn wait(&mut self, item: Item) {
        let mut lost = Vec::new();
        self.fair.push(item.flow as u64, item, self.now, |item| lost.push(item));
        lost.into_iter().for_each(|item| self.done(item, Fate::Lost));
    }

    fn has_room(&self) -> bool {
        self.held < self.setup.below || (self.below.is_empty() && !self.busy)
    }

    fn hand_over(&mut self, item: Item, fate: Fate) {
        self.held += item.bytes;
        self.below.push_back((item, fate));
    }

    fn fill_link(&mut self) {
        loop {
            if !self.busy
                && let Some((item, fate)) = self.below.pop_front()
            {
                self.held -= item.bytes;
                self.done(item, fate);
                self.busy = true;
                self.at(self.now + (item.bytes as u64 * 8).div_ceil(self.setup.megabits), Event::LinkFree);
            }
            if !self.has_room() {
                return;
            }
            let Some((item, fate)) = self.take() else { return };
            self.hand_over(item, fate);
        }
    }

    /// What the link takes next.
    fn take(&mut self) -> Option<(Item, Fate)> {
        if let Kind::Fifo = self.setup.queue {
            let item = self.fifo.pop_front()?;
            self.fifo_cost -= item.bytes + ITEM_OVERHEAD;
            return Some((item, Fate::Sent));
        }
        let mut lost = Vec::new();
        let popped = self.fair.pop(self.now, |item| lost.push(item));
        lost.into_iter().for_each(|item| self.done(item, Fate::Lost));
        popped.map(|popped| (popped.item, if popped.signal == Signal::Mark { Fate::Marked } else { Fate::Sent }))
    }

    /// An item has left the queue, or was lost.
    fn done(&mut self, item: Item, fate: Fate) {
        if item.flow < self.setup.senders {
            let told =
                Event::Told { flow: item.flow, bytes: item.bytes, sent: item.came, congested: fate != Fate::Sent };
            self.at(self.now + ROUND_TRIP, told);
        }
        if item.came < self.setup.seconds * SECOND / 5 {
            return;
        }
        let waited = self.now - item.came;
        match self.outcome.sent.get_mut(item.flow) {
            _ if fate == Fate::Lost => self.outcome.pings_lost += usize::from(item.flow == self.setup.senders),
            Some(sent) => {
                *sent += item.bytes;
                self.outcome.bulk.push(waited);
            }
            None => self.outcome.pings.push(waited),
        }
    }
}

impl Sender {
    fn learn(&mut self, bytes: usize, sent: Micros, congested: bool, now: Micros) {
        self.in_flight -= bytes;
        if congested {
            // Once for all that was under way.
            if sent >= self.told_at {
                self.window = (self.window * 7 / 10).max(2 * SEGMENT);
                self.told_at = now;
                self.slow_start = false;
            }
        } else if self.slow_start {
            self.window += bytes;
        } else {
            self.window += (SEGMENT * bytes / self.window).max(1);
        }
    }
}

impl Outcome {
    fn ping(&self, percent: usize) -> Micros {
        percentile(&self.pings, percent)
    }

    fn wait(&self, percent: usize) -> Micros {
        percentile(&self.bulk, percent)
    }

    /// Mbit/s.
    fn rate(&self, sender: usize) -> f64 {
        self.sent[sender] as f64 * 8.0 / self.time as f64
    }
}

fn percentile(sorted: &[Micros], percent: usize) -> Micros {
    sorted.get(sorted.len() * percent / 100).copied().unwrap_or_default()
}
