//! What the queue promises each flow, and that it loses, mixes up and invents nothing.
#![allow(clippy::cast_possible_truncation, reason = "test data is small")]

use std::collections::HashMap;

use super::{
    super::limits::{POOL_BYTES, QUEUE_OWN},
    *,
};
use crate::packet::samples::Random;

const SUPER: usize = 65_536;
const BULK: u64 = 1;
const PING: u64 = 1 + 64;

/// A flow, its number in it, and the bytes that it says it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Item {
    flow: u64,
    number: u32,
    bytes: usize,
}

impl Weigh for Item {
    fn bytes(&self) -> usize {
        self.bytes
    }
}

#[test]
fn a_ping_is_the_next_to_leave_whatever_super_packets_stand_before_it() {
    let mut random = Random::new(7);
    let mut queue = queue(Limits { stale: u64::MAX, ..Limits::default() });
    let mut now = 0;
    for number in 0..10_000 {
        now += random.next() % 5000;
        while queue.len() < 20 {
            let flow = random.next() % 10;
            queue.push(flow, item(flow, 0, SUPER), now, never);
        }
        if random.below(3) == 0 {
            queue.push(PING, item(PING, number, 84), now, never);
            assert_eq!(queue.pop(now + 5000, never).unwrap().item, item(PING, number, 84));
        } else {
            assert_ne!(queue.pop(now, never).unwrap().item.flow, PING);
        }
    }
}

#[test]
fn a_ping_waits_for_one_turn_at_most_of_a_flow_of_small_packets() {
    let mut random = Random::new(8);
    let mut queue = queue(Limits { stale: u64::MAX, ..Limits::default() });
    let (mut before, mut waited) = (None, Vec::new());
    for _ in 0..20_000 {
        while queue.bytes() < 500_000 {
            queue.push(BULK, item(BULK, 0, 1 + random.below(1500)), 0, never);
        }
        if before.is_none() && random.below(30) == 0 {
            queue.push(PING, item(PING, 0, 84), 0, never);
            before = Some(0);
        }
        let left = queue.pop(0, never).unwrap().item;
        if left.flow == PING {
            waited.extend(before.take());
        } else {
            before = before.map(|bytes| bytes + left.bytes);
        }
    }
    let at_once = waited.iter().filter(|bytes| **bytes == 0).count();
    assert!(*waited.iter().max().unwrap() <= QUANTUM as usize + 1500, "{waited:?}");
    // Those that began a flow: the one before had left, and a turn had gone round.
    assert!(at_once * 2 > waited.len(), "{at_once} of {}", waited.len());
}

#[test]
fn flows_that_stand_have_equal_shares_within_a_quantum_and_an_item() {
    for (count, sizes) in
        [(2, &[SUPER, 1280][..]), (5, &[1280]), (10, &[SUPER, 20_000, 1280, 200]), (64, &[4000, 1280])]
    {
        let mut queue = queue(Limits { bytes: 64 << 20, stale: u64::MAX, ..Limits::default() });
        let mut sent = vec![0; count];
        let size = |flow: usize| sizes[flow % sizes.len()];
        for flow in 0..count {
            // Hashes that meet in one bucket.
            (0..4).for_each(|n| queue.push(flow as u64 * 64, item(flow as u64, n, size(flow)), 0, never));
        }
        for now in 0..10_000 {
            let popped = queue.pop(now, never).unwrap().item;
            sent[popped.flow as usize] += popped.bytes;
            queue.push(popped.flow * 64, item(popped.flow, 0, popped.bytes), now, never);
            let (least, most) = (sent.iter().min().unwrap(), sent.iter().max().unwrap());
            let bound = QUANTUM as usize + 2 * sizes[0];
            assert!(most - least <= bound, "{count} flows of {sizes:?} after {now}: {least} to {most}");
        }
    }
}

