//! Who is told what, and who is not.

use super::{world::World, *};

#[test]
fn peers_that_are_level_say_nothing() {
    let ledger = network(2);
    let heads = ledger.heads();
    let mut node = Node::new(1, ledger);
    assert_eq!(node.link(2, &heads, T), []);
    assert_eq!(node.sync.wake_at(), Some(T + REPEAT_HEADS));
}

#[test]
fn a_peer_that_lacks_something_is_told_the_heads_when_it_links() {
    let mut ledger = network(2);
    let heads = ledger.heads();
    grow(&mut ledger, 1, 1);
    let mut node = Node::new(1, ledger.clone());
    let message = Message::Heads { heads: ledger.heads() };
    assert_eq!(node.link(2, &heads, T), [Action::Send { peer: id(2), message }]);
}

#[test]
fn heads_are_told_again_every_minute() {
    let ledger = network(3);
    let heads = ledger.heads();
    let mut node = Node::new(1, ledger);
    node.link(2, &heads, T);
    assert_eq!(node.tick(T + REPEAT_HEADS - 1), []);
    assert_eq!(told(&node.tick(T + REPEAT_HEADS)), [id(2)]);
    assert_eq!(told(&node.tick(T + 2 * REPEAT_HEADS - 1)), []);
    assert_eq!(told(&node.tick(T + 2 * REPEAT_HEADS)), [id(2)]);
}

#[test]
fn an_own_entry_is_sent_to_all_at_once() {
    let ledger = network(60);
    let heads = ledger.heads();
    let mut node = Node::new(1, ledger);
    (2..60).for_each(|peer| drop(node.link(peer, &heads, T)));
    let entries = ids(&grow(&mut node.ledger, 1, 2));
    let actions = node.obey(Event::Grew { entries }, T);
    assert_eq!(sent(&actions).len(), 58);
    assert!(sent(&actions).iter().all(|(_, count, more)| *count == 2 && !more));
    // They were told all; nothing is announced.
    assert_eq!(node.tick(T + ANNOUNCE_DELAY), []);
}

#[test]
fn others_entries_are_sent_on_in_a_small_mesh_and_not_back() {
    let mut source = network(4);
    let mut node = Node::new(2, source.clone());
    [1, 3, 4].into_iter().for_each(|peer| drop(node.link(peer, &source.heads(), T)));
    let entries = grow(&mut source, 1, PUSH_ENTRIES_MAX);
    let sent = sent(&node.get(1, &entries, false, T));
    assert_eq!(sent.into_iter().map(|(peer, ..)| peer).collect::<Vec<_>>().len(), 2);
    let again = node.get(3, &entries, false, T);
    assert_eq!(again, []);
}

#[test]
fn others_entries_are_announced_in_a_large_mesh_to_those_that_lack_them() {
    let mut source = network(60);
    let mut node = Node::new(2, source.clone());
    [1].into_iter().chain(3..60).for_each(|peer| drop(node.link(peer, &source.heads(), T)));
    let entries = grow(&mut source, 1, 1);
    assert_eq!(node.get(1, &entries, false, T), []);
    // Some have it from elsewhere in the meantime.
    (3..50).for_each(|peer| assert_eq!(node.hear(peer, &source.heads(), T + 100), []));
    assert_eq!(told(&node.tick(T + ANNOUNCE_DELAY)).len(), 10);
    assert_eq!(node.tick(T + ANNOUNCE_DELAY + 1), []);
}

#[test]
fn many_growths_are_announced_once() {
    let ledger = network(2);
    let mut node = Node::new(1, ledger.clone());
    node.link(2, &ledger.heads(), T);
    for salt in 0..10 {
        let entries = ids(&grow(&mut node.ledger, salt, PUSH_ENTRIES_MAX + 1));
        assert_eq!(node.obey(Event::Grew { entries }, T + u64::try_from(salt).unwrap()), []);
    }
    assert_eq!(node.sync.wake_at(), Some(T + ANNOUNCE_DELAY));
    assert_eq!(told(&node.tick(T + ANNOUNCE_DELAY)), [id(2)]);
    assert_eq!(node.tick(T + 2 * ANNOUNCE_DELAY), []);
}

#[test]
fn an_entry_crosses_a_full_mesh_once_for_each_pair() {
    let mut world = World::new(vec![network(8); 8], 1);
    world.link_all();
    world.author(1, mint(1, 0));
    world.level(100);
    world.run_for(REPEAT_HEADS / 2);
    assert!(world.entries.len() <= 7 + 7 * 6, "{}", world.entries.len());
    assert_eq!((world.wants, world.heads), (0, 0));
}

