//! What each flow gets of the link, and which flows are told apart.

use super::*;

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
        if queue.bytes < 10 * SUPER {
            queue.push(BULK, item(BULK, 0, SUPER), 0, never);
        }
    }
    assert!(sent[2].abs_diff(sent[1]) <= 2 * SUPER + QUANTUM as usize, "{sent:?}");
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
        if number < 300 && (number < 100 || queue.len < 5) {
            queue.push(64 * 64, item(64 * 64, number, 84), 0, never);
            number += 1;
        }
    }
    assert_eq!(seen, (0..300).collect::<Vec<_>>());
}

fn holds(queue: &FairQueue<Item>, flow: u64) -> bool {
    queue.state.as_ref().is_some_and(|state| (0..BUCKETS).any(|at| state.tags[at] == flow && state.filled.contains(at)))
}
