//! Who is asked, and when.

use std::collections::BTreeSet;

use super::{world::World, *};
use crate::sync::have;

#[test]
fn one_peer_is_asked_though_many_announce_the_same() {
    let (mut node, source, _) = behind(10, 5);
    assert_eq!(wants(&node.hear(5, &source.heads(), T)), [id(5)]);
    for peer in [1, 2, 3, 4, 6] {
        assert_eq!(node.hear(peer, &source.heads(), T + 10), []);
    }
}

#[test]
fn coordinators_are_asked_before_plain_members() {
    // Among equals the order is another one on each node.
    let mut first = BTreeSet::new();
    for members in 4..16 {
        let (mut node, source, _) = behind(members, 5);
        for peer in 2..members {
            node.sync.peers.get_mut(&id(peer)).unwrap().hear(source.heads());
        }
        let mut without = Node { sync: node.sync.clone(), ledger: node.ledger.clone() };
        assert_eq!(wants(&node.hear(1, &source.heads(), T)), [id(1)]);
        first.extend(wants(&without.tick(T)));
    }
    assert!(first.len() > 2);
}

#[test]
fn a_peer_with_other_news_is_asked_a_second_later_and_no_more_than_four_at_a_time() {
    let (mut node, _, _) = behind(8, 0);
    assert_eq!(wants(&node.hear(2, &[EntryId([2; 32])], T)), [id(2)]);
    for peer in 3..8 {
        assert_eq!(wants(&node.hear(peer, &[EntryId([peer; 32])], T + 1)), []);
    }
    for second in 1..4 {
        assert_eq!(wants(&node.tick(T + second * STAGGER - 1)), []);
        assert_eq!(wants(&node.tick(T + second * STAGGER)).len(), 1);
    }
    assert_eq!(wants(&node.tick(T + ANSWER_TIMEOUT - 1)), []);
    assert_eq!(wants(&node.tick(T + ANSWER_TIMEOUT)).len(), 1);
}

#[test]
fn a_peer_that_had_nothing_is_skipped_until_it_announces_other_heads() {
    let (mut node, source, entries) = behind(3, 5);
    let earlier = [entries[2].id()];
    node.hear(3, &source.heads(), T);
    node.get(3, &[], false, T + 1);
    for time in [T + 2, T + 10_000, T + BARREN] {
        assert_eq!(wants(&node.hear(3, &source.heads(), time)), [], "{time}");
    }
    assert_eq!(wants(&node.tick(T + BARREN + 1)), [id(3)]);
    node.get(3, &[], false, T + BARREN + 2);
    assert_eq!(wants(&node.hear(3, &earlier, T + BARREN + 10_000)), [id(3)]);
}

#[test]
fn who_had_not_what_is_missing_is_asked_again_when_it_announces_other_heads() {
    let (mut node, _, entries) = behind(3, 5);
    let older = [node.ledger.entries().next().unwrap().id()];
    node.get(3, &entries[1..2], false, T);
    assert_eq!(wants(&node.tick(T + SETTLE)), [id(3)]);
    // It has nothing, and the others have nothing.
    for time in [T + 200, T + 5000, T + 20_000] {
        for peer in [1, 2, 3] {
            node.get(peer, &[], false, time);
        }
        node.tick(time + 1000);
    }
    assert_eq!(wants(&node.tick(T + 100_000)), []);
    assert_eq!(wants(&node.hear(3, &older, T + 100_001)), [id(3)]);
}

#[test]
fn a_want_that_others_have_served_is_no_failure_of_the_one_that_was_asked() {
    let (mut node, source, entries) = behind(3, 5);
    node.hear(3, &source.heads(), T);
    node.get(2, &entries, false, T + 1);
    node.tick(T + ANSWER_TIMEOUT);
    assert_eq!(node.sync.peers[&id(3)].failures, 0);
    assert!(node.sync.peers[&id(3)].asked.is_none());
}

