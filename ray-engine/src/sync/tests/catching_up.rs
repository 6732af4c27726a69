//! Nodes that were away, or apart, and come level.

use super::{world::World, *};

#[test]
fn a_node_that_was_away_for_a_thousand_entries_and_two_rotations_catches_up_from_one_plain_member() {
    let old = network(5);
    let mut new = old.clone();
    for gone in [4, 5] {
        grow(&mut new, usize::from(gone), 615);
        add(&mut new, 1, ledger::Action::Remove { member: id(gone) });
        add(&mut new, 1, ledger::Action::RotateEpoch { commitment: [gone; 32] });
    }
    // Node 1, the coordinator, is not linked.
    let mut world = World::new(vec![new.clone(), new.clone(), old], 1);
    world.link(2, 3);
    assert!(world.level(1000) < 500);
    assert_eq!(world.received(3), 1234);
    assert_eq!(world.received(2), 0);
    assert_eq!(world.wants, 3);
    assert_eq!(world.node(3).ledger.roster().epoch.as_ref().map(|epoch| epoch.commitment), Some([5; 32]));
}

#[test]
fn two_halves_that_grew_apart_send_each_other_little_that_is_known() {
    let mut base = coordinators(2);
    grow(&mut base, 1, 2000);
    let (mut left, mut right) = (base.clone(), base);
    grow(&mut left, 2, 300);
    grow_by(2, &mut right, 3, 300);
    let mut world = World::new(vec![left, right], 1);
    world.link(1, 2);
    world.level(3000);
    // 300 are unknown. The sample meets the common part at most half as far behind as both have added.
    for node in [1, 2] {
        assert!((300..=300 + 150 + 64).contains(&world.received(node)), "{}", world.received(node));
    }
}

#[test]
fn an_entry_whose_parents_were_lost_brings_them_from_who_sent_it() {
    let mut world = World::new(vec![network(3); 3], 1);
    world.link_all();
    world.lost = 100;
    for number in 0..40 {
        world.author(1, mint(1, number));
    }
    world.run_for(100);
    world.lost = 0;
    world.author(1, mint(2, 0));
    let time = world.level(1000);
    assert!(time < 400, "{time}");
}

#[test]
fn a_lost_announcement_costs_a_minute() {
    let mut world = World::new(vec![network(2); 2], 1);
    world.link(1, 2);
    world.run_for(1000);
    world.lost = 100;
    world.author(1, mint(1, 0));
    world.run_for(2000);
    world.lost = 0;
    assert!(!world.is_level());
    assert!(world.level(REPEAT_HEADS + 1000) > 30_000);
}

#[test]
fn nodes_come_level_though_messages_are_lost_doubled_and_reordered() {
    for seed in 0..12 {
        let mut ledgers = vec![coordinators(4); 4];
        for (node, ledger) in (1u8..).zip(&mut ledgers) {
            grow_by(node, ledger, 1, usize::from(node) * 7 % 5 * 60);
        }
        let mut world = World::new(ledgers, seed);
        (world.lost, world.doubled, world.delay_max) = (30, 20, 3000);
        // A chain, a ring, or all with all.
        match seed % 3 {
            0 => (1..4).for_each(|node| world.link(node, node + 1)),
            1 => [(1, 2), (2, 3), (3, 4), (1, 4)].into_iter().for_each(|(one, other)| world.link(one, other)),
            _ => world.link_all(),
        }
        for number in 0..30 {
            let pause = world.random(2000);
            world.run_for(pause);
            world.author(1, mint(99, number));
        }
        world.level(20 * 60_000);
        assert!(world.nodes.iter().all(|node| node.ledger.pending_len() == 0), "seed {seed}");
    }
}

#[test]
fn nodes_come_level_within_seconds_once_the_network_is_well_again() {
    for seed in 0..20 {
        let mut world = World::new(vec![network(4); 4], seed);
        (world.lost, world.doubled, world.delay_max) = (50, 20, 2000);
        world.link_all();
        for number in 0..100 {
            world.run_for(300);
            world.author(1, mint(1, number));
        }
        (world.lost, world.doubled, world.delay_max) = (0, 0, 20);
        let time = world.level(REPEAT_HEADS + 10_000);
        assert!(time < REPEAT_HEADS + 10_000, "seed {seed}: {time}");
    }
}

#[test]
fn a_link_that_breaks_in_the_middle_is_gone_on_with_elsewhere_at_once() {
    let old = network(4);
    let mut new = old.clone();
    grow(&mut new, 1, 1800);
    let mut world = World::new(vec![new.clone(), new.clone(), new, old], 3);
    (1..4).for_each(|node| world.link(node, 4));
    world.run_for(5);
    let first = world.entries.iter().find(|(to, ..)| *to == 4).map_or(1, |(_, from, _)| *from);
    world.unlink(first, 4);
    let time = world.level(2000);
    assert!(time < 500, "{time}");
    assert!(world.received(4) < 1800 + 600);
}

#[test]
fn hundreds_of_concurrent_heads_come_level() {
    let (many, base) = crowd(700);
    let mut world = World::new(vec![many, base], 1);
    world.link(1, 2);
    world.level(10 * REPEAT_HEADS);
}
