//! Former members that hand in what they know.

use super::*;

#[test]
fn nobody_is_heard_but_who_was_put_out() {
    let mut ledger = network(4);
    add(&mut ledger, 1, ledger::Action::Remove { member: id(3) });
    add(&mut ledger, 4, ledger::Action::Leave);
    let heard = |number| Hearing::open(ledger.clone(), id(number), &ledger.heads()).is_some();
    assert_eq!([1, 2, 3, 4, 5].map(heard), [false, false, true, false, false]);
    let mut ended = network(2);
    add(&mut ended, 1, ledger::Action::Dissolve);
    assert!(Hearing::open(ended.clone(), id(2), &[]).is_some());
    assert!(Hearing::open(ended, id(3), &[]).is_none());
}

#[test]
fn who_slept_through_its_removal_hears_of_it_and_of_nothing_later() {
    let asleep = network(3);
    let mut ledger = asleep.clone();
    let mut told = grow(&mut ledger, 1, 600);
    told.push(add(&mut ledger, 1, ledger::Action::Remove { member: id(3) }));
    let later = grow(&mut ledger, 2, 5);
    let Verdict::Out(entries) = talk(&ledger, 3, &asleep) else { panic!("a member again by nothing") };
    assert_eq!(entries, bytes(&told));
    assert!(bytes(&later).iter().all(|entry| !entries.contains(entry)));
    assert_eq!(after(asleep, &entries).exit(&id(3)).map(VerifiedEntry::id), told.last().map(VerifiedEntry::id));
}

#[test]
fn who_slept_through_the_end_of_the_network_hears_of_it() {
    let asleep = network(3);
    let mut ledger = asleep.clone();
    let end = add(&mut ledger, 1, ledger::Action::Dissolve);
    assert_eq!(talk(&ledger, 3, &asleep), Verdict::Out(bytes(&[end])));
}

#[test]
fn what_makes_a_removal_void_brings_its_author_back() {
    let (mut senior, mut junior) = (coordinators(3), coordinators(3));
    add(&mut junior, 3, ledger::Action::Remove { member: id(1) });
    grow_by(3, &mut junior, 1, 10);
    // The entry that counts is not in the first answer.
    let mut handed = grow(&mut senior, 2, 700);
    handed.push(add(&mut senior, 1, ledger::Action::Remove { member: id(3) }));
    let Verdict::Member(entries) = talk(&junior, 1, &senior) else { panic!("not a member") };
    assert_eq!(ids(&entries), ids(&handed));
    let healed = after(junior, &bytes(&entries));
    assert!(healed.roster().is_coordinator(&id(1)) && !healed.roster().is_member(&id(3)));
    let Verdict::Out(told) = talk(&healed, 3, &coordinators(3)) else { panic!("the junior is in") };
    assert!(told.contains(&handed.last().unwrap().bytes().to_vec()));
}

#[test]
fn who_is_out_rightly_writes_nothing_whatever_it_sends() {
    let mut ledger = coordinators(3);
    let mut removed = ledger.clone();
    let removal = add(&mut ledger, 1, ledger::Action::Remove { member: id(3) });
    let void = grow_by(3, &mut removed, 1, 20);
    let mut hearing = Hearing::open(ledger.clone(), id(3), &removed.heads()).unwrap();
    assert_eq!(hearing.take(&bytes(&void), false), Ok(false));
    assert_eq!(hearing.close(), Verdict::Out(bytes(&[removal])));
}

#[test]
fn what_it_is_asked_names_nothing_that_came_after_it_was_put_out() {
    let mut ledger = network(3);
    let asleep = ledger.clone();
    add(&mut ledger, 1, ledger::Action::Remove { member: id(3) });
    let later = ids(&grow(&mut ledger, 2, 50));
    let want = Hearing::open(ledger, id(3), &asleep.heads()).unwrap().want();
    assert!(want.have.contains(&asleep.heads()[0]) && want.ids.is_empty());
    assert!(want.have.iter().all(|id| !later.contains(id)), "{want:?}");
}

#[test]
fn an_answer_over_the_limit_or_with_a_forged_entry_is_a_breach() {
    let (ledger, mut removed) = removed();
    let entries = bytes(&grow_by(3, &mut removed, 1, ANSWER_ENTRIES_MAX + 1));
    let mut hearing = Hearing::open(ledger.clone(), id(3), &[]).unwrap();
    assert_eq!(hearing.take(&entries, true), Err("an answer over the limit"));
    assert_eq!(hearing.take(&entries[..ANSWER_ENTRIES_MAX], true), Ok(true));
    let mut forged = entries[ANSWER_ENTRIES_MAX].clone();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(hearing.take(&[forged], true), Err("an entry that does not verify"));
}

#[test]
fn a_hearing_ends_after_so_many_answers_so_many_bytes_or_one_without_news() {
    let (ledger, mut removed) = removed();
    let entries = bytes(&grow_by(3, &mut removed, 1, 100));
    let mut answers = entries.iter().map(|entry| vec![entry.clone()]);
    let mut hearing = Hearing::open(ledger.clone(), id(3), &[]).unwrap();
    let taken = answers.by_ref().take_while(|answer| hearing.take(answer, true) == Ok(true)).count();
    assert_eq!(taken + 1, HEARING_ANSWERS_MAX);

    let mut hearing = Hearing::open(ledger.clone(), id(3), &[]).unwrap();
    assert_eq!(hearing.take(&entries[..9], true), Ok(true));
    assert_eq!(hearing.take(&entries[..9], true), Ok(false), "the same again");
    assert_eq!(hearing.take(&[], true), Ok(false));

    let mut hearing = Hearing::open(ledger, id(3), &[]).unwrap();
    hearing.bytes = HEARING_BYTES_MAX - entries[0].len();
    assert_eq!(hearing.take(&entries[..1], true), Ok(true));
    assert_eq!(hearing.take(&entries[1..2], true), Ok(false));
}

/// The whole conversation with a node that answers as it should.
fn talk(ledger: &Ledger, peer: u8, theirs: &Ledger) -> Verdict {
    let mut hearing = Hearing::open(ledger.clone(), id(peer), &theirs.heads()).unwrap();
    loop {
        let Want { have, ids } = hearing.want();
        let (entries, more) = reply(theirs, &have, &ids);
        if !hearing.take(&entries, more).unwrap() {
            return hearing.close();
        }
    }
}

/// A ledger with node 3's removal, and one without.
fn removed() -> (Ledger, Ledger) {
    let without = coordinators(3);
    let mut with = without.clone();
    add(&mut with, 1, ledger::Action::Remove { member: id(3) });
    (with, without)
}

fn after(mut ledger: Ledger, entries: &[Vec<u8>]) -> Ledger {
    for bytes in entries {
        ledger.insert(ledger::verify(bytes, ledger.room()).unwrap());
    }
    ledger
}

fn bytes(entries: &[VerifiedEntry]) -> Vec<Vec<u8>> {
    entries.iter().map(|entry| entry.bytes().to_vec()).collect()
}
