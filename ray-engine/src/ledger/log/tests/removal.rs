//! What an end does to everything that is concurrent with it.

use super::*;

#[test]
fn a_removal_voids_what_its_target_signed_without_knowing_of_it() {
    let mut left = three();
    let mut right = left.clone();
    let renamed = add(&mut right, &carol(), rename(&carol(), "web"));
    let admitted = add(&mut right, &carol(), admit(&nas(), "nas"));
    let granted = add(&mut right, &carol(), grant(&nas()));
    let by_granted = add(&mut right, &nas(), admit(&dave(), "dave"));
    add(&mut left, &alice(), remove(&carol()));
    meet(&mut left, &mut right);
    assert_eq!(hostnames(&left), ["alice", "bob"]);
    for id in [renamed, admitted, granted] {
        assert_eq!(effect(&left, id), Effect::Void(VoidReason::AuthorEnded));
    }
    assert_eq!(effect(&left, by_granted), Effect::Void(VoidReason::RightVoid));
    assert_eq!(left.was_removed(&id(&carol())).unwrap().author(), id(&alice()));
    assert_eq!(left.was_removed(&id(&nas())), None);
}

#[test]
fn a_removal_voids_what_was_signed_in_its_targets_favour() {
    let mut left = three();
    let mut right = left.clone();
    add(&mut right, &bob(), remove(&carol()));
    let admitted = add(&mut right, &bob(), admit(&carol(), "carol"));
    let granted = add(&mut right, &bob(), grant(&carol()));
    assert!(decides(&right, &carol()));
    add(&mut left, &alice(), remove(&carol()));
    meet(&mut left, &mut right);
    assert!(!is_in(&left, &carol()));
    assert_eq!(effect(&left, admitted), Effect::Void(VoidReason::NodeEnded));
    assert_eq!(effect(&left, granted), Effect::Void(VoidReason::NodeEnded));
    add(&mut left, &alice(), admit(&carol(), "carol"));
    assert!(is_in(&left, &carol()) && !decides(&left, &carol()));
}

#[test]
fn a_revocation_voids_decisions_and_leaves_what_the_member_said_for_itself() {
    let mut left = three();
    let mut right = left.clone();
    let admitted = add(&mut right, &carol(), admit(&nas(), "nas"));
    let again = put(&mut right, &carol(), Action::Unknown { tag: 99, body: vec![] }, &[admitted]);
    let invite = invite(1);
    let minted = add(&mut right, &carol(), mint(&invite, 1));
    let joined = join(&mut right, &carol(), &dave(), &invite, "dave");
    let revoked = add(&mut left, &alice(), revoke(&carol()));
    meet(&mut left, &mut right);
    assert_eq!(effect(&left, revoked), Effect::Counted);
    assert_eq!(effect(&left, admitted), Effect::Void(VoidReason::AuthorEnded));
    assert_eq!(effect(&left, minted), Effect::Void(VoidReason::AuthorEnded));
    assert_eq!(effect(&left, joined), Effect::Nothing(NothingReason::InviteUnknown), "a member's entry, not void");
    assert_eq!(effect(&left, again), Effect::Unknown);
    assert!(is_in(&left, &carol()) && !decides(&left, &carol()) && left.unknown() == 1);
}

#[test]
fn a_revocation_voids_a_grant_that_it_does_not_know_of_and_not_a_seat() {
    let mut left = three();
    let mut right = left.clone();
    add(&mut right, &bob(), revoke(&carol()));
    let granted = add(&mut right, &bob(), grant(&carol()));
    add(&mut left, &alice(), revoke(&carol()));
    meet(&mut left, &mut right);
    assert_eq!(effect(&left, granted), Effect::Void(VoidReason::NodeEnded));
    assert!(is_in(&left, &carol()) && !decides(&left, &carol()));
    let mut left = three();
    let mut right = left.clone();
    add(&mut right, &carol(), Action::Leave);
    let seated = add(&mut right, &alice(), admit(&carol(), "carol"));
    let revoked = add(&mut left, &bob(), revoke(&carol()));
    meet(&mut left, &mut right);
    assert_eq!((effect(&left, seated), effect(&left, revoked)), (Effect::Counted, Effect::Counted));
    assert!(is_in(&left, &carol()) && !decides(&left, &carol()));
}

