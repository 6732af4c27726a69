//! Who may say what, judged by an entry's own past.

use super::*;
use crate::ledger::{
    GroupName, RuleText, Scope,
    limits::{AUTHOR_ENTRIES_PER_HOUR, AUTHOR_HOUR_S, COORDINATORS_MAX, MEMBER_ENTRIES_MAX},
};

#[test]
fn refuses_every_coordinators_action_from_a_plain_member() {
    let mut ledger = two();
    add(&mut ledger, &alice(), admit(&carol(), "carol"));
    let invite = invite(1);
    add(&mut ledger, &alice(), mint(&invite, 1));
    let rule = RuleText::new("allow tcp 22").unwrap();
    let suggestion = add(&mut ledger, &alice(), Action::Suggest { scope: Scope::All, rule: rule.clone() });
    let group: GroupName = host("web");
    add(&mut ledger, &alice(), Action::GroupAdd { group: group.clone(), member: id(&carol()) });
    let member = id(&carol());
    for action in [
        mint(&super::invite(2), 1),
        admit(&nas(), "nas"),
        remove(&carol()),
        grant(&carol()),
        revoke(&alice()),
        revoke_invite(&invite),
        rename(&carol(), "web"),
        set_mode(Mode::Open),
        Action::RotateEpoch { commitment: [1; 32] },
        Action::Rekey { discovery: [1; 32] },
        Action::SetEphemeral { seconds: 60 },
        ledger.checkpoint(),
        Action::Dissolve,
        Action::GroupAdd { group: group.clone(), member: id(&bob()) },
        Action::GroupRemove { group, member },
        Action::Suggest { scope: Scope::All, rule },
        Action::Withdraw { suggestion },
    ] {
        refuses(&ledger, &bob(), action, AuthorError::NotCoordinator, Refusal::NotCoordinator);
    }
}

#[test]
fn refuses_whatever_a_stranger_says() {
    let (mut ledger, invite) = with_invite(5);
    add(&mut ledger, &alice(), set_mode(Mode::Open));
    for action in [
        redeem(&ledger, &invite, &nas(), "nas"),
        welcome(&ledger, &nas(), "nas"),
        admit(&nas(), "nas"),
        Action::Leave,
        rename(&nas(), "nas"),
    ] {
        refuses(&ledger, &nas(), action, AuthorError::NotMember, Refusal::NotMember);
    }
    refuses_forced(&ledger, &nas(), Action::Unknown { tag: 99, body: vec![] }, Refusal::NotMember);
    refuses_forced(&ledger, &network_key(), Action::Dissolve, Refusal::NotMember);
}

#[test]
fn refuses_a_second_genesis_even_of_the_network_key() {
    let ledger = founded();
    let genesis = Action::Genesis { name: name("other"), founder: id(&bob()), hostname: host("bob") };
    let content = Content {
        room: ledger.room(),
        author: id(&network_key()),
        counter: 1,
        time: LATER,
        parents: Vec::new(),
        action: genesis.clone(),
    };
    let second = sign(content, &network_key());
    assert_eq!(ledger.clone().insert(second.clone()), Inserted::Refused(Refusal::SecondGenesis));
    assert_eq!(ledger.author(&alice(), genesis, NOW), Err(AuthorError::Founded));
    assert_eq!(Ledger::empty(ledger.room()).author(&alice(), Action::Leave, NOW), Err(AuthorError::NotFounded));
    assert_eq!(Ledger::empty(ledger.room()).insert(second.clone()), Inserted::New { entries: vec![second.id()] });
}

#[test]
fn refuses_a_counter_that_is_not_the_next_one_of_the_entrys_own_past() {
    let ledger = two();
    for (author, counter) in [(alice(), 1), (alice(), 3), (alice(), u64::MAX), (bob(), 2)] {
        let mut content = contents(&ledger, &author, rename(&author, "web"), &ledger.heads());
        content.counter = counter;
        let refused = Inserted::Refused(Refusal::Counter);
        assert_eq!(ledger.clone().insert(sign(content, &author)), refused, "{counter}");
    }
    let genesis = Content {
        room: ledger.room(),
        author: id(&network_key()),
        counter: 2,
        time: NOW,
        parents: Vec::new(),
        action: Action::Genesis { name: name("home"), founder: id(&alice()), hostname: host("alice") },
    };
    let late = sign(genesis, &network_key());
    assert_eq!(Ledger::empty(ledger.room()).insert(late), Inserted::Refused(Refusal::Counter));
}

