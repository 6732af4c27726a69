//! Entries on their way between ledgers.

use super::*;
use crate::ledger::log::insert::check_room;

/// The worked example of `docs/ledger.md`.
#[test]
fn follows_the_documented_split_to_its_end() {
    for confirmed in [false, true] {
        let mut base = founded();
        for (key, name) in [(bob(), "bob"), (carol(), "carol"), (dave(), "dave")] {
            add(&mut base, &alice(), admit(&key, name));
        }
        add(&mut base, &alice(), grant(&bob()));
        add(&mut base, &alice(), grant(&carol()));
        let invite = invite(1);
        add(&mut base, &alice(), mint(&invite, 1));
        let (mut left, mut right) = (base.clone(), base.clone());

        let (bobs, daves, third, printer) = (key(31), key(32), key(33), key(34));
        let r1 = add(&mut left, &bob(), redeem(&base, &invite, &bobs, "nas"));
        if confirmed {
            let checkpoint = left.checkpoint();
            add(&mut left, &alice(), checkpoint);
        }
        let x = add(&mut left, &bob(), remove(&carol()));
        let a = add(&mut left, &alice(), admit(&third, "nas"));
        assert_eq!(hostnames(&left), ["alice", "bob", "dave", "nas", "nas-2"]);

        // Its time is chosen so that its id is the lower one.
        let r2 = author_below(&right, &dave(), redeem(&base, &invite, &daves, "nas"), r1);
        let r2 = take(&mut right, &r2);
        let y = add(&mut right, &carol(), remove(&bob()));
        let e = add(&mut right, &carol(), admit(&printer, "printer"));
        assert_eq!(hostnames(&right), ["alice", "carol", "dave", "nas", "printer"]);

        meet(&mut left, &mut right);
        assert_eq!(hostnames(&left), ["alice", "bob", "dave", "nas", "nas-2"]);
        let (winner, loser) = if confirmed { (&bobs, &daves) } else { (&daves, &bobs) };
        assert_eq!(hostname_of(&left, winner), "nas");
        assert!(!is_in(&left, loser) && is_in(&left, &third));
        let used_up = if confirmed { r2 } else { r1 };
        assert_eq!(effect(&left, used_up), Effect::Nothing(NothingReason::InviteUsedUp));
        assert_eq!(effect(&left, x), Effect::Counted);
        for void in [y, e] {
            assert_eq!(effect(&left, void), Effect::Void(VoidReason::AuthorEnded));
        }
        if !confirmed {
            let order: Vec<EntryId> = left.entries().map(VerifiedEntry::id).skip(7).collect();
            assert_eq!(order[..2], [r2, r1]);
            assert_eq!(order[2..4].iter().collect::<BTreeSet<_>>(), BTreeSet::from([&x, &y]));
            assert_eq!(order[4..].iter().collect::<BTreeSet<_>>(), BTreeSet::from([&a, &e]));
        }
        let checkpoint = left.checkpoint();
        let last = add(&mut left, &alice(), checkpoint);
        assert_eq!((left.heads(), left.unanchored()), (vec![last], 0));
        assert_eq!(left.get(&last).unwrap().parents().len(), 2);
    }
}

#[test]
fn an_entry_waits_for_its_parents_and_arrives_with_its_children() {
    let (mut ledger, invite) = with_invite(1);
    join(&mut ledger, &alice(), &bob(), &invite, "bob");
    let entries: Vec<VerifiedEntry> = ledger.entries().cloned().collect();
    let [genesis, minted, redeemed] = entries.as_slice() else { panic!("three entries") };
    let mut other = Ledger::empty(ledger.room());
    assert_eq!(other.insert(redeemed.clone()), Inserted::Pending);
    assert_eq!(other.insert(redeemed.clone()), Inserted::Pending);
    assert_eq!(other.insert(minted.clone()), Inserted::Pending);
    assert_eq!((other.pending_len(), other.len()), (2, 0));
    assert!(other.lacks(&ledger.heads()) && !other.contains(&redeemed.id()));
    let all = vec![genesis.id(), minted.id(), redeemed.id()];
    assert_eq!(other.insert(genesis.clone()), Inserted::New { entries: all });
    assert_eq!(other.insert(genesis.clone()), Inserted::Known);
    assert!(!other.lacks(&ledger.heads()));
    assert_eq!(other.roster(), ledger.roster());
}

#[test]
fn an_entry_of_another_network_is_refused() {
    let (mut other, _) = Ledger::found(&key(77), &alice(), name("other"), host("alice"), NOW);
    let genesis = founded().entries().next().unwrap().clone();
    assert_eq!(other.insert(genesis), Inserted::Refused(Refusal::OtherNetwork));
}

#[test]
fn entries_that_wait_for_nothing_are_forgotten_oldest_first() {
    let source = founded();
    let mut ledger = founded();
    let orphan = |number: usize| {
        let mut parent = [0xee; 32];
        parent[..8].copy_from_slice(&number.to_le_bytes());
        force(&source, &alice(), Action::Leave, &[EntryId(parent)])
    };
    for number in 0..PENDING_ENTRIES_MAX + 3 {
        assert_eq!(ledger.insert(orphan(number)), Inserted::Pending);
    }
    assert_eq!(ledger.pending_len(), PENDING_ENTRIES_MAX);
    assert_eq!(ledger.len(), 1);
    ledger.insert(orphan(5));
    assert_eq!(ledger.pending_len(), PENDING_ENTRIES_MAX);
}

