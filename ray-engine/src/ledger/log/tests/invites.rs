//! Invites: how often, how long, for whom.

use super::*;
use crate::ledger::limits::{CHECKPOINT_TOLERANCE_S, EXPIRY_TOLERANCE_S};

#[test]
fn any_member_seats_a_joiner_while_no_coordinator_is_there() {
    let (mut ledger, invite) = with_invite(2);
    join(&mut ledger, &alice(), &bob(), &invite, "bob");
    join(&mut ledger, &bob(), &nas(), &invite, "nas");
    assert_eq!(hostnames(&ledger), ["alice", "bob", "nas"]);
    assert_eq!(ledger.roster().invite(&invite.key()).unwrap().used, 2);
    let full = AuthorError::Invite(InviteRefusal::UsedUp);
    assert_eq!(ledger.author(&bob(), redeem(&ledger, &invite, &dave(), "dave"), NOW), Err(full));
    let action = redeem(&ledger, &invite, &dave(), "dave");
    let over = put_last(&mut ledger, &bob(), action);
    assert_eq!(effect(&ledger, over), Effect::Nothing(NothingReason::InviteUsedUp));
}

#[test]
fn a_single_use_that_two_halves_spent_seats_one() {
    let (mut left, invite) = with_invite(1);
    let mut right = left.clone();
    let one = join(&mut left, &alice(), &bob(), &invite, "bob");
    let entry = author_below(&right, &alice(), redeem(&right, &invite, &nas(), "nas"), one);
    take(&mut right, &entry);
    meet(&mut left, &mut right);
    assert_eq!(hostnames(&left), ["alice", "nas"]);
    assert_eq!(left.roster().invite(&invite.key()).unwrap().used, 1);
}

#[test]
fn one_joiner_that_is_seated_twice_uses_an_invite_once() {
    let (mut left, invite) = with_invite(2);
    let mut right = left.clone();
    join(&mut left, &alice(), &bob(), &invite, "one");
    join(&mut right, &alice(), &bob(), &invite, "other");
    meet(&mut left, &mut right);
    assert_eq!(left.roster().members().count(), 2);
    assert_eq!(left.roster().invite(&invite.key()).unwrap().used, 1);
}

#[test]
fn refuses_a_redeem_that_is_replayed_after_its_joiner_left() {
    let (mut ledger, invite) = with_invite(9);
    let used = redeem(&ledger, &invite, &bob(), "bob");
    add(&mut ledger, &alice(), used.clone());
    refuses(&ledger, &alice(), used.clone(), AuthorError::AlreadyMember, Refusal::AlreadyMember);
    let left = add(&mut ledger, &bob(), Action::Leave);
    refuses(&ledger, &alice(), used, AuthorError::StaleProof, Refusal::After);
    let wrong = redeem_after(&invite, &bob(), "bob", Some(EntryId([7; 32])));
    refuses(&ledger, &alice(), wrong, AuthorError::StaleProof, Refusal::After);
    assert_eq!(ledger.last_leave(&id(&bob())), Some(left));
    join(&mut ledger, &alice(), &bob(), &invite, "bob");
    let again = add(&mut ledger, &bob(), Action::Leave);
    assert_eq!(ledger.last_leave(&id(&bob())), Some(again));
    let second = redeem_after(&invite, &bob(), "bob", Some(left));
    refuses(&ledger, &alice(), second, AuthorError::StaleProof, Refusal::After);
}

#[test]
fn of_two_leaves_with_one_counter_the_lower_id_is_the_last() {
    let mut ledger = two();
    let split = ledger.heads();
    let mut leaves = Vec::new();
    for time in [NOW, LATER] {
        let content = Content { time, ..contents(&ledger, &bob(), Action::Leave, &split) };
        leaves.push(take(&mut ledger, &sign(content, &bob())));
    }
    assert_eq!(ledger.last_leave(&id(&bob())), leaves.into_iter().min());
}

#[test]
fn refuses_a_redeem_of_a_key_that_was_removed_until_it_is_admitted() {
    let (mut ledger, invite) = with_invite(9);
    add(&mut ledger, &alice(), set_mode(Mode::Open));
    let used = redeem(&ledger, &invite, &bob(), "bob");
    add(&mut ledger, &alice(), used.clone());
    let removed = add(&mut ledger, &alice(), remove(&bob()));
    refuses(&ledger, &alice(), used.clone(), AuthorError::RemovedBefore, Refusal::Removed);
    let open = welcome(&ledger, &bob(), "bob");
    refuses(&ledger, &alice(), open, AuthorError::RemovedBefore, Refusal::Removed);
    assert_eq!(ledger.was_removed(&id(&bob())).map(VerifiedEntry::id), Some(removed));
    add(&mut ledger, &alice(), admit(&bob(), "bob"));
    assert_eq!(ledger.was_removed(&id(&bob())), None);
    add(&mut ledger, &bob(), Action::Leave);
    let after = redeem(&ledger, &invite, &bob(), "bob");
    refuses(&ledger, &alice(), after, AuthorError::RemovedBefore, Refusal::Removed);
}