#[test]
fn refuses_a_members_entry_beyond_its_quota_and_a_coordinators_beyond_that_of_an_hour() {
    let mut ledger = two();
    let names = ["web", "db"];
    for number in 1..=MEMBER_ENTRIES_MAX {
        add(&mut ledger, &bob(), rename(&bob(), names[usize::try_from(number % 2).unwrap()]));
    }
    refuses(&ledger, &bob(), rename(&bob(), "over"), AuthorError::Quota, Refusal::MemberQuota);
    add(&mut ledger, &alice(), grant(&bob()));
    refuses(&ledger, &bob(), rename(&bob(), "over"), AuthorError::Quota, Refusal::HourQuota);
    // The entry that is too many for the hour is the one that follows the first by 1024.
    let first = UnixTime(NOW.0 + AUTHOR_HOUR_S);
    assert_eq!(AUTHOR_ENTRIES_PER_HOUR, MEMBER_ENTRIES_MAX);
    for (now, allowed) in [
        (UnixTime(first.0 - 1), false),
        (first, true),
        (UnixTime(NOW.0 - AUTHOR_HOUR_S), true),
        (UnixTime(NOW.0 - AUTHOR_HOUR_S + 1), false),
    ] {
        assert_eq!(ledger.author(&bob(), rename(&bob(), "over"), now).is_ok(), allowed, "{now:?}");
    }
}

#[test]
fn a_coordinators_right_lasts_from_its_grant_to_its_end() {
    let mut ledger = two();
    add(&mut ledger, &alice(), grant(&bob()));
    add(&mut ledger, &bob(), admit(&nas(), "nas"));
    add(&mut ledger, &bob(), revoke(&bob()));
    refuses(&ledger, &bob(), admit(&carol(), "carol"), AuthorError::NotCoordinator, Refusal::NotCoordinator);
    add(&mut ledger, &alice(), grant(&bob()));
    add(&mut ledger, &bob(), admit(&carol(), "carol"));
    add(&mut ledger, &bob(), Action::Leave);
    add(&mut ledger, &alice(), admit(&bob(), "bob"));
    refuses(&ledger, &bob(), remove(&carol()), AuthorError::NotCoordinator, Refusal::NotCoordinator);
    assert!(!decides(&ledger, &bob()) && is_in(&ledger, &nas()));
}

#[test]
fn the_last_coordinator_neither_leaves_nor_steps_down_while_there_are_members() {
    let mut ledger = two();
    refuses(&ledger, &alice(), Action::Leave, AuthorError::LastCoordinator, Refusal::LastCoordinator);
    refuses(&ledger, &alice(), revoke(&alice()), AuthorError::LastCoordinator, Refusal::LastCoordinator);
    refuses(&ledger, &alice(), remove(&alice()), AuthorError::AboutItself, Refusal::AboutItself);
    let mut handed = ledger.clone();
    add(&mut handed, &alice(), grant(&bob()));
    add(&mut handed, &alice(), Action::Leave);
    assert!(decides(&handed, &bob()) && !is_in(&handed, &alice()));
    add(&mut ledger, &bob(), Action::Leave);
    refuses(&ledger, &alice(), revoke(&alice()), AuthorError::LastCoordinator, Refusal::LastCoordinator);
    add(&mut ledger, &alice(), Action::Leave);
    assert_eq!(ledger.roster().members().count(), 0);
    refuses(&ledger, &alice(), admit(&bob(), "bob"), AuthorError::NotMember, Refusal::NotMember);
}

#[test]
fn refuses_what_is_about_nodes_that_are_not_what_it_takes_them_for() {
    let mut ledger = two();
    refuses(&ledger, &alice(), remove(&nas()), AuthorError::UnknownMember, Refusal::UnknownMember);
    refuses(&ledger, &alice(), rename(&nas(), "nas"), AuthorError::UnknownMember, Refusal::UnknownMember);
    refuses(&ledger, &alice(), grant(&nas()), AuthorError::UnknownMember, Refusal::UnknownMember);
    refuses(&ledger, &alice(), grant(&alice()), AuthorError::AlreadyCoordinator, Refusal::AlreadyCoordinator);
    refuses(&ledger, &alice(), revoke(&bob()), AuthorError::NotACoordinator, Refusal::NotACoordinator);
    let withdraw = Action::Withdraw { suggestion: EntryId([7; 32]) };
    refuses(&ledger, &alice(), withdraw, AuthorError::UnknownSuggestion, Refusal::UnknownSuggestion);
    let withdraw = Action::Withdraw { suggestion: ledger.heads()[0] };
    refuses(&ledger, &alice(), withdraw, AuthorError::UnknownSuggestion, Refusal::UnknownSuggestion);
    let unknown = AuthorError::Invite(InviteRefusal::Unknown);
    refuses(&ledger, &alice(), revoke_invite(&invite(1)), unknown, Refusal::UnknownInvite);
    add(&mut ledger, &alice(), mint(&invite(1), 1));
    add(&mut ledger, &alice(), revoke_invite(&invite(1)));
    let again = ledger.author(&alice(), revoke_invite(&invite(1)), NOW);
    assert_eq!(again, Err(AuthorError::Invite(InviteRefusal::Revoked)));
}

