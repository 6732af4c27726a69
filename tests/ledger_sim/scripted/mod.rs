//! A few histories told in full: who did what on which side of a split, and what everybody folds in the end.

mod side;

use ray_engine::{
    ident::UnixTime,
    ledger::{Action, EntryId, Inserted, Mode, Refusal, verify},
};

use self::side::{NOW, Side, host, key, meet, owned, peer, split_of_the_page};
use crate::writer::{self, Draft};

#[test]
fn an_invite_for_one_that_two_redeem_in_a_split_seats_the_first_of_them() {
    let mut left = Side::found();
    let invite = left.mint(1);
    let mut right = left.clone();
    right.sign("alice", left.redeem("dave", &invite, "nas"));
    left.sign("alice", left.redeem("bob", &invite, "laptop"));
    left.sign("alice", Action::Admit { member: peer("carol"), hostname: host("nas") });
    let (bob, dave) = (left.last("bob"), right.last("dave"));
    meet(&mut left, &mut right);
    let winner = if bob < dave { ("bob", "laptop") } else { ("dave", "nas") };
    let carol = if winner.0 == "dave" { "nas-2" } else { "nas" };
    let mut expected = [("alice", "home"), ("carol", carol), winner].map(owned);
    expected.sort();
    assert_eq!(left.names(), expected);
    let state = left.ledger.roster().invite(&invite.key()).unwrap();
    assert_eq!((state.used, state.uses), (1, 1));
}

#[test]
fn the_worked_split_of_the_page_ends_as_the_page_says() {
    let (mut left, mut right, invite) = split_of_the_page();
    left.sign("bob", left.redeem("nas", &invite, "nas"));
    let first = left.last("nas");
    left.sign("bob", Action::Remove { member: peer("carol") });
    left.sign("alice", Action::Admit { member: peer("erin"), hostname: host("nas") });
    assert_eq!(
        left.names(),
        [("alice", "home"), ("bob", "bob"), ("dave", "dave"), ("erin", "nas-2"), ("nas", "nas")].map(owned)
    );

    // The page gives this one the lower id of the two.
    let other = right.redeem("frank", &invite, "nas");
    let lower = (0..).map(|more| right.write_at("dave", other.clone(), UnixTime(NOW.0 + more)));
    let lower = lower.into_iter().find(|bytes| EntryId::of(bytes) < first.1).unwrap();
    right.take(&lower);
    right.sign("carol", Action::Remove { member: peer("bob") });
    right.sign("carol", Action::Admit { member: peer("mallory"), hostname: host("printer") });
    let printer = ("mallory", "printer");
    assert_eq!(
        right.names(),
        [("alice", "home"), ("carol", "carol"), ("dave", "dave"), ("frank", "nas"), printer].map(owned)
    );

    meet(&mut left, &mut right);
    assert_eq!(
        left.names(),
        [("alice", "home"), ("bob", "bob"), ("dave", "dave"), ("erin", "nas-2"), ("frank", "nas")].map(owned)
    );
    assert_eq!(left.coordinators(), ["alice", "bob"]);
    left.sign("bob", Action::Rename { member: peer("bob"), hostname: host("bob") });
    assert_eq!(left.ledger.heads().len(), 1);
}

#[test]
fn what_a_coordinator_confirmed_stands_first_in_the_worked_split() {
    let (mut left, mut right, invite) = split_of_the_page();
    left.sign("bob", left.redeem("nas", &invite, "nas"));
    let checkpoint = left.ledger.checkpoint();
    left.sign("alice", checkpoint);
    let other = right.redeem("frank", &invite, "nas");
    let first = left.last("nas");
    let lower = (0..).map(|more| right.write_at("dave", other.clone(), UnixTime(NOW.0 + more)));
    right.take(&lower.into_iter().find(|bytes| EntryId::of(bytes) < first.1).unwrap());
    meet(&mut left, &mut right);
    let rest = [("alice", "home"), ("bob", "bob"), ("carol", "carol"), ("dave", "dave"), ("nas", "nas")];
    assert_eq!(left.names(), rest.map(owned));
}

#[test]
fn a_member_signs_1024_entries_and_no_more() {
    let mut side = Side::found();
    side.seat(&["mallory"]);
    let certify = writer::certify(side.room(), &key("user"), peer("mallory"));
    for number in 1..=1024 {
        let entry = verify(&side.write_after("mallory", certify.clone(), NOW, number), side.room()).unwrap();
        let inserted = side.ledger.insert(entry);
        assert!(matches!(inserted, Inserted::New { .. }), "entry {number}: {inserted:?}");
    }
    let later = UnixTime(NOW.0 + 1_000_000);
    let entry = verify(&side.write_after("mallory", certify, later, 1025), side.room()).unwrap();
    assert_eq!(side.ledger.insert(entry), Inserted::Refused(Refusal::MemberQuota));
}