#[test]
fn a_leave_voids_what_its_author_signs_beside_it_and_is_never_void_itself() {
    let mut ledger = three();
    let split = ledger.heads();
    let left = put(&mut ledger, &carol(), Action::Leave, &split);
    let beside = put(&mut ledger, &carol(), admit(&nas(), "nas"), &split);
    let again = put(&mut ledger, &alice(), remove(&carol()), &split);
    assert_eq!(effect(&ledger, beside), Effect::Void(VoidReason::AuthorEnded));
    assert!(!is_in(&ledger, &carol()) && !is_in(&ledger, &nas()));
    let effects: BTreeSet<bool> = [left, again].iter().map(|id| effect(&ledger, *id) == Effect::Counted).collect();
    assert_eq!(effects, BTreeSet::from([true, false]), "the first frees the seat, the other finds none");
    let mut twice = three();
    let mut far = twice.clone();
    let one = put(&mut twice, &carol(), Action::Leave, &split);
    let parents = [add(&mut far, &bob(), admit(&dave(), "dave"))];
    put(&mut far, &carol(), Action::Leave, &parents);
    meet(&mut twice, &mut far);
    assert!(!is_in(&twice, &carol()), "two leaves that do not know of each other do not void each other");
    assert_ne!(effect(&twice, one), Effect::Void(VoidReason::AuthorEnded));
}

#[test]
fn the_senior_of_two_coordinators_who_remove_each_other_stands() {
    let mut left = three();
    let mut right = left.clone();
    let senior = add(&mut left, &bob(), remove(&carol()));
    let junior = add(&mut right, &carol(), remove(&bob()));
    meet(&mut left, &mut right);
    assert_eq!(hostnames(&left), ["alice", "bob"]);
    assert_eq!(effect(&left, senior), Effect::Counted);
    assert_eq!(effect(&left, junior), Effect::Void(VoidReason::AuthorEnded));
    assert!(decides(&left, &bob()));
    assert_eq!(left.was_removed(&id(&bob())), None);
}

#[test]
fn the_senior_of_two_coordinators_who_revoke_each_other_stays_one() {
    let mut left = three();
    let mut right = left.clone();
    add(&mut left, &carol(), revoke(&alice()));
    add(&mut right, &alice(), revoke(&carol()));
    meet(&mut left, &mut right);
    assert!(decides(&left, &alice()) && is_in(&left, &carol()) && !decides(&left, &carol()));
}

#[test]
fn ends_are_weighed_by_seniority_and_what_counts_stays_counted() {
    let mut one = three();
    let (mut two, mut three) = (one.clone(), one.clone());
    let of_dave = add(&mut one, &alice(), admit(&dave(), "dave"));
    sync(&one.clone(), &mut two);
    sync(&one.clone(), &mut three);
    assert!(one.contains(&of_dave));
    let by_carol = add(&mut one, &carol(), remove(&alice()));
    let by_alice = add(&mut two, &alice(), remove(&dave()));
    let by_bob = add(&mut three, &bob(), remove(&carol()));
    meet(&mut one, &mut two);
    assert!(!is_in(&one, &alice()) && !is_in(&one, &dave()), "Carol's end counts, and so does the senior's");
    assert_eq!(effect(&one, by_alice), Effect::Counted);
    meet(&mut one, &mut three);
    assert_eq!(effect(&one, by_carol), Effect::Void(VoidReason::AuthorEnded), "Bob's goes first");
    assert_eq!(effect(&one, by_bob), Effect::Counted);
    assert_eq!(hostnames(&one), ["alice", "bob"]);
}

