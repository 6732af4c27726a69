//! Peers that withhold, lie, flood, and send what nobody asked for.

use super::*;

#[test]
fn a_peer_that_does_not_answer_is_given_up_and_the_next_is_asked() {
    let (mut node, source, entries) = behind(4, 5);
    assert_eq!(wants(&node.hear(3, &source.heads(), T)), [id(3)]);
    node.hear(2, &source.heads(), T);
    // Others are asked sooner than the first is given up.
    assert_eq!(node.tick(T + HEDGE_DELAY - 1), []);
    assert_eq!(wants(&node.tick(T + HEDGE_DELAY)), [id(2)]);
    let actions = node.get(2, &entries, false, T + HEDGE_DELAY + 10);
    assert_eq!(wants(&actions), []);
    assert_eq!(node.ledger.heads(), source.heads());
}

#[test]
fn a_peer_that_never_answers_is_asked_ever_more_rarely_and_after_all_others() {
    let (mut node, _, _) = behind(3, 0);
    node.hear(3, &[EntryId([7; 32])], T);
    let mut asked = vec![T];
    let end = T + 3_600_000;
    while let Some(at) = node.sync.wake_at().filter(|at| *at < end) {
        if !wants(&node.tick(at)).is_empty() {
            asked.push(at);
        }
    }
    let gaps: Vec<Millis> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.is_sorted() && gaps[0] == ANSWER_TIMEOUT + REST_MIN, "{gaps:?}");
    assert_eq!(gaps.last(), Some(&(ANSWER_TIMEOUT + REST_MAX)));
    // One that has not failed comes first, though only the other is a coordinator.
    let (mut node, source, _) = behind(3, 5);
    node.sync.peers.get_mut(&id(1)).unwrap().fail(T - REST_MIN);
    node.handle(Event::Heads { peer: id(1), heads: source.heads() }, T);
    let mut fresh = behind(3, 5).0;
    fresh.sync.peers.get_mut(&id(1)).unwrap().fail(T - REST_MIN);
    fresh.sync.peers.get_mut(&id(1)).unwrap().hear(source.heads());
    assert_eq!(wants(&fresh.hear(3, &source.heads(), T)), [id(3)]);
}

#[test]
fn who_mentioned_a_missing_parent_is_asked_for_it_and_later_one_other_at_a_time() {
    let (mut node, _, entries) = behind(4, 5);
    let child = &entries[1..2];
    assert_eq!(node.get(3, child, false, T), []);
    assert_eq!(node.sync.wake_at(), Some(T + SETTLE));
    assert_eq!(wants(&node.tick(T + SETTLE)), [id(3)]);
    assert_eq!(wants(&node.tick(T + HEDGE_DELAY)), []);
    // The coordinator first.
    assert_eq!(wants(&node.tick(T + SETTLE + HEDGE_DELAY)), [id(1)]);
    let mut asked = vec![];
    for step in 1..120 {
        asked.extend(wants(&node.tick(T + HEDGE_DELAY + step * 500)));
    }
    assert!(asked.contains(&id(2)) && asked.contains(&id(4)) && asked.len() < 20, "{asked:?}");
}

#[test]
fn a_parent_that_nobody_has_is_not_asked_for_without_end() {
    let (mut node, _, entries) = behind(5, 5);
    node.get(3, &entries[1..2], false, T);
    let mut count = 0;
    let mut now = T;
    while now < T + 600_000 {
        now = node.sync.wake_at().unwrap();
        let actions = node.tick(now);
        // All are honest and have nothing.
        for peer in wants(&actions) {
            count += 1;
            let answer = Event::Entries { peer, entries: vec![], more: false };
            count += wants(&node.obey(answer, now + 1)).len();
        }
    }
    assert!(count < 10, "{count}");
}

#[test]
fn who_announced_more_than_it_gives_is_not_asked_again_at_once() {
    let (mut node, source, entries) = behind(4, 5);
    node.hear(3, &source.heads(), T);
    // It says that this was all.
    assert_eq!(wants(&node.get(3, &[], false, T + 1)), []);
    assert_eq!(wants(&node.hear(3, &source.heads(), T + 2)), []);
    // Another has it.
    assert_eq!(wants(&node.hear(2, &source.heads(), T + 3)), [id(2)]);
    node.get(2, &entries, false, T + 4);
    assert_eq!(node.ledger.heads(), source.heads());
}