#[test]
fn a_flow_that_was_idle_has_no_credit() {
    let mut queue = queue(Limits { stale: u64::MAX, ..Limits::default() });
    let refill = |queue: &mut FairQueue<Item>, flow| queue.push(flow, item(flow, 0, 1280), 0, never);
    (0..10).for_each(|_| refill(&mut queue, BULK));
    for _ in 0..10_000 {
        let flow = queue.pop(0, never).unwrap().item.flow;
        refill(&mut queue, flow);
    }
    (0..10).for_each(|_| refill(&mut queue, 2));
    let mut sent = [0; 3];
    for _ in 0..1000 {
        let flow = queue.pop(0, never).unwrap().item.flow;
        sent[flow as usize] += 1280;
        refill(&mut queue, flow);
        assert!(sent[2] <= sent[1] + 2 * QUANTUM as usize + 1280, "its first turn and the next: {sent:?}");
    }
}

#[test]
fn a_turn_that_a_flow_did_not_use_is_gone() {
    let mut queue = queue(Limits { stale: u64::MAX, ..Limits::default() });
    (0..50).for_each(|_| queue.push(BULK, item(BULK, 0, 1280), 0, never));
    for _ in 0..1000 {
        // A packet of it goes, and the round goes on until it is on no list.
        queue.push(2, item(2, 0, 84), 0, never);
        while queue.state.as_ref().is_some_and(|state| state.listed.contains(2)) {
            queue.push(BULK, item(BULK, 0, 1280), 0, never);
            let _ = queue.pop(0, never);
        }
    }
    (0..100).for_each(|number| queue.push(2, item(2, number, 1280), 0, never));
    let first = std::iter::from_fn(|| queue.pop(0, never)).take_while(|popped| popped.item.flow == 2).count();
    let turn = QUANTUM as usize / 1280;
    assert!((turn..=turn + 1).contains(&first), "{first} packets before the standing flow");
}

#[test]
fn who_sent_more_is_forgotten_once_the_link_has_nothing_to_send() {
    for idle in [false, true] {
        let mut queue = queue(Limits::default());
        queue.push(BULK, item(BULK, 0, SUPER), 0, never);
        assert_eq!(queue.pop(0, never).unwrap().item.flow, BULK);
        if idle {
            assert!(queue.pop(0, never).is_none());
        }
        queue.push(BULK, item(BULK, 0, 84), 0, never);
        queue.push(2, item(2, 0, 84), 0, never);
        assert_eq!(queue.pop(0, never).unwrap().item.flow, if idle { BULK } else { 2 });
    }
}

#[test]
fn a_flow_is_not_told_to_slow_down_for_one_that_had_its_bucket_before() {
    let limits = Limits { stale: u64::MAX, ..Limits::default() };
    let mut queue = queue(limits);
    let mut marks_of = |flow: u64, from: Micros| -> Vec<Micros> {
        (0..3).for_each(|_| queue.push(flow, item(flow, 0, 1280), from, never));
        let mut marks = Vec::new();
        for ms in 0..500 {
            let now = from + ms * 1000;
            queue.push(flow, item(flow, 0, 1280), now.saturating_sub(50_000), never);
            if queue.pop(now, never).unwrap().signal == Signal::Mark {
                marks.push(ms);
            }
        }
        while queue.pop(from + 500_000, never).is_some() {}
        marks
    };
    let first = marks_of(7, 1_000_000);
    assert!(first.len() > 3, "{first:?}");
    assert_eq!(marks_of(7 + 64, 1_600_000), first);
    let again = marks_of(7 + 64, 2_200_000);
    assert!(again.len() > first.len(), "the same flow is told as often as before: {again:?}");
}

#[test]
fn a_flow_that_empties_with_each_item_gains_nothing_by_that() {
    let mut queue = queue(Limits { stale: u64::MAX, ..Limits::default() });
    let mut sent = [0; 3];
    queue.push(BULK, item(BULK, 0, SUPER), 0, never);
    for _ in 0..4000 {
        // One item at a time, and always at once.
        if !holds(&queue, 2) {
            queue.push(2, item(2, 0, SUPER), 0, never);
        }
        queue.push(BULK, item(BULK, 0, 1280), 0, never);
        let popped = queue.pop(0, never).unwrap().item;
        sent[popped.flow as usize] += popped.bytes;
        if queue.bytes() < 10 * SUPER {
            queue.push(BULK, item(BULK, 0, SUPER), 0, never);
        }
    }
    assert!(sent[2].abs_diff(sent[1]) <= 2 * SUPER + QUANTUM as usize, "{sent:?}");
}