#[test]
fn an_end_that_does_not_count_ends_nobody_elses_right_to_end() {
    let mut base = three();
    add(&mut base, &alice(), admit(&dave(), "dave"));
    let (mut one, mut two, mut three) = (base.clone(), base.clone(), base);
    add(&mut one, &alice(), remove(&bob()));
    add(&mut two, &bob(), remove(&carol()));
    let last = add(&mut three, &carol(), remove(&dave()));
    meet(&mut one, &mut two);
    meet(&mut one, &mut three);
    let mut at_once = Ledger::empty(one.room());
    one.entries().for_each(|entry| drop(at_once.insert(entry.clone())));
    for ledger in [one, at_once] {
        assert_eq!(effect(&ledger, last), Effect::Counted);
        assert_eq!(hostnames(&ledger), ["alice", "carol"]);
    }
}

#[test]
fn an_end_by_a_right_that_is_void_does_not_count() {
    let mut left = three();
    add(&mut left, &alice(), admit(&dave(), "dave"));
    let mut right = left.clone();
    add(&mut right, &carol(), grant(&dave()));
    let by_dave = add(&mut right, &dave(), remove(&bob()));
    add(&mut left, &alice(), revoke(&carol()));
    let kept = add(&mut left, &bob(), admit(&nas(), "nas"));
    meet(&mut left, &mut right);
    assert_eq!(effect(&left, by_dave), Effect::Void(VoidReason::RightVoid));
    assert_eq!(effect(&left, kept), Effect::Counted);
    assert_eq!(hostnames(&left), ["alice", "bob", "carol", "dave", "nas"]);
}

#[test]
fn what_knows_of_an_end_and_what_an_end_knows_of_is_not_void() {
    let mut ledger = three();
    let before = add(&mut ledger, &carol(), admit(&nas(), "nas"));
    add(&mut ledger, &alice(), remove(&carol()));
    let back = add(&mut ledger, &alice(), admit(&carol(), "carol"));
    let after = add(&mut ledger, &carol(), rename(&carol(), "web"));
    for id in [before, back, after] {
        assert_eq!(effect(&ledger, id), Effect::Counted);
    }
    assert_eq!(hostnames(&ledger), ["alice", "bob", "nas", "web"]);
    assert_eq!(ledger.was_removed(&id(&carol())), None);
}

#[test]
fn a_dissolve_is_void_if_its_author_is_ended_at_the_same_time() {
    let mut left = three();
    let mut right = left.clone();
    let end = add(&mut right, &carol(), Action::Dissolve);
    add(&mut left, &bob(), revoke(&carol()));
    meet(&mut left, &mut right);
    assert_eq!(effect(&left, end), Effect::Void(VoidReason::AuthorEnded));
    assert_eq!(left.dissolved(), None);
    add(&mut left, &alice(), admit(&nas(), "nas"));
    assert_eq!(hostnames(&left), ["alice", "bob", "carol", "nas"]);
}

#[test]
fn two_revocations_of_invites_do_not_void_each_other_in_a_circle() {
    let mut base = founded();
    add(&mut base, &alice(), admit(&bob(), "bob"));
    add(&mut base, &alice(), grant(&bob()));
    let (one, other) = (invite(1), invite(2));
    add(&mut base, &alice(), mint(&one, 1));
    add(&mut base, &alice(), mint(&other, 1));
    let (mut left, mut right) = (base.clone(), base.clone());
    // Each side seats a node by an invite; when both coordinators have left, that node succeeds there and revokes the
    // invite of the other side.
    for (side, invite, joiner, others) in [(&mut left, &one, nas(), &other), (&mut right, &other, dave(), &one)] {
        let seat = join(side, &bob(), &joiner, invite, "node");
        let alone = put(side, &alice(), Action::Leave, &base.heads());
        let gone = put(side, &bob(), Action::Leave, &[seat]);
        assert!(decides(side, &joiner));
        put(side, &joiner, revoke_invite(others), &[alone, gone]);
    }
    meet(&mut left, &mut right);
    assert_eq!(left.roster().members().count(), 0, "both revocations stand, and both redeems are void");
}