#[test]
fn tells_what_another_lacks_and_no_more_than_an_answer_holds() {
    let mut ledger = founded();
    let early = ledger.heads();
    for number in 0..ANSWER_ENTRIES_MAX + 10 {
        add(&mut ledger, &alice(), mint(&invite(u64::try_from(number).unwrap()), 1));
    }
    let mut other = Ledger::empty(ledger.room());
    let answer = ledger.missing(&other.heads());
    assert_eq!(answer.len(), ANSWER_ENTRIES_MAX);
    answer.into_iter().for_each(|entry| assert!(matches!(other.insert(entry.clone()), Inserted::New { .. })));
    assert_eq!(ledger.missing(&other.heads()).len(), 11);
    assert_eq!(ledger.missing(&early).len(), ANSWER_ENTRIES_MAX);
    assert!(ledger.missing(&ledger.heads()).is_empty());
    let unknown = EntryId([0xee; 32]);
    assert_eq!(ledger.missing(&[unknown]).len(), ANSWER_ENTRIES_MAX);
    assert!(ledger.lacks(&[unknown]) && !ledger.lacks(&[]));
}

#[test]
fn an_author_below_many_heads_names_those_that_it_rests_on() {
    let mut base = founded();
    for number in 100..180 {
        add(&mut base, &alice(), admit(&key(number), "guest"));
    }
    let mut ledger = base.clone();
    for number in 100..180 {
        let renamed = base.author(&key(number), rename(&key(number), "web"), NOW).unwrap();
        take(&mut ledger, &renamed);
    }
    assert_eq!(ledger.heads().len(), 80);
    let checkpoint = ledger.checkpoint();
    let confirmed = add(&mut ledger, &alice(), checkpoint);
    assert_eq!(ledger.get(&confirmed).unwrap().parents().len(), PARENTS_MAX);
    assert_eq!(ledger.alarms(), [], "the digest is that of what it names");
    for number in 100..180 {
        add(&mut ledger, &key(number), Action::Leave);
    }
    assert!(ledger.heads().len() <= PARENTS_MAX);
    assert_eq!(ledger.alarms(), [], "nobody forks");
    assert_eq!(ledger.roster().members().count(), 1);
}

#[test]
fn what_is_built_on_a_refused_entry_is_forgotten_and_not_asked_for() {
    let mut ledger = two();
    let mut other = ledger.clone();
    let bad = force(&ledger, &bob(), admit(&nas(), "nas"), &ledger.heads());
    let child = sign(
        Content { parents: vec![bad.id()], counter: 2, ..contents(&ledger, &bob(), Action::Leave, &ledger.heads()) },
        &bob(),
    );
    let grandchild = sign(
        Content { parents: vec![child.id()], ..contents(&ledger, &alice(), admit(&nas(), "nas"), &ledger.heads()) },
        &alice(),
    );
    assert_eq!(ledger.insert(grandchild.clone()), Inserted::Pending);
    assert_eq!(ledger.wanted(), [child.id()]);
    assert_eq!(ledger.insert(child.clone()), Inserted::Pending);
    assert_eq!(ledger.wanted(), [bad.id()]);
    assert_eq!(ledger.insert(bad.clone()), Inserted::Refused(Refusal::NotCoordinator));
    assert_eq!((ledger.pending_len(), ledger.wanted()), (0, vec![]));
    assert_eq!(other.insert(bad), Inserted::Refused(Refusal::NotCoordinator));
    assert_eq!(other.insert(child), Inserted::Pending);
}

#[test]
fn a_ledger_keeps_its_last_places_for_coordinators() {
    let ledger = two();
    let main = ledger.main();
    assert!(check_room(ENTRIES_MAX - ENTRIES_RESERVED - 1, main, &id(&bob())).is_ok());
    for (length, author, refused) in [
        (ENTRIES_MAX - ENTRIES_RESERVED, bob(), true),
        (ENTRIES_MAX - ENTRIES_RESERVED, alice(), false),
        (ENTRIES_MAX - 1, alice(), false),
        (ENTRIES_MAX, alice(), true),
    ] {
        assert_eq!(check_room(length, main, &id(&author)).is_err(), refused, "{length}");
    }
}

#[test]
fn a_thousand_entries_fold_to_the_same_at_once_and_one_by_one() {
    let mut ledger = founded();
    let mut other = Ledger::empty(ledger.room());
    for number in 0..1000u32 {
        let mut member = [0; 32];
        member[..4].copy_from_slice(&number.to_le_bytes());
        let action = Action::Admit { member: PeerId(member), hostname: host("node") };
        add(&mut ledger, &alice(), action);
    }
    for entry in ledger.entries() {
        other.insert(entry.clone());
    }
    assert_eq!(other.roster(), ledger.roster());
    assert_eq!(other.roster().members().count(), 1001);
}