#[test]
fn an_invented_head_after_the_other_costs_few_wants() {
    let (mut node, _, _) = behind(3, 0);
    let mut count = 0;
    for number in 0u32..3600 {
        let mut head = [9; 32];
        head[..4].copy_from_slice(&number.to_le_bytes());
        let now = T + u64::from(number) * 1000;
        for peer in wants(&node.hear(3, &[EntryId(head)], now)) {
            count += 1;
            node.obey(Event::Entries { peer, entries: vec![], more: false }, now + 5);
        }
    }
    assert!(count < 80, "{count}");
}

#[test]
fn a_dripping_answer_does_not_keep_others_from_being_asked() {
    let (mut node, source, entries) = behind(4, 20);
    node.hear(1, &source.heads(), T);
    node.hear(2, &source.heads(), T);
    // One entry, and "there is more". From a coordinator, which would be the next to be asked if it were honest.
    let actions = node.get(1, &entries[..1], true, T + 10);
    assert_eq!(wants(&actions), [id(2)]);
}

#[test]
fn an_entry_that_the_ledger_refuses_is_asked_for_once() {
    let (mut node, mut source, _) = behind(3, 0);
    // The second genesis of one network key is such an entry.
    let (_, second) = Ledger::found(&key(200), &key(3), "home".parse().unwrap(), host("other"), NOW);
    assert_eq!(wants(&node.hear(3, &[second.id()], T)), [id(3)]);
    assert_eq!(wants(&node.get(3, std::slice::from_ref(&second), false, T + 1)), []);
    node.tick(T + 1 + SETTLE);
    grow(&mut source, 1, 1);
    node.hear(3, &[second.id()], T + 600_000);
    let actions = node.hear(3, &[vec![second.id()], source.heads()].concat(), T + 700_000);
    let Some(Action::Send { message: Message::Want { have, .. }, .. }) = actions.last() else { panic!("{actions:?}") };
    assert!(have.contains(&second.id()), "the peer need not send it again");
    assert_eq!(node.sync.peers[&id(3)].failures, 0);
}

#[test]
fn garbage_is_a_violation() {
    let (mut node, _, entries) = behind(3, 3);
    let mut forged = entries[1].bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    for garbage in [vec![], vec![1, 2, 3], forged] {
        let event = Event::Entries { peer: id(3), entries: vec![garbage], more: false };
        assert_eq!(violations(&node.obey(event, T)), ["an entry that does not verify"]);
    }
    let event = Event::Entries { peer: id(3), entries: vec![vec![]; ANSWER_ENTRIES_MAX + 1], more: false };
    assert_eq!(violations(&node.obey(event, T)), ["an answer over the limit"]);
    let event = Event::Heads { peer: id(3), heads: vec![EntryId([1; 32]); HEADS_MAX + 1] };
    assert_eq!(violations(&node.obey(event, T)), ["too many heads"]);
    let event = Event::Want { peer: id(3), have: vec![EntryId([1; 32]); HAVE_MAX + 1], ids: vec![] };
    assert_eq!(violations(&node.obey(event, T)), ["too many ids in a request"]);
    let event = Event::Want { peer: id(3), have: vec![], ids: vec![EntryId([1; 32]); IDS_MAX + 1] };
    assert_eq!(violations(&node.obey(event, T)), ["too many ids in a request"]);
}

#[test]
fn an_answer_that_nobody_asked_for_is_dropped_and_a_late_one_is_not() {
    let (mut node, source, entries) = behind(3, 100);
    assert_eq!(node.get(3, &entries, false, T), []);
    assert_eq!(node.get(3, &entries[..1], true, T), []);
    assert_eq!(node.sync.dropped().unasked, 2);
    assert_eq!(node.ledger.len() + 100, source.len());
    node.hear(3, &source.heads(), T);
    node.tick(T + ANSWER_TIMEOUT);
    node.get(3, &entries, false, T + ANSWER_TIMEOUT + 10);
    assert_eq!(node.ledger.heads(), source.heads());
    // Once.
    let unasked = node.sync.dropped().unasked;
    node.get(3, &entries, false, T + ANSWER_TIMEOUT + 20);
    assert_eq!(node.sync.dropped().unasked, unasked + 1);
}