#[test]
fn new_flows_without_end_do_not_keep_a_standing_one_from_its_turn() {
    let mut queue = queue(Limits { bytes: 64 << 20, stale: u64::MAX, ..Limits::default() });
    (0..1000).for_each(|_| queue.push(BULK, item(BULK, 0, 1400), 0, never));
    let (mut since, mut served) = (0, 0);
    for flow in 1000..11_000 {
        // Each packet of a flow of its own, twice as fast as they leave.
        queue.push(flow, item(flow, 0, 1400), 0, never);
        queue.push(flow + 100_000, item(flow, 0, 1400), 0, never);
        since += 1400;
        if queue.pop(0, never).unwrap().item.flow == BULK {
            (since, served) = (0, served + 1);
        }
        let round = BUCKETS * (QUANTUM as usize + 1400);
        assert!(since < round, "the standing flow waited for {since} bytes");
    }
    // A turn in each round.
    assert!(served > 10 * QUANTUM as usize / 1400, "{served} packets");
}

#[test]
fn flows_share_a_bucket_only_when_more_stand_than_there_are() {
    let mut queue = queue(Limits { stale: u64::MAX, ..Limits::default() });
    // All want the same one.
    for flow in 0..64u64 {
        (0..4).for_each(|number| queue.push(flow * 64, item(flow * 64, number, 1280), 0, never));
    }
    let state = queue.state.as_ref().unwrap();
    assert!(state.flows.iter().all(|flow| flow.items == 4));
    assert_eq!(state.shared.0, 0);
    queue.push(64 * 64, item(64 * 64, 0, 84), 0, never);
    assert_eq!(queue.state.as_ref().unwrap().shared.0, 1);
    // It stays behind what it shares with, also when buckets are free again and more of it comes.
    let mut seen = Vec::new();
    let mut number = 1;
    while let Some(popped) = queue.pop(0, never) {
        if popped.item.flow == 64 * 64 {
            seen.push(popped.item.number);
        }
        if number < 300 && (number < 100 || queue.len() < 5) {
            queue.push(64 * 64, item(64 * 64, number, 84), 0, never);
            number += 1;
        }
    }
    assert_eq!(seen, (0..300).collect::<Vec<_>>());
}

