//! Whose turn it is: how long a ping waits, and what a turn is worth that was not used.

use super::*;
use crate::packet::samples::Random;

#[test]
fn a_ping_is_the_next_to_leave_whatever_super_packets_stand_before_it() {
    let mut random = Random::new(7);
    let mut queue = queue(Limits { stale: u64::MAX, ..Limits::default() });
    let mut now = 0;
    for number in 0..10_000 {
        now += random.next() % 5000;
        while queue.len < 20 {
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
        while queue.bytes < 500_000 {
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
