//! What the queue may hold, alone and beside others, and who pays when it is full.

use std::collections::HashMap;

use super::*;
use crate::packet::samples::Random;
use crate::queue::limits::{POOL_BYTES, QUEUE_OWN};

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
                    let Some(popped) = popped else {
                        assert!(model.values().all(VecDeque::is_empty));
                        continue;
                    };
                    let first = model.get_mut(&popped.item.flow).unwrap().pop_front().unwrap();
                    assert_eq!(first, popped.item, "in order");
                }
            }
            let (len, bytes) =
                model.values().flatten().fold((0, 0), |(len, bytes), item| (len + 1, bytes + item.bytes));
            assert_eq!((queue.len, queue.bytes, queue.is_empty()), (len, bytes, len == 0));
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
    assert_eq!(queue.len, Limits::default().bytes / (1 + ITEM_OVERHEAD));
    assert_eq!(queue.len + lost, 100_000);
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
    let (len, bytes) = (queue.len, queue.bytes);
    let mut refused = Vec::new();
    for bytes in [Limits::default().bytes - ITEM_OVERHEAD + 1, usize::MAX] {
        queue.push(3, item(3, 0, bytes), 0, |item| refused.push(item.flow));
    }
    assert_eq!(refused, [3, 3]);
    assert_eq!((queue.len, queue.bytes), (len, bytes), "what is larger than the queue pushes nothing out");
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
    let memory: usize = stuck.iter().map(|queue| queue.bytes + queue.len * ITEM_OVERHEAD).sum();
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
    assert_eq!(queue.len, 1, "what waits stays");
    let _ = queue.pop(0, never);
    queue.release();
    assert!(queue.state.is_none());
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