#[test]
fn nothing_is_lost_unsaid_reordered_or_beyond_the_limit() {
    for (seed, flows, limit) in
        [(1, 3, 300_000), (2, 40, 400_000), (3, 200, 2 << 20), (4, 500, 100_000), (5, 90, 200_000)]
    {
        let mut random = Random::new(seed);
        let limits = Limits { bytes: limit, ..Limits::default() };
        let mut queue = queue(limits);
        let mut model: HashMap<u64, VecDeque<Item>> = HashMap::new();
        let (mut now, mut numbers) = (0, 0);
        // Hashes that are small, meet often, and one that is zero like a bucket's tag before its first flow.
        let hash = |flow: usize| if flow.is_multiple_of(2) { flow as u64 } else { flow as u64 * 64 };
        for step in 0..8000 {
            // Now and then far too long, so that items are stale.
            now += if random.below(2000) == 0 { 700_000 } else { random.next() % 2000 };
            let mut lost = Vec::new();
            let filling = step / 1000 % 2 == 0;
            match random.below(100) {
                0 => queue.release(),
                at if (at < 75) == filling => {
                    let flow = hash(random.below(flows));
                    let bytes = [20, 84, 1280, random.below(SUPER), SUPER, limit][random.below(51) / 10];
                    let item = Item { flow, number: numbers, bytes };
                    numbers += 1;
                    model.entry(flow).or_default().push_back(item);
                    queue.push(flow, item, now, |item| lost.push(item));
                    // What does not fit at all was never before the others.
                    if lost.first() == Some(&item) {
                        assert_eq!(model.get_mut(&flow).unwrap().pop_back(), lost.pop());
                    }
                    forget(&mut model, &lost);
                }
                _ => {
                    let popped = queue.pop(now, |item| lost.push(item));
                    forget(&mut model, &lost);
                    assert!(lost.is_empty() || popped.is_some(), "the last of a flow goes");
                    let Some(mut popped) = popped else {
                        assert!(model.values().all(VecDeque::is_empty));
                        continue;
                    };
                    let first = model.get_mut(&popped.item.flow).unwrap().pop_front().unwrap();
                    assert_eq!(first, popped.item, "in order");
                    if random.below(3) == 0 {
                        // Half of it was sent; others may come in the meantime.
                        popped.item.bytes /= 2;
                        let rest = popped.item;
                        if random.below(4) == 0 {
                            let flow = hash(random.below(flows));
                            let item = Item { flow, number: numbers, bytes: 500 };
                            numbers += 1;
                            model.entry(flow).or_default().push_back(item);
                            let mut lost = Vec::new();
                            queue.push(flow, item, now, |item| lost.push(item));
                            forget(&mut model, &lost);
                        }
                        model.entry(rest.flow).or_default().push_front(rest);
                        let mut lost = Vec::new();
                        queue.put_back(popped, |item| lost.push(item));
                        forget(&mut model, &lost);
                    }
                }
            }
            let (len, bytes) =
                model.values().flatten().fold((0, 0), |(len, bytes), item| (len + 1, bytes + item.bytes));
            assert_eq!((queue.len(), queue.bytes(), queue.is_empty()), (len, bytes, len == 0));
            assert!(bytes + len * ITEM_OVERHEAD <= limit);
            assert_eq!(queue.pool.used(), bytes + len * ITEM_OVERHEAD);
            let (inside, in_flows) = inside(&queue);
            assert_eq!((inside, in_flows), (len, (len, bytes)));
        }
    }
}

#[test]
fn a_queue_of_tiny_packets_stays_as_small_as_one_of_large_ones() {
    let mut queue = queue(Limits::default());
    let mut lost = 0;
    for number in 0..100_000 {
        queue.push(u64::from(number % 100), item(0, number, 1), 0, |_| lost += 1);
    }
    assert_eq!(queue.len(), Limits::default().bytes / (1 + ITEM_OVERHEAD));
    assert_eq!(queue.len() + lost, 100_000);
    let capacity = queue.state.as_ref().unwrap().items.capacity();
    assert!(capacity <= 16 * 1024, "{capacity} places");
}

#[test]
fn what_fills_the_queue_pays_for_it() {
    let mut queue = queue(Limits::default());
    for number in 0..10 {
        queue.push(PING, item(PING, number, 84), 0, never);
    }
    let mut lost = Vec::new();
    for number in 0..100 {
        queue.push(BULK, item(BULK, number, SUPER), 0, |item| lost.push(item));
        queue.push(2, item(2, number, 1280), 0, |item| lost.push(item));
    }
    assert!(lost.iter().all(|item| item.flow == BULK), "{lost:?}");
    assert!(lost.iter().map(|item| item.number).eq(0..lost.len() as u32), "the oldest first");
    let (len, bytes) = (queue.len(), queue.bytes());
    let mut refused = Vec::new();
    for bytes in [Limits::default().bytes - ITEM_OVERHEAD + 1, usize::MAX] {
        queue.push(3, item(3, 0, bytes), 0, |item| refused.push(item.flow));
    }
    assert_eq!(refused, [3, 3]);
    assert_eq!((queue.len(), queue.bytes()), (len, bytes), "what is larger than the queue pushes nothing out");
}

