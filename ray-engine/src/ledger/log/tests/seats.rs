//! Coming, going, names and addresses.

use super::*;

#[test]
fn who_left_can_come_back() {
    let (mut ledger, invite) = with_invite(2);
    join(&mut ledger, &bob(), &invite, "bob");
    add(&mut ledger, &bob(), Action::Leave);
    assert_eq!(ledger.author(&bob(), Action::Leave, NOW), Err(AuthorError::NotMember));
    let forced = force(&ledger, &bob(), Action::Leave, ledger.heads());
    assert_eq!(ledger.insert(forced), Inserted::Refused(Refusal::NotMember));
    join(&mut ledger, &bob(), &invite, "bob");
    add(&mut ledger, &bob(), Action::Leave);
    add(&mut ledger, &alice(), admit(&bob(), "bob"));
    let bob = ledger.roster().get(&id(&bob())).unwrap();
    assert_eq!((bob.since, &bob.hostname), (ledger.heads()[0], &host("bob")));
}

#[test]
fn a_leave_gives_up_no_seat_that_it_did_not_know_of() {
    let mut ledger = founded();
    add(&mut ledger, &alice(), admit(&bob(), "bob"));
    let seated = ledger.heads();
    add(&mut ledger, &bob(), Action::Leave);
    add(&mut ledger, &alice(), admit(&bob(), "bob"));
    for counter in 5..60 {
        let stale = Content { counter, ..contents(&ledger, &bob(), Action::Leave, seated.clone()) };
        assert!(matches!(ledger.insert(sign(stale, &bob())), Inserted::New { .. }));
        assert!(ledger.roster().is_member(&id(&bob())));
    }
}

#[test]
fn a_host_name_is_held_once_and_freed_by_leaving() {
    let mut ledger = founded();
    add(&mut ledger, &alice(), admit(&bob(), "nas"));
    add(&mut ledger, &alice(), admit(&nas(), "nas"));
    assert_eq!(ledger.roster().get(&id(&nas())).unwrap().hostname, host("nas-2"));
    add(&mut ledger, &bob(), Action::Leave);
    add(&mut ledger, &alice(), admit(&key(30), "nas"));
    assert_eq!(ledger.roster().get(&id(&key(30))).unwrap().hostname, host("nas"));
}

#[test]
fn of_two_members_with_one_address_the_later_takes_the_next() {
    let (one, two) = address_twins();
    let mut ledger = founded();
    for member in [one, two] {
        add(&mut ledger, &alice(), Action::Admit { member, hostname: host("twin") });
    }
    let (first, second) = (ledger.roster().get(&one).unwrap(), ledger.roster().get(&two).unwrap());
    assert_eq!((first.index, first.v4), (0, mesh_v4(&one, 0)));
    assert_eq!((second.index, second.v4), (1, mesh_v4(&two, 1)));
    assert_ne!(first.v6, second.v6);
}

#[test]
fn a_full_network_seats_nobody() {
    let mut ledger = founded();
    let mut roster = ledger.roster().clone();
    for number in 0..MEMBERS_MAX + 5 {
        let mut member = [0; 32];
        member[..8].copy_from_slice(&number.to_le_bytes());
        let action = Action::Admit { member: PeerId(member), hostname: host("node") };
        let entry = force(&ledger, &alice(), action, ledger.heads());
        roster.apply(&entry, |_| true);
    }
    assert_eq!(roster.members().count(), MEMBERS_MAX);
    ledger.roster = OnceLock::from(roster);
    assert_eq!(ledger.author(&alice(), admit(&bob(), "bob"), NOW), Err(AuthorError::MembersFull));
}
