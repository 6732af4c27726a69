//! What the queue is for, as figures: a link, greedy senders whose windows grow until they are told, and a ping.
//! Nothing is random and no clock is read, so the figures are the same on every machine; docs/performance.md shows
//! them.
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
/// Ten datagrams: what the carrier takes with one call.
const PART: usize = 14_000;

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
    Fair,
    /// Fair, and the link takes a part of an item at once.
    FairInParts,
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
fn a_ping_beside_a_greedy_sender_waits_for_one_super_packet_and_not_for_the_queue() {
    let setup = Setup { megabits: 100, senders: 1, largest: 65_536, seconds: 25, queue: Kind::Fair, below: 0 };
    let fair = run(setup);
    let fifo = run(Setup { queue: Kind::Fifo, ..setup });
    let parts = run(Setup { queue: Kind::FairInParts, ..setup });
    let item = 65_536 * 8 / setup.megabits;

    assert!(fair.pings.len() > 1900 && fair.pings_lost == 0);
    assert!(fair.ping(99) <= item, "{} us", fair.ping(99));
    assert!(fifo.ping(99) >= 20 * fair.ping(99), "{} us and {} us", fifo.ping(99), fair.ping(99));
    assert!(parts.ping(99) <= item / 4, "{} us", parts.ping(99));
    // It costs the sender next to nothing, and spares it a queue.
    for outcome in [&fair, &parts] {
        assert!(outcome.rate(0) >= 0.95 * fifo.rate(0), "{} and {} Mbit/s", outcome.rate(0), fifo.rate(0));
        assert!(outcome.wait(50) * 5 < fifo.wait(50), "{} us and {} us", outcome.wait(50), fifo.wait(50));
    }
}

#[test]
fn greedy_senders_have_equal_shares_and_a_ping_still_waits_for_one_item() {
    let setup = Setup { megabits: 100, senders: 10, largest: 65_536, seconds: 25, queue: Kind::Fair, below: 0 };
    let fair = run(setup);
    assert!(fair.ping(99) <= 65_536 * 8 / setup.megabits, "{} us", fair.ping(99));
    let (least, most) = (fair.sent.iter().min().unwrap(), fair.sent.iter().max().unwrap());
    assert!(*least as f64 > 0.8 * *most as f64, "{:?}", fair.sent);
}

#[test]
fn a_line_below_the_queue_undoes_it() {
    let setup = Setup { megabits: 100, senders: 1, largest: 65_536, seconds: 25, queue: Kind::Fair, below: 0 };
    let deep = run(Setup { below: 1_000_000, ..setup });
    // Eighty milliseconds of the link, where no flow goes before another.
    assert!(deep.ping(99) > 10 * run(setup).ping(99), "{} us", deep.ping(99));
}

/// `cargo test -p ray-engine --lib queue::simulation -- --nocapture` shows the table of docs/performance.md.
#[test]
fn the_table_of_the_performance_page() {
    println!("| link, senders | queue | below it | ping p50 ms | p99 ms | Mbit/s | bulk wait p50 ms | p99 ms |");
    println!("|---|---|---|---|---|---|---|---|");
    let links = [(10, 1, 16_384, 12), (100, 1, 65_536, 12), (100, 10, 65_536, 12), (1000, 1, 65_536, 4)];
    let queues = [
        ("one line", Kind::Fifo, 0),
        ("fair", Kind::Fair, 0),
        ("fair, in parts", Kind::FairInParts, 0),
        ("fair, in parts", Kind::FairInParts, 65_536),
        ("fair, in parts", Kind::FairInParts, 262_144),
        ("fair, in parts", Kind::FairInParts, 2_500_000),
    ];
    for (megabits, senders, largest, seconds) in links {
        for (name, queue, below) in queues {
            let outcome = run(Setup { megabits, senders, largest, seconds, queue, below });
            let ms = |us: Micros| us as f64 / 1000.0;
            println!(
                "| {megabits} Mbit/s, {senders} | {name} | {} KiB | {:.2} | {:.2} | {:.1} | {:.1} | {:.1} |",
                below / 1024,
                ms(outcome.ping(50)),
                ms(outcome.ping(99)),
                (0..senders).map(|sender| outcome.rate(sender)).sum::<f64>(),
                ms(outcome.wait(50)),
                ms(outcome.wait(99)),
            );
            assert!(!outcome.pings.is_empty() && outcome.pings_lost == 0);
        }
    }
}