#[test]
fn a_stranger_is_neither_answered_nor_asked_nor_told() {
    let mut ledger = network(3);
    let mut node = Node::new(1, ledger.clone());
    assert_eq!(node.link(9, &[], T), []);
    let known = ledger.heads();
    let entries = grow(&mut ledger, 1, 1);
    assert_eq!(node.hear(9, &ledger.heads(), T), []);
    assert_eq!(node.get(9, &entries, false, T), []);
    assert_eq!(node.obey(Event::Want { peer: id(9), have: vec![], ids: known }, T), []);
    // Nor is a peer without a link.
    assert_eq!(node.obey(Event::Want { peer: id(2), have: vec![], ids: vec![] }, T), []);
    let entries = ids(&grow(&mut node.ledger, 2, 1));
    assert_eq!(node.obey(Event::Grew { entries }, T), []);
    assert_eq!(node.tick(T + REPEAT_HEADS), []);
    assert_eq!(node.sync.dropped().strangers, 3);
}

#[test]
fn who_becomes_a_member_is_told_and_asked_from_then_on() {
    let ledger = network(2);
    let mut node = Node::new(1, ledger.clone());
    let ahead = EntryId([7; 32]);
    assert_eq!(node.link(9, &[ahead], T), []);
    let admit = ledger::Action::Admit { member: id(9), hostname: host("nine") };
    let entry = add(&mut node.ledger, 1, admit);
    let actions = node.obey(Event::Grew { entries: vec![entry.id()] }, T);
    assert_eq!(sent(&actions), [(id(9), 1, false)]);
    assert_eq!(wants(&actions), [id(9)]);
    assert_eq!(told(&node.tick(T + ANNOUNCE_DELAY)), [id(9)]);
}

#[test]
fn who_is_removed_hears_of_that_and_of_nothing_more() {
    let ledger = network(3);
    let mut node = Node::new(1, ledger.clone());
    [2, 3].into_iter().for_each(|peer| drop(node.link(peer, &ledger.heads(), T)));
    let removal = add(&mut node.ledger, 1, ledger::Action::Remove { member: id(3) });
    let secret = grow(&mut node.ledger, 1, 1);
    let grown = [removal.clone(), secret[0].clone()];
    let actions = node.obey(Event::Grew { entries: ids(&grown) }, T);
    let message = Message::Entries { entries: vec![removal.bytes().to_vec()], more: false };
    assert!(actions.contains(&Action::Send { peer: id(3), message }));
    let mut counts = sent(&actions);
    counts.sort_by_key(|(_, count, _)| *count);
    assert_eq!(counts, [(id(3), 1, false), (id(2), 2, false)]);
    assert_eq!(node.obey(Event::Want { peer: id(3), have: ledger.heads(), ids: vec![] }, T), []);
    let entries = ids(&grow(&mut node.ledger, 2, 1));
    assert_eq!(sent(&node.obey(Event::Grew { entries }, T)), [(id(2), 1, false)]);
}

#[test]
fn who_was_removed_may_hand_in_what_makes_its_removal_void() {
    let (mut one, mut other) = (coordinators(3), coordinators(3));
    add(&mut one, 1, ledger::Action::Remove { member: id(3) });
    add(&mut other, 3, ledger::Action::Remove { member: id(1) });
    let mut world = World::new(vec![one, other], 1);
    world.link(1, 2);
    world.level(5000);
    let roster = world.node(2).ledger.roster();
    assert!(roster.is_coordinator(&id(1)) && !roster.is_member(&id(3)));
}

#[test]
fn who_hands_in_is_told_nothing_and_may_push_nothing() {
    let mut ledger = network(3);
    add(&mut ledger, 1, ledger::Action::Remove { member: id(3) });
    let mut node = Node::new(1, ledger.clone());
    let asked_for = grow(&mut ledger, 1, 1);
    let ahead = ledger.heads();
    let unasked = grow(&mut ledger, 2, 1);
    assert_eq!(wants(&node.link(3, &ahead, T)), [id(3)]);
    assert_eq!(node.get(3, &unasked, false, T), []);
    assert_eq!((node.sync.dropped().unasked, node.ledger.pending_len()), (1, 0));
    assert_eq!(node.get(3, &asked_for, false, T), []);
    assert!(node.ledger.contains(&asked_for[0].id()));
    assert_eq!(node.obey(Event::Want { peer: id(3), have: vec![], ids: vec![] }, T), []);
    assert_eq!(node.tick(T + REPEAT_HEADS), []);
}

