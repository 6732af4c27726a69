//! When a network is published and looked up, and how failures slow that down.

use super::*;

const MINUTE: Millis = 60_000;

#[test]
fn publishes_once_for_a_burst_of_changes() {
    let mut publisher = coordinator(0);
    for now in [1_000, 2_000, 9_999] {
        publisher.changed(now);
        assert_eq!(publish(&mut publisher, now), None);
    }
    assert_eq!(publisher.wake_at(), Some(10_000));
    assert_eq!(publish(&mut publisher, 10_000), Some(Task::Publish));
    assert_eq!(publish(&mut publisher, 10_000), None);
}

#[test]
fn a_change_during_a_publication_is_published_after_it() {
    let mut publisher = coordinator(0);
    assert_eq!(publish(&mut publisher, 10_000), Some(Task::Publish));
    publisher.changed(11_000);
    assert_eq!(publish(&mut publisher, 5 * MINUTE), None);
    publisher.published(true, 5 * MINUTE);
    assert_eq!(publish(&mut publisher, 5 * MINUTE), Some(Task::Publish));
}

#[test]
fn publishes_no_more_than_once_a_minute_however_often_the_network_changes() {
    let mut publisher = coordinator(0);
    let mut times = Vec::new();
    for now in (0..10 * MINUTE).step_by(1_000) {
        publisher.changed(now);
        if publish(&mut publisher, now).is_some() {
            times.push(now);
            publisher.published(true, now);
        }
    }
    assert!(times.len() >= 9, "{times:?}");
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= MINUTE), "{times:?}");
}

#[test]
fn publishes_again_after_about_half_an_hour_and_each_node_at_its_own_time() {
    let waits: Vec<_> = (0..20_u8)
        .map(|number| {
            let mut publisher = Publisher::new([number; 32], 0);
            publisher.linked(true, 0);
            publisher.allow(true, 0);
            assert_eq!(publisher.next(10_000), Some(Task::Publish));
            publisher.published(true, 10_000);
            publisher.wake_at().unwrap() - 10_000
        })
        .collect();
    assert!(waits.iter().all(|wait| (25 * MINUTE..35 * MINUTE).contains(wait)), "{waits:?}");
    assert!(waits.iter().any(|wait| *wait != waits[0]));
}

#[test]
fn backs_off_when_nothing_takes_the_record_and_recovers() {
    let mut publisher = coordinator(0);
    let mut now = 10_000;
    let mut waits = Vec::new();
    for _ in 0..12 {
        assert_eq!(publish(&mut publisher, now), Some(Task::Publish));
        publisher.published(false, now);
        let wait = publisher.wake_at().unwrap() - now;
        waits.push(wait);
        now += wait;
    }
    assert!((30_000..40_000).contains(&waits[0]), "{waits:?}");
    assert!(waits[11] >= 30 * MINUTE && waits[11] <= 40 * MINUTE, "{waits:?}");
    assert_eq!(publish(&mut publisher, now), Some(Task::Publish));
    publisher.published(true, now);
    assert_eq!(publish(&mut publisher, now + 36 * MINUTE), Some(Task::Publish));
    publisher.published(false, now);
    assert!(publisher.wake_at().unwrap() - now < MINUTE);
}

#[test]
fn a_change_does_not_shorten_the_back_off() {
    let mut publisher = coordinator(0);
    let mut now = 10_000;
    for _ in 0..8 {
        assert_eq!(publish(&mut publisher, now), Some(Task::Publish));
        publisher.published(false, now);
        let due = publisher.wake_at().unwrap();
        publisher.changed(now);
        assert_eq!(publisher.wake_at(), Some(due));
        now = publisher.wake_at().unwrap();
    }
}

#[test]
fn tries_again_soon_when_a_member_is_linked_after_failures() {
    let mut publisher = coordinator(0);
    publisher.linked(false, 0);
    let mut now = 0;
    while now < 300 * MINUTE {
        now = publisher.wake_at().unwrap();
        while let Some(task) = publisher.next(now) {
            match task {
                Task::Publish => publisher.published(false, now),
                Task::LookUp => publisher.looked_up(now),
            }
        }
    }
    publisher.linked(true, now + MINUTE);
    assert_eq!(publisher.wake_at(), Some(now + MINUTE + 10_000));
}

#[test]
fn a_node_without_the_key_publishes_nothing_and_stops_when_it_loses_it() {
    let mut publisher = Publisher::new([1; 32], 0);
    publisher.linked(true, 0);
    publisher.changed(0);
    assert_eq!((publisher.next(100 * MINUTE), publisher.wake_at()), (None, None));
    publisher.allow(true, 0);
    publisher.allow(false, 1);
    assert_eq!((publisher.next(100 * MINUTE), publisher.wake_at()), (None, None));
    publisher.allow(true, 2);
    assert_eq!(publisher.next(100 * MINUTE), Some(Task::Publish));
    publisher.allow(false, 100 * MINUTE);
    publisher.published(true, 100 * MINUTE);
    assert_eq!((publisher.next(300 * MINUTE), publisher.wake_at()), (None, None));
}

#[test]
fn looks_the_record_up_when_it_saw_nobody_for_a_minute_and_then_less_and_less() {
    let mut publisher = Publisher::new([1; 32], 0);
    assert_eq!(publisher.next(MINUTE - 1), None);
    let mut now = MINUTE;
    let mut waits = Vec::new();
    for _ in 0..10 {
        assert_eq!(publisher.next(now), Some(Task::LookUp));
        assert_eq!((publisher.next(now), publisher.wake_at()), (None, None));
        publisher.looked_up(now);
        waits.push(publisher.wake_at().unwrap() - now);
        now = publisher.wake_at().unwrap();
    }
    assert!(waits[0] < 2 * MINUTE, "{waits:?}");
    assert!(waits.windows(2).take(4).all(|pair| pair[0] < pair[1]), "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= 38 * MINUTE), "{waits:?}");
    assert!(waits[9] >= 30 * MINUTE, "{waits:?}");
}

#[test]
fn a_linked_member_ends_the_search_and_its_loss_begins_another() {
    let mut publisher = Publisher::new([1; 32], 0);
    publisher.linked(true, 30_000);
    assert_eq!((publisher.next(100 * MINUTE), publisher.wake_at()), (None, None));
    publisher.linked(false, 100 * MINUTE);
    publisher.linked(false, 101 * MINUTE - 1);
    assert_eq!(publisher.wake_at(), Some(101 * MINUTE));
    assert_eq!(publisher.next(101 * MINUTE), Some(Task::LookUp));
    publisher.linked(true, 101 * MINUTE);
    publisher.looked_up(102 * MINUTE);
    assert_eq!(publisher.wake_at(), None);
}

#[test]
fn one_look_up_at_a_time_also_when_links_come_and_go() {
    let mut publisher = Publisher::new([1; 32], 0);
    assert_eq!(publisher.next(MINUTE), Some(Task::LookUp));
    publisher.linked(true, MINUTE);
    publisher.linked(false, MINUTE);
    assert_eq!((publisher.next(10 * MINUTE), publisher.wake_at()), (None, None));
    publisher.looked_up(10 * MINUTE);
    assert!(publisher.wake_at().is_some());
}

/// A linked coordinator that starts at `now`.
fn coordinator(now: Millis) -> Publisher {
    let mut publisher = Publisher::new([1; 32], now);
    publisher.linked(true, now);
    publisher.allow(true, now);
    publisher
}

fn publish(publisher: &mut Publisher, now: Millis) -> Option<Task> {
    publisher.next(now)
}
