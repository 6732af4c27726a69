//! Two entries with one counter, and the third.

use super::*;
use crate::ledger::limits::FORKS_ASIDE_MAX;

#[test]
fn two_entries_with_one_counter_both_count_and_name_their_author() {
    let (ledger, forks) = forked(2);
    assert_eq!(ledger.alarms(), [Alarm::Fork { author: id(&bob()), counter: 1 }]);
    assert!(forks.iter().all(|fork| effect(&ledger, fork.id()) == Effect::Counted));
}

#[test]
fn a_third_one_is_kept_aside_until_somebody_else_builds_on_it() {
    let (mut ledger, forks) = forked(3);
    let third = &forks[2];
    assert!(!ledger.contains(&third.id()) && ledger.aside.len() == 1 && ledger.pending_len() == 0);
    assert_eq!(ledger.insert(third.clone()), Inserted::Pending);
    assert_eq!(ledger.wanted(), []);
    let mut other = two();
    take(&mut other, third);
    // Its own author's word for it does not count.
    let own = force(&other, &bob(), rename(&bob(), "own"), &[third.id()]);
    assert_eq!(ledger.insert(own.clone()), Inserted::Pending);
    assert_eq!(ledger.wanted(), []);
    // Nor does a stranger's, or what is refused.
    assert_eq!(ledger.insert(force(&other, &nas(), Action::Leave, &[third.id()])), Inserted::Pending);
    let refused = force(&other, &alice(), Action::Leave, &[third.id()]);
    assert_eq!(ledger.insert(refused), Inserted::Refused(Refusal::LastCoordinator));
    assert!(!ledger.contains(&third.id()));
    let names = other.author(&alice(), admit(&dave(), "dave"), NOW).unwrap();
    let Inserted::New { entries } = ledger.insert(names.clone()) else { panic!("it stands") };
    assert_eq!(entries, [third.id(), names.id(), own.id()]);
    assert_eq!(ledger.alarms().len(), 1);
    assert_eq!((ledger.aside.len(), ledger.pending_len()), (0, 0), "the stranger's was judged, and refused");
}

#[test]
fn what_builds_on_a_third_one_may_come_first() {
    let (mut ledger, forks) = forked(2);
    let mut other = two();
    let third =
        sign(Content { time: UnixTime(1), ..contents(&other, &bob(), rename(&bob(), "x"), &other.heads()) }, &bob());
    take(&mut other, &third);
    let names = other.author(&alice(), admit(&dave(), "dave"), NOW).unwrap();
    assert_eq!(ledger.insert(names.clone()), Inserted::Pending);
    assert_eq!(ledger.wanted(), [third.id()]);
    assert_eq!(ledger.insert(third.clone()), Inserted::New { entries: vec![third.id(), names.id()] });
    assert!(forks.iter().all(|fork| ledger.contains(&fork.id())));
}

#[test]
fn whole_chains_of_forks_are_taken_when_somebody_else_builds_on_their_ends() {
    let (mut ledger, _) = forked(2);
    let mut other = two();
    let heads = other.heads();
    let mut chain = Vec::new();
    for number in 0..70 {
        let on = chain.last().map_or(heads.clone(), |last: &VerifiedEntry| vec![last.id()]);
        let action = rename(&bob(), &format!("chain-{number}"));
        let entry = sign(Content { time: UnixTime(number), ..contents(&other, &bob(), action, &on) }, &bob());
        take(&mut other, &entry);
        chain.push(entry);
    }
    let names = other.author(&alice(), admit(&dave(), "dave"), NOW).unwrap();
    for entry in chain.iter().rev() {
        assert_eq!(ledger.insert(entry.clone()), Inserted::Pending);
    }
    assert_eq!((ledger.len(), ledger.pending_len()), (4, 0), "kept aside");
    let Inserted::New { entries } = ledger.insert(names) else { panic!("it stands") };
    assert_eq!(entries.len(), chain.len() + 1);
    assert_eq!((ledger.pending_len(), ledger.wanted()), (0, Vec::new()));
}

#[test]
fn whoever_builds_on_what_a_forker_built_on_a_third_one_builds_on_that_too() {
    let (ledger, forks) = forked(3);
    let mut other = two();
    take(&mut other, &forks[2]);
    let next = force(&other, &bob(), rename(&bob(), "next"), &other.heads());
    take(&mut other, &next);
    let last = force(&other, &bob(), rename(&bob(), "last"), &other.heads());
    take(&mut other, &last);
    let names = other.author(&alice(), admit(&dave(), "dave"), NOW).unwrap();
    assert_eq!(names.parents(), [last.id()]);
    let expected = [&forks[2], &next, &last, &names].map(|entry| entry.id());
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut ledger = ledger.clone();
        let mut inserted: Vec<Inserted> =
            order.map(|number| ledger.insert([&next, &last, &names][number].clone())).to_vec();
        assert_eq!(inserted.pop(), Some(Inserted::New { entries: expected.to_vec() }), "{order:?}");
        assert_eq!(inserted, [Inserted::Pending, Inserted::Pending], "{order:?}");
        assert_eq!(ledger.pending_len(), 0);
    }
}

#[test]
fn the_word_of_somebody_whose_seat_comes_later_is_heard_then() {
    let (mut ledger, forks) = forked(3);
    let mut other = two();
    let seat = other.author(&alice(), admit(&dave(), "dave"), NOW).unwrap();
    take(&mut other, &seat);
    take(&mut other, &forks[2]);
    let word = other.author(&dave(), rename(&dave(), "web"), NOW).unwrap();
    assert_eq!(ledger.insert(word.clone()), Inserted::Pending);
    assert_eq!(ledger.insert(word.clone()), Inserted::Pending);
    let entries = [&seat, &forks[2], &word].map(|entry| entry.id());
    assert_eq!(ledger.insert(seat), Inserted::New { entries: entries.to_vec() });
    assert_eq!((ledger.insert(word), ledger.pending_len()), (Inserted::Known, 0));
}

#[test]
fn a_flood_of_forks_takes_no_more_than_its_place() {
    let (mut ledger, forks) = forked(FORKS_ASIDE_MAX + 10);
    assert_eq!((ledger.len(), ledger.aside.len()), (4, FORKS_ASIDE_MAX));
    assert_eq!(ledger.insert(forks[2].clone()), Inserted::Pending, "forgotten, and taken up again");
    assert_eq!(ledger.aside.len(), FORKS_ASIDE_MAX);
}

/// Bob signs that many entries with his first counter.
fn forked(count: usize) -> (Ledger, Vec<VerifiedEntry>) {
    let mut ledger = two();
    let heads = ledger.heads();
    let content = contents(&ledger, &bob(), rename(&bob(), "web"), &heads);
    let times = (0..count).map(|number| UnixTime(NOW.0 + u64::try_from(number).unwrap()));
    let forks: Vec<_> = times.map(|time| sign(Content { time, ..content.clone() }, &bob())).collect();
    for (number, fork) in forks.iter().enumerate() {
        let inserted = ledger.insert(fork.clone());
        assert_eq!(matches!(inserted, Inserted::New { .. }), number < 2, "{inserted:?}");
    }
    (ledger, forks)
}