#[test]
fn refuses_a_65th_coordinator() {
    let mut ledger = founded();
    for number in 1..u32::try_from(COORDINATORS_MAX).unwrap() {
        add(&mut ledger, &alice(), admit(&numbered_key(number), "node"));
        add(&mut ledger, &alice(), grant(&numbered_key(number)));
    }
    add(&mut ledger, &alice(), admit(&bob(), "bob"));
    refuses(&ledger, &alice(), grant(&bob()), AuthorError::CoordinatorsFull, Refusal::CoordinatorsFull);
    add(&mut ledger, &alice(), revoke(&numbered_key(3)));
    add(&mut ledger, &alice(), grant(&bob()));
    assert_eq!(ledger.coordinators().len(), COORDINATORS_MAX);
}

#[test]
fn a_member_renames_itself_and_nobody_else_and_not_from_a_name_that_it_was_given() {
    let mut ledger = two();
    add(&mut ledger, &bob(), rename(&bob(), "laptop"));
    assert_eq!(hostname_of(&ledger, &bob()), "laptop");
    refuses(&ledger, &bob(), rename(&alice(), "web"), AuthorError::NotCoordinator, Refusal::NotCoordinator);
    assert_eq!(ledger.author(&bob(), rename(&bob(), "laptop"), NOW), Err(AuthorError::SameName));
    add(&mut ledger, &alice(), rename(&bob(), "desk"));
    refuses(&ledger, &bob(), rename(&bob(), "laptop"), AuthorError::NameBound, Refusal::NameBound);
    add(&mut ledger, &alice(), rename(&alice(), "boss"));
    assert!(ledger.roster().get(&id(&alice())).unwrap().bound);
}

#[test]
fn nobody_says_anything_in_a_network_that_was_dissolved() {
    let mut ledger = two();
    let split = ledger.heads();
    let end = add(&mut ledger, &alice(), Action::Dissolve);
    assert_eq!(ledger.dissolved().map(VerifiedEntry::id), Some(end));
    assert_eq!(ledger.roster().members().count(), 0);
    assert!(!is_in(&ledger, &alice()) && !decides(&ledger, &alice()) && ledger.coordinators().is_empty());
    refuses(&ledger, &alice(), admit(&nas(), "nas"), AuthorError::Dissolved, Refusal::Dissolved);
    refuses(&ledger, &bob(), Action::Leave, AuthorError::Dissolved, Refusal::Dissolved);
    put(&mut ledger, &bob(), rename(&bob(), "late"), &split);
    assert_eq!(ledger.roster().members().count(), 0);
}

#[test]
fn an_entry_is_judged_by_what_its_author_knew_and_not_by_what_others_know() {
    let mut ledger = two();
    let before = ledger.heads();
    add(&mut ledger, &alice(), grant(&bob()));
    let early = force(&ledger, &bob(), admit(&nas(), "nas"), &before);
    assert_eq!(ledger.clone().insert(early), Inserted::Refused(Refusal::NotCoordinator));
    let with_grant = ledger.heads();
    add(&mut ledger, &alice(), revoke(&bob()));
    let late = force(&ledger, &bob(), admit(&nas(), "nas"), &with_grant);
    assert!(matches!(ledger.insert(late), Inserted::New { .. }));
    assert!(!is_in(&ledger, &nas()), "it stands, and the revocation that it did not know of voids it");
}

#[test]
fn a_right_by_succession_is_void_with_the_seat_that_it_came_from() {
    let mut left = two();
    let invite = invite(1);
    add(&mut left, &alice(), mint(&invite, 2));
    add(&mut left, &alice(), grant(&bob()));
    let base = left.heads();
    join(&mut left, &bob(), &nas(), &invite, "nas");
    let seated = left.heads();
    let gone = put(&mut left, &alice(), Action::Leave, &base);
    let too = put(&mut left, &bob(), Action::Leave, &seated);
    assert!(decides(&left, &nas()));
    let decided = put(&mut left, &nas(), admit(&dave(), "dave"), &[gone, too]);
    assert!(is_in(&left, &dave()));
    let closed = put(&mut left, &alice(), revoke_invite(&invite), &base);
    assert_eq!(left.history.counted(id(&alice()), left.get(&closed).unwrap().counter()).len(), 2);
    assert_eq!(effect(&left, closed), Effect::Void(VoidReason::AuthorEnded), "Alice left at the same time");
    assert!(is_in(&left, &dave()));
    assert_eq!(effect(&left, decided), Effect::Counted);
}