#[test]
fn a_good_answer_makes_up_for_failures_and_a_new_link_does_not() {
    let (mut node, source, entries) = behind(3, 5);
    node.hear(3, &source.heads(), T);
    node.tick(T + ANSWER_TIMEOUT);
    assert_eq!(node.sync.peers[&id(3)].failures, 1);
    node.handle(Event::Unlinked { peer: id(3) }, T + ANSWER_TIMEOUT);
    let linked = node.link(3, &source.heads(), T + ANSWER_TIMEOUT + 1);
    assert_eq!(wants(&linked), []);
    assert_eq!(node.sync.peers[&id(3)].failures, 1);
    assert_eq!(wants(&node.tick(T + ANSWER_TIMEOUT + REST_MIN)), [id(3)]);
    node.get(3, &entries, false, T + ANSWER_TIMEOUT + REST_MIN + 1);
    assert_eq!(node.sync.peers[&id(3)].failures, 0);
}

#[test]
fn others_are_asked_for_a_parent_when_who_mentioned_it_is_gone() {
    let (mut node, _, entries) = behind(3, 5);
    node.get(3, &entries[1..2], false, T);
    node.handle(Event::Unlinked { peer: id(3) }, T + 1);
    assert_eq!(wants(&node.tick(T + SETTLE)), []);
    assert_eq!(wants(&node.tick(T + 1 + INQUIRE_DELAY - 1)), []);
    assert_eq!(wants(&node.tick(T + 1 + INQUIRE_DELAY)), [id(1)]);
}

#[test]
fn a_peer_that_invents_parents_does_not_make_us_a_nuisance_to_others() {
    let (mut node, _, entries) = behind(4, 240);
    let mut others = 0;
    for step in 0u64..120 {
        let now = T + step * 500;
        let orphan = &entries[usize::try_from(2 * step + 1).unwrap()];
        let mut asked = wants(&node.obey(push(3, orphan), now));
        asked.extend(wants(&node.tick(now + SETTLE)));
        while let Some(peer) = asked.pop() {
            others += usize::from(peer != id(3));
            // The others are honest and have nothing; nor has this one.
            let nothing = Event::Entries { peer, entries: vec![], more: false };
            asked.extend(wants(&node.obey(nothing, now + SETTLE + 1)));
        }
    }
    assert!((3..=3 * 6).contains(&others), "{others}");
}

#[test]
fn entries_beyond_the_budget_are_asked_for_instead() {
    let burst = usize::try_from(PUSHED_ENTRIES.burst).unwrap();
    let mut world = World::new(vec![network(2); 2], 1);
    // In order, or the parents of what comes too early would be asked for anyway.
    world.delay_max = 1;
    world.link(1, 2);
    world.run_for(1000);
    for number in 0..2 * burst {
        world.author(1, mint(1, number));
    }
    assert!(world.level(5000) < 5000);
    assert!(world.node(2).sync.dropped().entries > 0);
}

#[test]
fn a_want_names_what_both_know_and_no_more_than_it_may() {
    let (mut node, source) = (Node::new(2, network(2)), network(2));
    node.link(1, &source.heads(), T);
    let peer = &node.sync.peers[&id(1)];
    assert_eq!(have::choose(&node.ledger, peer, &node.sync.spurned, 0), source.heads());

    // Hundreds of heads of our own; the peer has one older entry as its head.
    let (crowded, base) = crowd(700);
    let older = [base.entries().nth(3).unwrap().id()];
    let mut node = Node::new(2, crowded);
    node.link(1, &older, T);
    let peer = &node.sync.peers[&id(1)];
    let turns: Vec<Vec<EntryId>> =
        [100, 400].into_iter().map(|turn| have::choose(&node.ledger, peer, &node.sync.spurned, turn)).collect();
    for have in &turns {
        assert_eq!((have.len(), have[0]), (HAVE_MAX, older[0]));
        assert_eq!(have.iter().collect::<BTreeSet<_>>().len(), HAVE_MAX);
    }
    let both: BTreeSet<_> = turns.concat().into_iter().collect();
    assert!(node.ledger.heads().iter().all(|head| both.contains(head)), "what one leaves out the other names");
}