#[test]
fn who_hands_in_is_asked_after_every_member() {
    for (removed, member) in [(2, 3), (3, 2)] {
        let mut ledger = network(4);
        add(&mut ledger, 1, ledger::Action::Remove { member: id(removed) });
        let mut node = Node::new(1, ledger);
        assert_eq!(wants(&node.link(4, &[EntryId([8; 32])], T)), [id(4)]);
        for peer in [removed, member] {
            assert_eq!(wants(&node.link(peer, &[EntryId([7; 32])], T)), []);
        }
        assert_eq!(wants(&node.tick(T + STAGGER)), [id(member)]);
        assert_eq!(wants(&node.tick(T + STAGGER + HEDGE_DELAY)), [id(removed)]);
    }
}

#[test]
fn the_end_of_a_network_reaches_every_member() {
    let mut world = World::new(vec![network(4); 4], 1);
    [(1, 2), (2, 3), (3, 4)].into_iter().for_each(|(one, other)| world.link(one, other));
    world.run_for(1000);
    for number in 0..50 {
        world.author(1, mint(1, number));
    }
    world.author(1, ledger::Action::Dissolve);
    world.level(2000);
    assert!(world.nodes.iter().all(|node| node.ledger.dissolved().is_some()));
}

#[test]
fn a_want_is_answered_with_named_entries_first_and_says_when_there_is_more() {
    let mut ledger = network(2);
    let early = ledger.heads();
    let entries = grow(&mut ledger, 1, ANSWER_ENTRIES_MAX + 10);
    let mut node = Node::new(1, ledger.clone());
    node.link(2, &early, T);
    let last = entries.last().unwrap();
    let unknown = EntryId([7; 32]);
    let ids = vec![last.id(), unknown, last.id()];
    let actions = node.obey(Event::Want { peer: id(2), have: early.clone(), ids }, T);
    let [Action::Send { message: Message::Entries { entries: answer, more: true }, .. }] = actions.as_slice() else {
        panic!("{actions:?}");
    };
    assert_eq!(answer.len(), ANSWER_ENTRIES_MAX);
    assert_eq!(answer[0], last.bytes());
    assert_eq!(answer[1], entries[0].bytes());
    let rest = node.obey(Event::Want { peer: id(2), have: vec![entries[500].id(), unknown], ids: vec![] }, T);
    assert_eq!(sent(&rest), [(id(2), 9, false)]);
    // Nothing is an answer too: nobody waits for it in vain.
    let nothing = node.obey(Event::Want { peer: id(2), have: ledger.heads(), ids: vec![unknown] }, T);
    assert_eq!(sent(&nothing), [(id(2), 0, false)]);
}

#[test]
fn an_entry_that_is_named_is_not_sent_twice() {
    let mut ledger = network(2);
    let early = ledger.heads();
    let entries = grow(&mut ledger, 1, 3);
    let mut node = Node::new(1, ledger);
    node.link(2, &early, T);
    let want = Event::Want { peer: id(2), have: early, ids: vec![entries[1].id()] };
    assert_eq!(sent(&node.obey(want, T)), [(id(2), 3, false)]);
}

#[test]
fn what_was_sent_to_a_peer_is_known_to_be_there() {
    let ledger = network(3);
    let mut node = Node::new(1, ledger.clone());
    node.link(2, &ledger.heads(), T);
    let entries = ids(&grow(&mut node.ledger, 1, 2));
    node.obey(Event::Grew { entries }, T);
    let actions = node.hear(2, &[EntryId([7; 32])], T);
    let message = Message::Want { have: node.ledger.heads(), ids: vec![] };
    assert_eq!(actions, [Action::Send { peer: id(2), message }]);
}

#[test]
fn of_too_many_heads_others_are_told_each_time() {
    let (crowded, _) = crowd(700);
    let heads = crowded.heads();
    let mut node = Node::new(1, crowded);
    let mut named = Vec::new();
    for actions in [node.link(2, &[], T), node.tick(T + REPEAT_HEADS)] {
        let [Action::Send { message: Message::Heads { heads }, .. }] = actions.as_slice() else {
            panic!("{actions:?}")
        };
        assert_eq!(heads.len(), HEADS_MAX);
        named.extend_from_slice(heads);
    }
    assert!(heads.iter().all(|head| named.contains(head)));
}
