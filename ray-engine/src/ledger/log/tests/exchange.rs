//! Entries on their way between ledgers.

use super::*;

#[test]
fn rosters_do_not_depend_on_the_order_of_arrival() {
    let ledger = busy();
    let entries: Vec<VerifiedEntry> = ledger.entries().cloned().collect();
    for shift in 0..entries.len() {
        for backwards in [false, true] {
            let mut shuffled = entries.clone();
            shuffled.rotate_left(shift);
            if backwards {
                shuffled.reverse();
            }
            let mut other = Ledger::empty(ledger.room());
            for entry in shuffled {
                other.insert(entry);
                other.roster();
            }
            assert_eq!(other.roster(), ledger.roster());
            assert_eq!(other.heads(), ledger.heads());
            assert!(other.entries().eq(ledger.entries()));
            assert_eq!(other.pending_len(), 0);
        }
    }
}

/// The worked example of `docs/ledger.md`.
#[test]
fn follows_the_documented_split_to_its_end() {
    let (base, invite) = with_invite(1);
    let (mut left, mut right) = (base.clone(), base.clone());
    let lost = base.author(&bob(), redeem(&invite, &bob(), "bob"), NOW).unwrap();
    left.insert(lost.clone());
    // Its time is chosen so that its id is the lower one, and the next so that its id is lower still.
    let won = author_below(&right, &nas(), redeem(&invite, &nas(), "nas"), lost.id());
    right.insert(won.clone());
    let admitted = author_below(&left, &alice(), admit(&key(30), "nas"), won.id());
    left.insert(admitted.clone());
    assert_eq!(hostnames(&left), ["alice", "bob", "nas"]);
    assert_eq!(hostnames(&right), ["alice", "nas"]);

    let halves = (left.clone(), right.clone());
    sync(&halves.0, &mut right);
    sync(&halves.1, &mut left);
    for healed in [&mut left, &mut right] {
        let order: Vec<EntryId> = healed.entries().map(VerifiedEntry::id).skip(2).collect();
        assert_eq!(order, [won.id(), lost.id(), admitted.id()]);
        assert_eq!(hostnames(healed), ["alice", "nas", "nas-2"]);
        assert_eq!(healed.roster().get(&id(&nas())).unwrap().hostname, host("nas"));
        add(healed, &alice(), admit(&bob(), "bob"));
        assert_eq!(healed.heads().len(), 1);
        assert_eq!(hostnames(healed), ["alice", "bob", "nas", "nas-2"]);
    }
    assert_eq!(left.heads(), right.heads());
}

#[test]
fn an_entry_waits_for_its_parents_and_arrives_with_its_children() {
    let (mut ledger, invite) = with_invite(1);
    join(&mut ledger, &bob(), &invite, "bob");
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
        force(&source, &alice(), Action::Leave, vec![EntryId(parent)])
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
    let (base, invite) = with_invite(100);
    let mut ledger = base.clone();
    for seed in 100..180 {
        let mut alone = base.clone();
        join(&mut alone, &key(seed), &invite, "guest");
        sync(&alone, &mut ledger);
    }
    assert_eq!(ledger.heads().len(), 80);
    for seed in 100..180 {
        add(&mut ledger, &key(seed), Action::Leave);
    }
    assert!(ledger.heads().len() < PARENTS_MAX);
    assert_eq!(ledger.roster().members().count(), 1);
}

#[test]
fn thousands_of_entries_fold_to_the_same_at_once_and_one_by_one() {
    let mut ledger = founded();
    let mut other = Ledger::empty(ledger.room());
    for number in 0..1500u32 {
        let mut member = [0; 32];
        member[..4].copy_from_slice(&number.to_le_bytes());
        let action = Action::Admit { member: PeerId(member), hostname: host("node") };
        add(&mut ledger, &alice(), action);
    }
    for entry in ledger.entries() {
        other.insert(entry.clone());
    }
    assert_eq!(other.roster(), ledger.roster());
    assert_eq!(other.roster().members().count(), 1501);
}
