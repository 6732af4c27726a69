//! Who is told to slow down, and what is too late to be sent.

use std::collections::HashMap;

use super::*;

#[test]
fn only_the_flow_that_stands_is_told_to_slow_down() {
    let mut queue = queue(Limits::default());
    let mut marks = HashMap::from([(BULK, 0), (PING, 0)]);
    for number in 0..1000u32 {
        let now = u64::from(number) * 5_000;
        while queue.bytes < 8 * SUPER {
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