#[test]
fn a_coordinator_signs_1024_entries_an_hour_and_no_more() {
    let mut side = Side::found();
    for number in 1..=1024 {
        let action = Action::SetEphemeral { seconds: number };
        let entry = verify(&side.write_after("alice", action, NOW, u64::from(number)), side.room()).unwrap();
        assert!(matches!(side.ledger.insert(entry), Inserted::New { .. }));
    }
    for (seconds, stands) in [(0, false), (3599, false), (3600, true)] {
        let time = UnixTime(NOW.0 + seconds);
        let entry = verify(&side.write_after("alice", Action::Dissolve, time, 1025), side.room()).unwrap();
        let inserted = side.ledger.clone().insert(entry);
        assert_eq!(matches!(inserted, Inserted::New { .. }), stands, "{inserted:?}");
        assert!(stands || inserted == Inserted::Refused(Refusal::HourQuota));
    }
}

#[test]
fn of_two_coordinators_who_remove_each_other_the_senior_one_stands() {
    let mut left = Side::found();
    left.seat(&["bob", "carol", "dave"]);
    left.sign("alice", Action::Grant { member: peer("bob") });
    left.sign("alice", Action::Grant { member: peer("carol") });
    let mut right = left.clone();
    left.sign("bob", Action::Remove { member: peer("carol") });
    left.sign("bob", Action::Admit { member: peer("erin"), hostname: host("erin") });
    right.sign("carol", Action::Remove { member: peer("bob") });
    right.sign("carol", Action::Admit { member: peer("frank"), hostname: host("frank") });
    right.sign("carol", Action::Rename { member: peer("dave"), hostname: host("nas") });
    meet(&mut left, &mut right);
    let expected = [("alice", "home"), ("bob", "bob"), ("dave", "dave"), ("erin", "erin")];
    assert_eq!(left.names(), expected.map(owned));
    assert_eq!(left.coordinators(), ["alice", "bob"]);
}

#[test]
fn of_two_coordinators_who_revoke_each_other_both_stay_members_and_the_senior_one_leads() {
    let mut left = Side::found();
    left.seat(&["bob"]);
    left.sign("alice", Action::Grant { member: peer("bob") });
    let mut right = left.clone();
    left.sign("alice", Action::Revoke { member: peer("bob") });
    right.sign("bob", Action::Revoke { member: peer("alice") });
    assert_eq!((left.coordinators(), right.coordinators()), (vec!["alice"], vec!["bob"]));
    meet(&mut left, &mut right);
    assert_eq!(left.names(), [("alice", "home"), ("bob", "bob")].map(owned));
    assert_eq!(left.coordinators(), ["alice"]);
}

#[test]
fn nothing_counts_that_a_removed_node_signed_at_the_same_time() {
    let mut left = Side::found();
    left.seat(&["bob", "carol"]);
    left.sign("alice", Action::Grant { member: peer("bob") });
    let invite = left.mint(5);
    let mut right = left.clone();
    left.sign("alice", Action::Remove { member: peer("bob") });
    right.sign("bob", Action::Admit { member: peer("dave"), hostname: host("dave") });
    right.sign("bob", Action::Grant { member: peer("carol") });
    right.sign("carol", Action::Admit { member: peer("erin"), hostname: host("erin") });
    right.sign("bob", right.redeem("frank", &invite, "frank"));
    right.sign("bob", Action::SetMode { mode: Mode::Open });
    meet(&mut left, &mut right);
    // What carol did rested on bob's word; bob's word is void.
    assert_eq!(left.names(), [("alice", "home"), ("carol", "carol")].map(owned));
    assert_eq!(left.coordinators(), ["alice"]);
    assert_eq!(left.ledger.roster().mode, Mode::Closed);
}

#[test]
fn a_removed_key_comes_back_by_the_word_of_a_coordinator_who_knew_and_no_other_way() {
    let mut left = Side::found();
    left.seat(&["bob", "carol"]);
    left.sign("alice", Action::Grant { member: peer("carol") });
    left.sign("alice", Action::SetMode { mode: Mode::Open });
    let invite = left.mint(5);
    let mut right = left.clone();
    left.sign("alice", Action::Remove { member: peer("bob") });
    // Her own engine would not sign this: it seats somebody who is seated.
    right.take(&right.write("carol", Action::Admit { member: peer("bob"), hostname: host("bob") }));
    meet(&mut left, &mut right);
    assert_eq!(left.names(), [("alice", "home"), ("carol", "carol")].map(owned));
    left.may_not("alice", left.redeem("bob", &invite, "bob"));
    left.may_not("alice", writer::welcome(left.room(), &key("bob"), host("bob"), None));
    left.sign("alice", Action::Admit { member: peer("bob"), hostname: host("bob") });
    assert_eq!(left.names(), [("alice", "home"), ("bob", "bob"), ("carol", "carol")].map(owned));
}

