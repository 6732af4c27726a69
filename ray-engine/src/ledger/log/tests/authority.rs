//! Who may say what.

use super::*;

#[test]
fn only_a_coordinator_mints_and_admits() {
    let (mut ledger, invite) = with_invite(2);
    join(&mut ledger, &bob(), &invite, "bob");
    for action in [mint(&super::invite(9), 1), admit(&nas(), "nas")] {
        assert_eq!(ledger.author(&bob(), action.clone(), NOW), Err(AuthorError::NotCoordinator));
        let forced = force(&ledger, &bob(), action, ledger.heads());
        assert_eq!(ledger.insert(forced), Inserted::Refused(Refusal::NotCoordinator));
    }
    assert_eq!(ledger.roster().members().count(), 2);
}

#[test]
fn the_network_key_has_no_say_after_the_genesis_entry() {
    let mut ledger = founded();
    let forced = force(&ledger, &network_key(), admit(&bob(), "bob"), ledger.heads());
    assert_eq!(ledger.insert(forced), Inserted::Refused(Refusal::NotCoordinator));
}

#[test]
fn a_second_genesis_takes_nothing_over() {
    let mut ledger = founded();
    let (_, usurper) = Ledger::found(&network_key(), &nas(), name("mine"), host("nas"), LATER);
    assert_eq!(ledger.insert(usurper), Inserted::Refused(Refusal::SecondGenesis));
    assert!(ledger.roster().is_coordinator(&id(&alice())));
    let again = Action::Genesis { name: name("mine"), founder: id(&alice()), hostname: host("a") };
    assert_eq!(ledger.author(&alice(), again, NOW), Err(AuthorError::Founded));
}

#[test]
fn a_coordinator_that_left_decides_nothing_even_if_it_returns() {
    let (mut ledger, invite) = with_invite(1);
    add(&mut ledger, &alice(), Action::Leave);
    assert!(!ledger.roster().is_member(&id(&alice())));
    join(&mut ledger, &alice(), &invite, "alice");
    assert!(ledger.roster().is_member(&id(&alice())) && !ledger.roster().is_coordinator(&id(&alice())));
    assert_eq!(ledger.author(&alice(), admit(&bob(), "bob"), NOW), Err(AuthorError::NotCoordinator));
    let forced = force(&ledger, &alice(), admit(&bob(), "bob"), ledger.heads());
    assert_eq!(ledger.insert(forced), Inserted::Refused(Refusal::NotCoordinator));
}

#[test]
fn the_last_coordinator_stays_while_members_remain() {
    let mut ledger = founded();
    let before = ledger.heads();
    add(&mut ledger, &alice(), admit(&bob(), "bob"));
    assert_eq!(ledger.author(&alice(), Action::Leave, NOW), Err(AuthorError::LastCoordinator));
    let forced = force(&ledger, &alice(), Action::Leave, ledger.heads());
    assert_eq!(ledger.insert(forced), Inserted::Refused(Refusal::LastCoordinator));
    // By its own past this author was alone.
    let alone = force(&ledger, &alice(), Action::Leave, before);
    assert!(matches!(ledger.insert(alone), Inserted::New { .. }));

    let mut ledger = founded();
    add(&mut ledger, &alice(), admit(&bob(), "bob"));
    add(&mut ledger, &bob(), Action::Leave);
    add(&mut ledger, &alice(), Action::Leave);
    assert_eq!(ledger.roster().members().count(), 0);
}

#[test]
fn a_concurrent_past_is_folded_to_judge_a_coordinators_leave() {
    let (mut here, invite) = with_invite(1);
    let mut there = here.clone();
    add(&mut here, &alice(), mint(&super::invite(9), 1));
    join(&mut there, &bob(), &invite, "bob");
    let (alone, beside_bob) = (here.heads(), there.heads());
    sync(&there, &mut here);
    assert_eq!(here.heads().len(), 2);
    let knew_bob = force(&here, &alice(), Action::Leave, beside_bob);
    assert_eq!(here.insert(knew_bob), Inserted::Refused(Refusal::LastCoordinator));
    let knew_nobody = force(&here, &alice(), Action::Leave, alone);
    assert!(matches!(here.insert(knew_nobody), Inserted::New { .. }));
    assert!(!here.roster().is_member(&id(&alice())) && here.roster().is_member(&id(&bob())));
}

#[test]
fn an_author_that_counts_no_further_is_refused() {
    let mut ledger = founded();
    add(&mut ledger, &alice(), admit(&bob(), "bob"));
    for counter in [1, 2] {
        add(&mut ledger, &alice(), mint(&invite(counter), 1));
    }
    for (counter, stands) in [(1, false), (3, false), (4, true)] {
        let counted = Content { counter, ..contents(&ledger, &alice(), admit(&nas(), "nas"), ledger.heads()) };
        let inserted = ledger.insert(sign(counted, &alice()));
        assert_eq!(inserted == Inserted::Refused(Refusal::Counter), !stands, "counter {counter}: {inserted:?}");
    }
}

#[test]
fn a_stranger_writes_nothing() {
    let mut ledger = founded();
    assert_eq!(ledger.author(&nas(), Action::Leave, NOW), Err(AuthorError::NotMember));
    let leave = force(&ledger, &nas(), Action::Leave, ledger.heads());
    assert_eq!(ledger.insert(leave), Inserted::Refused(Refusal::NotMember));
    let own = invite(9);
    let redeem = force(&ledger, &nas(), redeem(&own, &nas(), "nas"), ledger.heads());
    assert_eq!(ledger.insert(redeem), Inserted::Refused(Refusal::UnknownInvite));
    assert_eq!(ledger.len(), 1);
}

#[test]
fn nothing_is_authored_before_the_genesis_entry_is_known() {
    let ledger = Ledger::empty(founded().room());
    assert_eq!(ledger.author(&alice(), Action::Leave, NOW), Err(AuthorError::NotFounded));
    assert_eq!(ledger.roster().members().count(), 0);
}

#[test]
fn an_entry_that_would_not_be_valid_is_not_authored() {
    let ledger = founded();
    let useless = mint(&invite(9), 0);
    assert!(matches!(ledger.author(&alice(), useless, NOW), Err(AuthorError::Entry(_))));
    let over = Action::MintInvite { invite: invite(9).key(), uses: 1, expires: NOW, hostname: None };
    assert_eq!(ledger.author(&alice(), over, NOW), Err(AuthorError::InviteExpires));
    assert_eq!(ledger.author(&alice(), admit(&alice(), "a"), NOW), Err(AuthorError::AlreadyMember));
    let (ledger, invite) = with_invite(1);
    assert_eq!(ledger.author(&alice(), mint(&invite, 1), NOW), Err(AuthorError::InviteExists));
    let stolen = redeem(&invite, &bob(), "nas");
    assert!(matches!(ledger.author(&nas(), stolen, NOW), Err(AuthorError::Entry(_))));
}