#[test]
fn a_removal_that_is_void_keeps_nobody_out() {
    let mut left = three();
    let invite = invite(1);
    add(&mut left, &alice(), mint(&invite, 5));
    add(&mut left, &alice(), admit(&dave(), "dave"));
    let mut right = left.clone();
    add(&mut right, &carol(), remove(&dave()));
    add(&mut left, &alice(), revoke(&carol()));
    meet(&mut left, &mut right);
    assert!(is_in(&left, &dave()));
    add(&mut left, &dave(), Action::Leave);
    assert_eq!(left.was_removed(&id(&dave())), None);
    join(&mut left, &bob(), &dave(), &invite, "dave");
    assert!(is_in(&left, &dave()));
}

#[test]
fn an_invite_is_over_for_whoever_signs_600_seconds_after_its_expiry() {
    let (ledger, invite) = with_invite(1);
    let at = |seconds| {
        let action = redeem(&ledger, &invite, &nas(), "nas");
        let content = Content { time: UnixTime(seconds), ..contents(&ledger, &alice(), action, &ledger.heads()) };
        ledger.clone().insert(sign(content, &alice()))
    };
    assert!(matches!(at(LATER.0 + EXPIRY_TOLERANCE_S - 1), Inserted::New { .. }));
    assert_eq!(at(LATER.0 + EXPIRY_TOLERANCE_S), Inserted::Refused(Refusal::InviteExpired));
    assert!(matches!(at(0), Inserted::New { .. }));
    assert!(ledger.check_invite(&invite.key(), UnixTime(LATER.0 - 1)).is_ok());
    assert_eq!(ledger.check_invite(&invite.key(), LATER), Err(InviteRefusal::Expired), "at the door, at once");
    let action = redeem(&ledger, &invite, &nas(), "nas");
    assert_eq!(ledger.author(&alice(), action, LATER), Err(AuthorError::Invite(InviteRefusal::Expired)));
}

#[test]
fn an_invite_is_over_behind_a_checkpoint_that_was_signed_a_day_after_its_expiry() {
    for (signed, effect_then) in [
        (LATER.0 + CHECKPOINT_TOLERANCE_S - 1, Effect::Counted),
        (LATER.0 + CHECKPOINT_TOLERANCE_S, Effect::Nothing(NothingReason::InviteExpired)),
    ] {
        let (mut ledger, invite) = with_invite(1);
        let split = ledger.heads();
        let checkpoint = ledger.author(&alice(), ledger.checkpoint(), UnixTime(signed)).unwrap();
        take(&mut ledger, &checkpoint);
        // Backdated by its own time and by its place; the checkpoint comes first all the same.
        let action = redeem(&ledger, &invite, &nas(), "nas");
        let redeemed = put(&mut ledger, &alice(), action, &split);
        assert_eq!(effect(&ledger, redeemed), effect_then, "{signed}");
        assert_eq!(is_in(&ledger, &nas()), effect_then == Effect::Counted);
    }
    let (mut ledger, invite) = with_invite(1);
    let late = UnixTime(LATER.0 + CHECKPOINT_TOLERANCE_S);
    let checkpoint = ledger.author(&alice(), ledger.checkpoint(), late).unwrap();
    take(&mut ledger, &checkpoint);
    assert_eq!(ledger.check_invite(&invite.key(), NOW), Err(InviteRefusal::Expired));
}

#[test]
fn an_invite_gives_its_name_whatever_the_joiner_wishes() {
    let mut ledger = founded();
    let invite = invite(1);
    let named = Action::MintInvite { invite: invite.key(), uses: 2, expires: LATER, hostname: Some(host("nas")) };
    add(&mut ledger, &alice(), admit(&dave(), "nas"));
    add(&mut ledger, &alice(), named);
    join(&mut ledger, &alice(), &bob(), &invite, "boss");
    assert_eq!([hostname_of(&ledger, &bob()), hostname_of(&ledger, &dave())], ["nas", "nas-2"]);
    assert!(ledger.roster().get(&id(&bob())).unwrap().bound);
    join(&mut ledger, &alice(), &carol(), &invite, "boss");
    assert_eq!(hostname_of(&ledger, &carol()), "nas-3");
}