#[test]
fn links_that_are_stuck_leave_room_for_one_that_is_not() {
    let pool = Arc::new(Pool::default());
    let mut stuck: Vec<_> = (0..200).map(|_| FairQueue::new(Limits::default(), pool.clone())).collect();
    for number in 0..40 {
        for queue in &mut stuck {
            queue.push(BULK, item(BULK, number, SUPER), 0, |_| {});
            queue.push(2, item(2, number, 84), 0, |_| {});
        }
    }
    assert!(pool.used() > POOL_BYTES - 2 * SUPER);
    assert!(pool.used() <= POOL_BYTES + stuck.len() * QUEUE_OWN, "{}", pool.used());
    let memory: usize = stuck.iter().map(|queue| queue.bytes() + queue.len() * ITEM_OVERHEAD).sum();
    assert_eq!(pool.used(), memory);
    let mut other = FairQueue::new(Limits::default(), pool.clone());
    other.push(BULK, item(BULK, 0, SUPER), 0, never);
    other.push(BULK, item(BULK, 1, SUPER), 0, never);
    other.push(PING, item(PING, 0, 84), 0, never);
    let mut lost = Vec::new();
    other.push(BULK, item(BULK, 2, SUPER), 0, |item| lost.push(item.number));
    assert_eq!(lost, [0], "its own oldest, not that of another link");
    // What is given up is there for the others.
    drop(stuck);
    (3..20).for_each(|number| other.push(BULK, item(BULK, number, SUPER), 0, never));
    drop(other);
    assert_eq!(pool.used(), 0);
}

#[test]
fn only_the_flow_that_stands_is_told_to_slow_down() {
    let mut queue = queue(Limits::default());
    let mut marks = HashMap::from([(BULK, 0), (PING, 0)]);
    for number in 0..1000u32 {
        let now = u64::from(number) * 5_000;
        while queue.bytes() < 8 * SUPER {
            queue.push(BULK, item(BULK, 0, SUPER), now, never);
        }
        if number % 4 == 0 {
            queue.push(PING, item(PING, 0, 84), now.saturating_sub(4_000), never);
        }
        let popped = queue.pop(now, never).unwrap();
        *marks.get_mut(&popped.item.flow).unwrap() += usize::from(popped.signal == Signal::Mark);
    }
    assert!(marks[&BULK] > 50, "{marks:?}");
    assert_eq!(marks[&PING], 0);
}

#[test]
fn what_waited_far_too_long_is_given_up_but_for_a_flows_last() {
    let mut queue = queue(Limits::default());
    (0..5).for_each(|number| queue.push(BULK, item(BULK, number, SUPER), 0, never));
    let mut lost = Vec::new();
    let at = Limits::default().stale;
    assert_eq!(queue.pop(at, never).unwrap().item.number, 0, "half a second is not too long");
    queue.push(PING, item(PING, 0, 84), 0, never);
    let mut left = Vec::new();
    while let Some(popped) = queue.pop(at + 1, |item| lost.push(item.number)) {
        left.push((popped.item.flow, popped.item.number));
    }
    assert_eq!(lost, [1, 2, 3]);
    left.sort_unstable();
    assert_eq!(left, [(BULK, 4), (PING, 0)]);
}

#[test]
fn a_ping_passes_between_two_parts_of_a_super_packet() {
    let mut queue = queue(Limits::default());
    (0..3).for_each(|number| queue.push(BULK, item(BULK, number, SUPER), 0, never));
    let mut order = Vec::new();
    for step in 0..16 {
        let mut popped = queue.pop(0, never).unwrap();
        order.push((popped.item.flow, popped.item.number, popped.item.bytes));
        if popped.item.flow == BULK && popped.item.bytes > SUPER / 4 {
            popped.item.bytes -= SUPER / 4;
            queue.put_back(popped, never);
        }
        if step == 1 {
            queue.push(PING, item(PING, 0, 84), 0, never);
        }
        if queue.is_empty() {
            break;
        }
    }
    let parts = |number| (1..=4).rev().map(move |quarters| (BULK, number, quarters * SUPER / 4));
    let mut wanted: Vec<_> = (0..3).flat_map(parts).collect();
    wanted.insert(2, (PING, 0, 84));
    assert_eq!(order, wanted);
}