/// Something on its way. The flow is the sender's number; the ping's is the one after.
#[derive(Debug, Clone, Copy)]
struct Item {
    flow: usize,
    size: usize,
    came: Micros,
    left: usize,
    marked: bool,
}

impl Weigh for Item {
    fn bytes(&self) -> usize {
        self.left
    }
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
    /// What the link has taken: parts of items, the bytes of each, and whether it is the last.
    below: VecDeque<(Item, usize, bool)>,
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
                simulation.push(Item { flow: setup.senders, size: 84, came: at, left: 84, marked: false });
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

    /// Sends what the window allows.
    fn send(&mut self, flow: usize) {
        loop {
            let sender = &mut self.senders[flow];
            let bytes = self.setup.largest.min(sender.window.saturating_sub(sender.in_flight)) / SEGMENT * SEGMENT;
            if bytes == 0 {
                return;
            }
            sender.in_flight += bytes;
            self.push(Item { flow, size: bytes, came: self.now, left: bytes, marked: false });
        }
    }

    fn push(&mut self, item: Item) {
        let mut lost = Vec::new();
        if let Kind::Fifo = self.setup.queue {
            let cost = item.size + ITEM_OVERHEAD;
            if self.fifo_cost + cost > Limits::default().bytes {
                lost.push(item);
            } else {
                self.fifo_cost += cost;
                self.fifo.push_back(item);
            }
        } else {
            self.fair.push(item.flow as u64, item, self.now, |item| lost.push(item));
        }
        lost.into_iter().for_each(|item| self.done(item, true));
    }

    fn fill_link(&mut self) {
        loop {
            if !self.busy
                && let Some((item, bytes, last)) = self.below.pop_front().or_else(|| self.take())
            {
                if last {
                    self.done(item, item.marked);
                }
                self.busy = true;
                self.at(self.now + (bytes as u64 * 8).div_ceil(self.setup.megabits), Event::LinkFree);
            }
            let held: usize = self.below.iter().map(|(_, bytes, _)| bytes).sum();
            if held >= self.setup.below {
                return;
            }
            let Some(taken) = self.take() else { return };
            self.below.push_back(taken);
        }
    }

    /// What the link takes next.
    fn take(&mut self) -> Option<(Item, usize, bool)> {
        if let Kind::Fifo = self.setup.queue {
            let item = self.fifo.pop_front()?;
            self.fifo_cost -= item.size + ITEM_OVERHEAD;
            return Some((item, item.size, true));
        }
        let mut lost = Vec::new();
        let popped = self.fair.pop(self.now, |item| lost.push(item));
        let taken = popped.map(|mut popped| {
            let part = if let Kind::FairInParts = self.setup.queue { PART } else { usize::MAX };
            let sent = popped.item.left.min(part);
            popped.item.left -= sent;
            popped.item.marked |= popped.signal == Signal::Mark;
            let item = popped.item;
            if item.left > 0 {
                self.fair.put_back(popped, |item| lost.push(item));
            }
            (item, sent, item.left == 0)
        });
        lost.into_iter().for_each(|item| self.done(item, true));
        taken
    }

    /// An item has left the queue, or was lost.
    fn done(&mut self, item: Item, congested: bool) {
        let lost = congested && !item.marked;
        if item.flow < self.setup.senders {
            let (flow, bytes, sent) = (item.flow, item.size, item.came);
            self.at(self.now + ROUND_TRIP, Event::Told { flow, bytes, sent, congested });
        }
        if item.came < self.setup.seconds * SECOND / 5 {
            return;
        }
        let waited = self.now - item.came;
        match self.outcome.sent.get_mut(item.flow) {
            _ if lost => self.outcome.pings_lost += usize::from(item.flow == self.setup.senders),
            Some(sent) => {
                *sent += item.size;
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