#[test]
fn a_revoked_invite_seats_nobody_who_did_not_know_either() {
    let (mut left, invite) = with_invite(5);
    let mut right = left.clone();
    join(&mut left, &alice(), &dave(), &invite, "dave");
    add(&mut left, &alice(), revoke_invite(&invite));
    assert_eq!(left.check_invite(&invite.key(), NOW), Err(InviteRefusal::Revoked));
    let known = redeem(&left, &invite, &bob(), "bob");
    refuses(&left, &alice(), known, AuthorError::Invite(InviteRefusal::Revoked), Refusal::InviteRevoked);
    let beside = join(&mut right, &alice(), &nas(), &invite, "nas");
    meet(&mut left, &mut right);
    assert_eq!(effect(&left, beside), Effect::Void(VoidReason::InviteClosed));
    assert_eq!(hostnames(&left), ["alice", "dave"], "who came in before stays");
}

#[test]
fn a_revocation_that_is_void_closes_nothing() {
    let mut left = three();
    let invite = invite(1);
    add(&mut left, &alice(), mint(&invite, 5));
    let mut right = left.clone();
    add(&mut right, &carol(), revoke_invite(&invite));
    let beside = join(&mut left, &bob(), &nas(), &invite, "nas");
    add(&mut left, &bob(), revoke(&carol()));
    meet(&mut left, &mut right);
    assert_eq!(effect(&left, beside), Effect::Counted);
    join(&mut left, &bob(), &dave(), &invite, "dave");
    assert!(is_in(&left, &dave()));
}

#[test]
fn refuses_a_redeem_of_an_invite_that_its_author_does_not_know() {
    let ledger = founded();
    let action = redeem(&ledger, &invite(7), &bob(), "bob");
    let unknown = AuthorError::Invite(InviteRefusal::Unknown);
    refuses(&ledger, &alice(), action, unknown, Refusal::UnknownInvite);
}

#[test]
fn a_key_is_minted_once_and_not_to_expire_before_it_begins() {
    let (mut ledger, invite) = with_invite(1);
    assert_eq!(ledger.author(&alice(), mint(&invite, 9), NOW), Err(AuthorError::InviteExists));
    assert_eq!(ledger.author(&alice(), mint(&super::invite(2), 9), LATER), Err(AuthorError::InviteExpires));
    let again = put_last(&mut ledger, &alice(), mint(&invite, 9));
    assert_eq!(effect(&ledger, again), Effect::Nothing(NothingReason::InviteExists));
    assert_eq!(ledger.roster().invite(&invite.key()).unwrap().uses, 1);
}

#[test]
fn a_network_holds_twenty_thousand_invites() {
    let mut roster = Roster::empty(RoomId([1; 32]));
    let template = founded();
    let (genesis, alice) = (template.entries().next().unwrap().clone(), alice());
    let key = crate::ledger::history::Key { depth: 0, id: genesis.id() };
    roster.apply(crate::ledger::fold::Turn { entry: &genesis, key, deciding: false }).unwrap();
    let mut mint_numbered = |number: u32| {
        let mut invite = [7; 32];
        invite[..4].copy_from_slice(&number.to_le_bytes());
        let action = Action::MintInvite { invite: InviteKey(invite), uses: 1, expires: LATER, hostname: None };
        let entry = sign(contents(&template, &alice, action, &[genesis.id()]), &alice);
        roster.apply(crate::ledger::fold::Turn { entry: &entry, key, deciding: true })
    };
    let full = u32::try_from(crate::ledger::limits::INVITES_MAX).unwrap();
    assert!((0..full).all(|number| mint_numbered(number).is_ok()));
    assert_eq!(mint_numbered(full), Err(NothingReason::InvitesFull));
}

#[test]
fn an_open_network_takes_whoever_consents_and_only_then() {
    let mut ledger = two();
    let asked = welcome(&ledger, &nas(), "nas");
    refuses(&ledger, &bob(), asked.clone(), AuthorError::NotOpen, Refusal::NotOpen);
    add(&mut ledger, &alice(), set_mode(Mode::Approval));
    refuses(&ledger, &bob(), asked.clone(), AuthorError::NotOpen, Refusal::NotOpen);
    add(&mut ledger, &alice(), set_mode(Mode::Open));
    add(&mut ledger, &bob(), asked.clone());
    assert_eq!(hostname_of(&ledger, &nas()), "nas");
    refuses(&ledger, &bob(), asked.clone(), AuthorError::AlreadyMember, Refusal::AlreadyMember);
    add(&mut ledger, &nas(), Action::Leave);
    refuses(&ledger, &bob(), asked, AuthorError::StaleProof, Refusal::After);
}
