//! Who coordinates, and who follows when nobody does.

use super::*;

#[test]
fn lists_coordinators_by_seniority_with_whoever_granted_to_them() {
    let mut ledger = two();
    add(&mut ledger, &alice(), admit(&carol(), "carol"));
    let grants = [(alice(), bob()), (bob(), carol())];
    for (number, (by, to)) in (1..).zip(&grants) {
        let entry = ledger.author(by, grant(to), UnixTime(NOW.0 + number)).unwrap();
        take(&mut ledger, &entry);
    }
    let listed: Vec<_> = ledger.coordinators().iter().map(|one| (one.peer, one.granted_by, one.since.0)).collect();
    let expected = [
        (id(&alice()), None, NOW.0),
        (id(&bob()), Some(id(&alice())), NOW.0 + 1),
        (id(&carol()), Some(id(&bob())), NOW.0 + 2),
    ];
    assert_eq!(listed, expected);
    add(&mut ledger, &carol(), revoke(&bob()));
    add(&mut ledger, &carol(), grant(&bob()));
    let last = ledger.coordinators().pop().unwrap();
    assert_eq!((last.peer, last.granted_by), (id(&bob()), Some(id(&carol()))), "a new grant begins anew");
}

#[test]
fn the_member_with_the_lowest_seat_follows_when_all_coordinators_left_at_once() {
    let mut left = two();
    add(&mut left, &alice(), admit(&nas(), "nas"));
    add(&mut left, &alice(), admit(&carol(), "carol"));
    add(&mut left, &alice(), grant(&carol()));
    let mut right = left.clone();
    add(&mut left, &alice(), Action::Leave);
    add(&mut right, &carol(), Action::Leave);
    assert!(!decides(&left, &bob()) && !decides(&right, &bob()));
    meet(&mut left, &mut right);
    assert!(decides(&left, &bob()) && !decides(&left, &nas()));
    let heir = left.coordinators();
    assert_eq!((heir.len(), heir[0].peer, heir[0].granted_by), (1, id(&bob()), None));
    refuses(&left, &nas(), admit(&dave(), "dave"), AuthorError::NotCoordinator, Refusal::NotCoordinator);
    add(&mut left, &bob(), admit(&dave(), "dave"));
    refuses(&left, &bob(), Action::Leave, AuthorError::LastCoordinator, Refusal::LastCoordinator);
    add(&mut left, &bob(), grant(&dave()));
    assert!(decides(&left, &dave()) && !decides(&left, &bob()), "who was granted to goes before who only follows");
    add(&mut left, &dave(), grant(&bob()));
    assert!(decides(&left, &bob()));
}

#[test]
fn a_grant_waits_for_its_node_to_have_a_seat() {
    let (mut left, invite) = with_invite(1);
    let mut right = left.clone();
    let lost = join(&mut left, &alice(), &bob(), &invite, "bob");
    add(&mut left, &alice(), grant(&bob()));
    let entry = author_below(&right, &alice(), redeem(&right, &invite, &nas(), "nas"), lost);
    take(&mut right, &entry);
    meet(&mut left, &mut right);
    assert!(!is_in(&left, &bob()) && !decides(&left, &bob()), "another took the seat");
    assert_eq!(left.coordinators().len(), 1);
    add(&mut left, &alice(), admit(&bob(), "bob"));
    assert!(decides(&left, &bob()), "and with a seat, what was granted holds");
}

#[test]
fn the_digest_says_who_coordinates() {
    let mut ledger = two();
    let before = ledger.roster().digest();
    add(&mut ledger, &alice(), grant(&bob()));
    assert_ne!(ledger.roster().digest(), before);
    add(&mut ledger, &alice(), revoke(&bob()));
    assert_eq!(ledger.roster().digest(), before, "nothing else on the roster has changed");
}

#[test]
fn who_was_granted_to_twice_rests_on_the_lower_grant() {
    let mut left = three();
    add(&mut left, &alice(), admit(&dave(), "dave"));
    let base = left.heads();
    let mut right = left.clone();
    let high = add(&mut left, &alice(), grant(&dave()));
    let low = author_below(&right, &bob(), grant(&dave()), high);
    take(&mut right, &low);
    meet(&mut left, &mut right);
    let dave_is = left.coordinators().pop().unwrap();
    assert_eq!((dave_is.peer, dave_is.granted_by), (id(&dave()), Some(id(&bob()))));
    let decided = add(&mut left, &dave(), admit(&nas(), "nas"));
    put(&mut left, &alice(), revoke(&bob()), &[base[0]]);
    assert_eq!(effect(&left, low.id()), Effect::Void(VoidReason::AuthorEnded));
    assert_eq!(effect(&left, decided), Effect::Void(VoidReason::RightVoid), "though the other grant holds");
    assert!(decides(&left, &dave()) && !is_in(&left, &nas()));
}