#[test]
fn a_backdated_wish_takes_a_name_before_a_checkpoint_and_not_after_it() {
    let mut before = Side::found();
    before.seat(&["mallory"]);
    let long_ago = before.ledger.heads();
    before.sign("alice", Action::SetMode { mode: Mode::Approval });
    before.sign("alice", Action::Admit { member: peer("nas"), hostname: host("nas") });
    let mut after = before.clone();
    let checkpoint = after.ledger.checkpoint();
    after.sign("alice", checkpoint);
    let theft = Draft {
        room: before.room(),
        counter: 1,
        time: NOW,
        parents: long_ago,
        action: Action::Rename { member: peer("mallory"), hostname: host("nas") },
    };
    let theft = writer::write(theft, &key("mallory"));
    before.take(&theft);
    after.take(&theft);
    assert_eq!(before.names(), [("alice", "home"), ("mallory", "nas"), ("nas", "nas-2")].map(owned));
    assert_eq!(after.names(), [("alice", "home"), ("mallory", "nas-2"), ("nas", "nas")].map(owned));
}

#[test]
fn the_member_of_longest_standing_leads_where_every_coordinator_left_at_once() {
    let mut left = Side::found();
    left.seat(&["bob", "carol", "dave"]);
    left.sign("alice", Action::Grant { member: peer("dave") });
    let mut right = left.clone();
    left.sign("alice", Action::Leave);
    right.may_not("bob", Action::Admit { member: peer("erin"), hostname: host("erin") });
    right.sign("dave", Action::Leave);
    meet(&mut left, &mut right);
    assert_eq!(left.coordinators(), ["bob"]);
    left.sign("bob", Action::Admit { member: peer("erin"), hostname: host("erin") });
    assert_eq!(left.names(), [("bob", "bob"), ("carol", "carol"), ("erin", "erin")].map(owned));
}

#[test]
fn the_last_coordinator_neither_leaves_nor_steps_down_before_there_is_another() {
    let mut side = Side::found();
    side.seat(&["bob"]);
    side.may_not("alice", Action::Leave);
    side.may_not("alice", Action::Revoke { member: peer("alice") });
    side.sign("alice", Action::Grant { member: peer("bob") });
    side.sign("alice", Action::Leave);
    assert_eq!(side.coordinators(), ["bob"]);
}

#[test]
fn an_invite_that_is_revoked_seats_nobody_who_did_not_know_either() {
    let mut left = Side::found();
    let invite = left.mint(3);
    let mut right = left.clone();
    left.sign("alice", Action::RevokeInvite { invite: invite.key() });
    right.sign("alice", right.redeem("bob", &invite, "bob"));
    meet(&mut left, &mut right);
    assert_eq!(left.names(), [("alice", "home")].map(owned));
    left.may_not("alice", left.redeem("carol", &invite, "carol"));
}

#[test]
fn a_proof_that_was_used_before_its_joiner_left_is_of_no_use_afterwards() {
    let mut side = Side::found();
    let invite = side.mint(3);
    let used = side.redeem("bob", &invite, "bob");
    side.sign("alice", used.clone());
    side.sign("bob", Action::Leave);
    side.may_not("alice", used);
    side.sign("alice", side.redeem("bob", &invite, "bob"));
    assert_eq!(side.names(), [("alice", "home"), ("bob", "bob")].map(owned));
}

#[test]
fn a_name_that_a_coordinator_gave_is_taken_from_whoever_only_wished_for_it() {
    let mut side = Side::found();
    side.seat(&["bob", "carol", "dave"]);
    side.sign("bob", Action::Rename { member: peer("bob"), hostname: host("nas") });
    side.sign("alice", Action::Rename { member: peer("carol"), hostname: host("nas") });
    assert_eq!(side.names(), [("alice", "home"), ("bob", "nas-2"), ("carol", "nas"), ("dave", "dave")].map(owned));
    side.may_not("carol", Action::Rename { member: peer("carol"), hostname: host("laptop") });
    side.sign("alice", Action::Rename { member: peer("dave"), hostname: host("nas") });
    assert_eq!(side.names(), [("alice", "home"), ("bob", "nas-2"), ("carol", "nas"), ("dave", "nas-3")].map(owned));
}