#[test]
fn parts_are_charged_as_the_whole_would_be() {
    let mut queue = queue(Limits { stale: u64::MAX, ..Limits::default() });
    (0..5).for_each(|_| queue.push(BULK, item(BULK, 0, SUPER), 0, never));
    (0..5).for_each(|_| queue.push(2, item(2, 0, SUPER), 0, never));
    let mut sent = [0; 3];
    for _ in 0..20_000 {
        let mut popped = queue.pop(0, never).unwrap();
        let flow = popped.item.flow;
        // One flow goes in parts, the other whole.
        let part = if flow == BULK { popped.item.bytes.min(1400) } else { popped.item.bytes };
        sent[flow as usize] += part;
        popped.item.bytes -= part;
        if popped.item.bytes == 0 {
            queue.push(flow, item(flow, 0, SUPER), 0, never);
        } else {
            queue.put_back(popped, never);
        }
        assert!(sent[1].abs_diff(sent[2]) <= 2 * SUPER + QUANTUM as usize, "{sent:?}");
    }
}

#[test]
fn a_warm_queue_asks_for_no_more_memory_and_an_idle_one_gives_it_back() {
    let mut queue = queue(Limits::default());
    assert!(queue.state.is_none(), "none before the first item");
    let run = |queue: &mut FairQueue<Item>| {
        let mut random = Random::new(9);
        for number in 0..20_000 {
            queue.push(random.next() % 200, item(0, number, 1280), 0, |_| {});
            if number % 3 != 0 {
                let _ = queue.pop(0, never);
            }
        }
        while queue.pop(0, never).is_some() {}
    };
    run(&mut queue);
    let held = |queue: &FairQueue<Item>| {
        let state = queue.state.as_ref().unwrap();
        (state.items.capacity(), state.fresh.capacity(), state.standing.capacity())
    };
    let warm = held(&queue);
    run(&mut queue);
    assert_eq!(held(&queue), warm);
    assert_eq!((warm.1, warm.2), (BUCKETS, BUCKETS));
    queue.push(1, item(1, 1, 1), 0, never);
    queue.release();
    assert_eq!(queue.len(), 1, "what waits stays");
    let _ = queue.pop(0, never);
    queue.release();
    assert!(queue.state.is_none());
}

fn queue(limits: Limits) -> FairQueue<Item> {
    FairQueue::new(limits, Arc::default())
}

fn item(flow: u64, number: u32, bytes: usize) -> Item {
    Item { flow, number, bytes }
}

fn holds(queue: &FairQueue<Item>, flow: u64) -> bool {
    queue.state.as_ref().is_some_and(|state| (0..BUCKETS).any(|at| state.tags[at] == flow && state.filled.contains(at)))
}

/// Items counted by the sets' buckets, and items and bytes as the flows count them.
fn inside(queue: &FairQueue<Item>) -> (usize, (usize, usize)) {
    let Some(state) = &queue.state else { return (0, (0, 0)) };
    let filled = (0..BUCKETS).filter(|at| state.filled.contains(*at)).map(|at| state.flows[at].items).sum();
    assert_eq!(state.filled.0 & !state.listed.0, 0, "what holds something has a turn");
    let listed = state.fresh.iter().chain(&state.standing).fold(0, |set, at| {
        assert_eq!(set >> at & 1, 0, "one turn a round");
        set | 1u64 << at
    });
    assert_eq!(listed, state.listed.0);
    (filled, state.flows.iter().fold((0, 0), |(items, bytes), flow| (items + flow.items, bytes + flow.bytes)))
}

fn forget(model: &mut HashMap<u64, VecDeque<Item>>, lost: &[Item]) {
    for item in lost {
        assert_eq!(model.get_mut(&item.flow).unwrap().pop_front().as_ref(), Some(item), "the oldest of its flow");
    }
}

fn never(item: Item) {
    panic!("lost {item:?}");
}