#[test]
fn a_push_in_between_does_not_end_the_waiting_for_an_answer() {
    let (mut node, source, entries) = behind(3, 10);
    node.hear(3, &source.heads(), T);
    node.get(3, &entries[..1], false, T + 1);
    assert!(node.sync.peers[&id(3)].asked.is_some());
    node.get(3, &entries[1..], false, T + 2);
    assert!(node.sync.peers[&id(3)].asked.is_none());
    assert_eq!(node.sync.peers[&id(3)].failures, 0);
}

#[test]
fn a_flood_of_entries_costs_its_budget_and_known_ones_cost_none() {
    let (mut node, _, entries) = behind(3, 1000);
    for entry in &entries {
        node.handle(push(3, entry), T);
    }
    let dropped = node.sync.dropped().entries;
    assert!(dropped >= 1000 - PUSHED_ENTRIES.burst - 2, "{dropped}");
    node.insert(entries.clone());
    for entry in &entries {
        assert_eq!(node.handle(push(2, entry), T), []);
    }
    assert_eq!(node.sync.dropped().entries, dropped);
    // A link anew does not fill the budget.
    let fresh = grow(&mut node.ledger.clone(), 7, 1);
    node.handle(Event::Unlinked { peer: id(3) }, T);
    node.link(3, &[], T);
    node.handle(push(3, &fresh[0]), T);
    assert_eq!(node.sync.dropped().entries, dropped + 1);
}

#[test]
fn wants_beyond_the_budget_are_dropped_until_time_has_passed() {
    let mut ledger = network(2);
    grow(&mut ledger, 1, ANSWER_ENTRIES_MAX);
    let mut node = Node::new(1, ledger.clone());
    node.link(2, &ledger.heads(), T);
    let everything = Event::Want { peer: id(2), have: vec![], ids: vec![] };
    let answered = (0..1000).take_while(|_| !node.handle(everything.clone(), T).is_empty()).count();
    let bytes: usize = ledger.missing(&[]).iter().map(|entry| entry.bytes().len()).sum();
    assert_eq!(answered, usize::try_from(ANSWER_BYTES.burst).unwrap() / bytes + 1);
    assert!(!node.handle(everything, T + 1000).is_empty());
    // Small answers have a budget too.
    let mut node = Node::new(1, ledger.clone());
    node.link(2, &ledger.heads(), T);
    let nothing = Event::Want { peer: id(2), have: ledger.heads(), ids: vec![] };
    let answered = (0..1000).take_while(|_| !node.handle(nothing.clone(), T).is_empty()).count();
    assert_eq!(u64::try_from(answered), Ok(WANTS.burst));
    assert_eq!(node.sync.dropped().wants, 1);
}

#[test]
fn announcements_beyond_the_budget_are_dropped() {
    let (mut node, _, _) = behind(3, 0);
    for byte in 0..=255 {
        node.handle(Event::Heads { peer: id(3), heads: vec![EntryId([byte; 32])] }, T);
    }
    assert_eq!(node.sync.dropped().announcements, 256 - ANNOUNCEMENTS.burst);
}

#[test]
fn what_is_kept_of_peers_is_bounded() {
    let ledger = network(3);
    let mut node = Node::new(1, ledger);
    for number in 0..PEERS_MAX + 10 {
        let mut peer = [0; 32];
        peer[..8].copy_from_slice(&number.to_le_bytes());
        let heads = vec![EntryId([1; 32]); 10 * HEADS_MAX];
        node.handle(Event::Linked { peer: PeerId(peer), heads }, T);
    }
    assert_eq!(node.sync.peers.len(), PEERS_MAX);
    assert!(node.sync.peers.values().all(|peer| peer.heads.len() <= HEADS_MAX));
}

#[test]
fn an_entry_that_stands_twice_in_a_message_is_taken_once() {
    let (mut node, _, entries) = behind(3, 1);
    let bytes = entries[0].bytes().to_vec();
    let event = Event::Entries { peer: id(3), entries: vec![bytes.clone(), bytes], more: false };
    let entries = vec![entries[0].clone()];
    assert_eq!(node.handle(event, T), [Action::Take { peer: id(3), entries }]);
}
