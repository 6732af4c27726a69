//! What an invite gives.

use super::*;

#[test]
fn a_single_use_invite_redeemed_twice_at_once_seats_one_on_every_node() {
    let (base, invite) = with_invite(1);
    let (mut left, mut right) = (base.clone(), base);
    join(&mut left, &bob(), &invite, "bob");
    join(&mut right, &nas(), &invite, "nas");
    let others = left.clone();
    sync(&right, &mut left);
    sync(&others, &mut right);
    assert_eq!(left.roster(), right.roster());
    assert_eq!(left.roster().members().count(), 2);
    let first = left.heads()[0];
    assert_eq!(left.roster().get(&left.get(&first).unwrap().author()).unwrap().since, first);
    assert_eq!(left.check_invite(&invite.key(), NOW), Err(InviteRefusal::UsedUp));
}

#[test]
fn an_invite_seats_as_many_as_it_has_uses() {
    let (base, invite) = with_invite(3);
    let mut all = base.clone();
    for seed in 20..25 {
        let mut alone = base.clone();
        join(&mut alone, &key(seed), &invite, "guest");
        sync(&alone, &mut all);
    }
    assert_eq!(all.len(), 7);
    assert_eq!(all.roster().members().count(), 4);
    assert_eq!(all.roster().invite(&invite.key()).unwrap().used, 3);
}

#[test]
fn a_used_up_invite_seats_nobody_later() {
    let (mut ledger, invite) = with_invite(1);
    join(&mut ledger, &bob(), &invite, "bob");
    let late = redeem(&invite, &nas(), "nas");
    let refusal = Err(AuthorError::Invite(InviteRefusal::UsedUp));
    assert_eq!(ledger.author(&nas(), late.clone(), NOW), refusal);
    let forced = force(&ledger, &nas(), late, ledger.heads());
    assert!(matches!(ledger.insert(forced), Inserted::New { .. }));
    assert!(!ledger.roster().is_member(&id(&nas())));
}

#[test]
fn a_joiner_that_redeems_again_uses_nothing_up() {
    let (mut ledger, invite) = with_invite(2);
    join(&mut ledger, &bob(), &invite, "bob");
    let again = redeem(&invite, &bob(), "other");
    assert_eq!(ledger.author(&bob(), again.clone(), NOW), Err(AuthorError::AlreadyMember));
    let forced = force(&ledger, &bob(), again, ledger.heads());
    ledger.insert(forced);
    assert_eq!(ledger.roster().invite(&invite.key()).unwrap().used, 1);
    assert_eq!(ledger.roster().get(&id(&bob())).unwrap().hostname, host("bob"));
}

#[test]
fn a_replayed_redeem_does_not_bring_back_who_left() {
    let (mut ledger, invite) = with_invite(1);
    join(&mut ledger, &bob(), &invite, "bob");
    let first = ledger.get(&ledger.heads()[0]).unwrap().clone();
    add(&mut ledger, &bob(), Action::Leave);
    assert_eq!(ledger.insert(first), Inserted::Known);
    let again = force(&ledger, &bob(), redeem(&invite, &bob(), "bob"), ledger.heads());
    ledger.insert(again);
    assert!(!ledger.roster().is_member(&id(&bob())));
}

#[test]
fn an_expired_invite_seats_nobody() {
    let (mut ledger, invite) = with_invite(1);
    let action = redeem(&invite, &bob(), "bob");
    for now in [LATER, UnixTime(u64::MAX)] {
        let refusal = Err(AuthorError::Invite(InviteRefusal::Expired));
        assert_eq!(ledger.author(&bob(), action.clone(), now), refusal);
        assert_eq!(ledger.check_invite(&invite.key(), now), Err(InviteRefusal::Expired));
        let forced = Content { time: now, ..contents(&ledger, &bob(), action.clone(), ledger.heads()) };
        assert_eq!(ledger.insert(sign(forced, &bob())), Inserted::Refused(Refusal::InviteExpired));
    }
    assert!(ledger.check_invite(&invite.key(), UnixTime(LATER.0 - 1)).is_ok());
    assert_eq!(ledger.check_invite(&super::invite(9).key(), NOW), Err(InviteRefusal::Unknown));
}

#[test]
fn a_redeemer_must_have_seen_the_invite() {
    let mut ledger = founded();
    let genesis = ledger.heads();
    add(&mut ledger, &alice(), mint(&invite(9), 1));
    let blind = force(&ledger, &bob(), redeem(&invite(9), &bob(), "bob"), genesis);
    assert_eq!(ledger.insert(blind), Inserted::Refused(Refusal::UnknownInvite));
}

#[test]
fn the_invites_host_name_wins() {
    let mut ledger = founded();
    let bound = Action::MintInvite { invite: invite(9).key(), uses: 2, expires: LATER, hostname: Some(host("nas")) };
    add(&mut ledger, &alice(), bound);
    join(&mut ledger, &bob(), &invite(9), "router");
    join(&mut ledger, &nas(), &invite(9), "router");
    assert_eq!(ledger.roster().get(&id(&bob())).unwrap().hostname, host("nas"));
    assert_eq!(ledger.roster().get(&id(&nas())).unwrap().hostname, host("nas-2"));
}

#[test]
fn of_two_mints_of_one_key_the_first_counts() {
    let base = founded();
    let (mut left, mut right) = (base.clone(), base);
    add(&mut left, &alice(), mint(&invite(9), 1));
    add(&mut right, &alice(), mint(&invite(9), 5));
    let expected = left.heads()[0].min(right.heads()[0]);
    sync(&left, &mut right);
    assert_eq!(right.roster().invites().count(), 1);
    assert_eq!(right.roster().invite(&invite(9).key()).unwrap().since, expected);
}
