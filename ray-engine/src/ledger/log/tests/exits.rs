//! Who was put out by what, and what has to be known to see it.

use super::*;

#[test]
fn a_removal_puts_a_node_out_until_it_is_admitted_again_and_a_leave_does_not() {
    let mut ledger = three();
    assert_eq!(ledger.exit(&id(&carol())), None);
    let removal = add(&mut ledger, &alice(), remove(&carol()));
    add(&mut ledger, &bob(), Action::Leave);
    assert_eq!(ledger.exit(&id(&carol())).map(VerifiedEntry::id), Some(removal));
    assert_eq!(ledger.exit(&id(&bob())), None, "left");
    assert_eq!(ledger.exit(&id(&dave())), None, "a stranger");
    add(&mut ledger, &alice(), admit(&carol(), "carol"));
    assert_eq!(ledger.exit(&id(&carol())), None);
}

#[test]
fn the_end_of_a_network_puts_those_out_who_had_a_seat() {
    let mut ledger = three();
    let removal = add(&mut ledger, &alice(), remove(&carol()));
    add(&mut ledger, &alice(), admit(&dave(), "dave"));
    add(&mut ledger, &alice(), remove(&dave()));
    add(&mut ledger, &alice(), admit(&dave(), "dave"));
    let end = add(&mut ledger, &alice(), Action::Dissolve);
    for (key, exit) in
        [(alice(), Some(end)), (dave(), Some(end)), (carol(), Some(removal)), (SigningKey::from_bytes(&[99; 32]), None)]
    {
        assert_eq!(ledger.exit(&id(&key)).map(VerifiedEntry::id), exit);
    }
}

#[test]
fn what_leads_to_an_entry_is_its_past_and_nothing_beside_it_or_after() {
    let mut ledger = three();
    let before = ledger.clone();
    let known = ledger.heads();
    let first = add(&mut ledger, &alice(), set_mode(Mode::Open));
    let removal = add(&mut ledger, &alice(), remove(&carol()));
    add(&mut ledger, &alice(), set_mode(Mode::Closed));
    let mut beside = before;
    let aside = add(&mut beside, &bob(), set_mode(Mode::Approval));
    sync(&beside, &mut ledger);
    let leading = |have: &[EntryId]| -> Vec<EntryId> {
        ledger.leading_to(&removal, have).into_iter().map(VerifiedEntry::id).collect()
    };
    assert_eq!(leading(&known), [first, removal]);
    assert_eq!(leading(&[first, aside]), [removal]);
    assert_eq!(leading(&[]).len(), ledger.len() - 2);
    assert!(leading(&ledger.heads()).is_empty());
    let mut fresh = Ledger::empty(ledger.room());
    for entry in ledger.leading_to(&removal, &[]) {
        assert!(matches!(fresh.insert(entry.clone()), Inserted::New { .. }), "parents come first");
    }
    assert_eq!(fresh.exit(&id(&carol())).map(VerifiedEntry::id), Some(removal));
}
