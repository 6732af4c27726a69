//! Seats, names and addresses.

use std::collections::BTreeMap;

use super::*;
use crate::{
    ident::mesh_v4,
    ledger::{GroupName, certify},
};

#[test]
fn a_seat_is_taken_once_and_given_back_by_leaving_and_by_removal() {
    let mut ledger = two();
    refuses_taken(&ledger, admit(&bob(), "again"));
    add(&mut ledger, &bob(), Action::Leave);
    assert!(!is_in(&ledger, &bob()));
    assert_eq!(ledger.author(&bob(), Action::Leave, NOW), Err(AuthorError::NotMember));
    add(&mut ledger, &alice(), admit(&bob(), "bob"));
    add(&mut ledger, &alice(), remove(&bob()));
    assert!(!is_in(&ledger, &bob()));
    add(&mut ledger, &alice(), admit(&bob(), "bob"));
    assert!(is_in(&ledger, &bob()));
}

fn refuses_taken(ledger: &Ledger, action: Action) {
    assert_eq!(ledger.author(&alice(), action, NOW), Err(AuthorError::AlreadyMember));
}

#[test]
fn two_admissions_of_one_node_give_it_one_seat() {
    let (mut left, mut right) = (founded(), founded());
    let one = add(&mut left, &alice(), admit(&nas(), "one"));
    let other = author_above(&right, &alice(), admit(&nas(), "other"), one);
    take(&mut right, &other);
    meet(&mut left, &mut right);
    assert_eq!(hostnames(&left), ["alice", "one"]);
    assert_eq!(effect(&left, other.id()), Effect::Nothing(NothingReason::AlreadyMember));
}

#[test]
fn a_member_without_a_seat_at_its_turn_has_no_say() {
    let (mut left, invite) = with_invite(1);
    let mut right = left.clone();
    let lost = join(&mut left, &alice(), &bob(), &invite, "bob");
    let said = add(&mut left, &bob(), rename(&bob(), "web"));
    let entry = author_below(&right, &alice(), redeem(&right, &invite, &nas(), "nas"), lost);
    take(&mut right, &entry);
    meet(&mut left, &mut right);
    assert_eq!(effect(&left, lost), Effect::Nothing(NothingReason::InviteUsedUp));
    assert_eq!(effect(&left, said), Effect::Nothing(NothingReason::AuthorNotSeated));
    assert_eq!(hostnames(&left), ["alice", "nas"]);
}

#[test]
fn like_names_are_told_apart_by_the_lowest_free_suffix_and_kept() {
    let mut ledger = founded();
    for number in 0..4 {
        add(&mut ledger, &alice(), admit(&numbered_key(number), "nas"));
    }
    assert_eq!(hostnames(&ledger), ["alice", "nas", "nas-2", "nas-3", "nas-4"]);
    add(&mut ledger, &numbered_key(1), Action::Leave);
    assert_eq!(hostname_of(&ledger, &numbered_key(2)), "nas-3");
    add(&mut ledger, &alice(), admit(&bob(), "nas"));
    assert_eq!(hostname_of(&ledger, &bob()), "nas-2");
    add(&mut ledger, &bob(), rename(&bob(), "nas"));
    assert_eq!(hostname_of(&ledger, &bob()), "nas-2", "its own name is free first");
}

#[test]
fn a_bound_name_is_taken_from_whoever_wished_for_it_and_not_from_a_bound_holder() {
    let mut ledger = two();
    add(&mut ledger, &alice(), admit(&carol(), "nas"));
    add(&mut ledger, &alice(), admit(&dave(), "dave"));
    add(&mut ledger, &alice(), rename(&bob(), "nas"));
    assert_eq!([hostname_of(&ledger, &bob()), hostname_of(&ledger, &carol())], ["nas", "nas-2"]);
    assert!(ledger.roster().get(&id(&bob())).unwrap().bound && !ledger.roster().get(&id(&carol())).unwrap().bound);
    add(&mut ledger, &alice(), rename(&dave(), "nas"));
    assert_eq!([hostname_of(&ledger, &bob()), hostname_of(&ledger, &dave())], ["nas", "nas-3"]);
    assert!(ledger.roster().get(&id(&dave())).unwrap().bound);
    add(&mut ledger, &alice(), rename(&bob(), "web"));
    assert_eq!(hostname_of(&ledger, &carol()), "nas-2", "it keeps the variant");
    add(&mut ledger, &alice(), rename(&dave(), "nas-2"));
    assert_eq!([hostname_of(&ledger, &dave()), hostname_of(&ledger, &carol())], ["nas-2", "nas-2-2"]);
}

#[test]
fn a_bound_name_is_nobodys_to_take_in_any_order() {
    let mut left = two();
    let mut right = left.clone();
    let given = add(&mut left, &alice(), rename(&alice(), "nas"));
    let wished = author_below(&right, &bob(), rename(&bob(), "nas"), given);
    take(&mut right, &wished);
    meet(&mut left, &mut right);
    assert_eq!([hostname_of(&left, &alice()), hostname_of(&left, &bob())], ["nas", "nas-2"]);
}

#[test]
fn members_have_different_addresses_that_they_keep_until_they_leave() {
    let mut ledger = founded();
    let (first, second) = address_twins();
    for member in [first, second] {
        add(&mut ledger, &alice(), Action::Admit { member, hostname: host("nas") });
    }
    let address = |ledger: &Ledger, peer: &PeerId| ledger.roster().get(peer).map(|member| (member.index, member.v4));
    assert_eq!(address(&ledger, &first), Some((0, mesh_v4(&first, 0))));
    assert_eq!(address(&ledger, &second), Some((1, mesh_v4(&second, 1))));
    add(&mut ledger, &alice(), Action::Remove { member: first });
    assert_eq!(address(&ledger, &second), Some((1, mesh_v4(&second, 1))));
    add(&mut ledger, &alice(), Action::Remove { member: second });
    add(&mut ledger, &alice(), Action::Admit { member: second, hostname: host("nas") });
    assert_eq!(address(&ledger, &second), Some((0, mesh_v4(&second, 0))));
}

#[test]
fn leaving_ends_group_membership_and_the_users_word() {
    let mut ledger = two();
    let (web, user): (GroupName, _) = (host("web"), key(60));
    add(&mut ledger, &alice(), Action::GroupAdd { group: web.clone(), member: id(&bob()) });
    let signature = certify(&user, ledger.room(), id(&bob()));
    add(&mut ledger, &bob(), Action::CertifyDevice { user: UserKey::of(&user), signature });
    assert_eq!(ledger.roster().get(&id(&bob())).unwrap().user, Some(UserKey::of(&user)));
    add(&mut ledger, &bob(), Action::Leave);
    assert_eq!(ledger.roster().groups().count(), 0, "an empty group is none");
    add(&mut ledger, &alice(), admit(&bob(), "bob"));
    assert_eq!(ledger.roster().get(&id(&bob())).unwrap().user, None);
    assert_eq!(ledger.roster().groups().count(), 0);
}

#[test]
fn a_network_holds_ten_thousand_members() {
    let mut ledger = founded();
    for number in 1..u32::try_from(MEMBERS_MAX).unwrap() {
        let mut member = [0; 32];
        member[..4].copy_from_slice(&number.to_le_bytes());
        let time = UnixTime(NOW.0 + u64::from(number) * 4);
        let action = Action::Admit { member: PeerId(member), hostname: host("node") };
        let entry = ledger.author(&alice(), action, time).unwrap();
        take(&mut ledger, &entry);
    }
    assert_eq!(ledger.roster().members().count(), MEMBERS_MAX);
    let late = UnixTime(NOW.0 + 100_000);
    assert_eq!(ledger.author(&alice(), admit(&bob(), "bob"), late), Err(AuthorError::MembersFull));
    let content = Content { time: late, ..contents(&ledger, &alice(), admit(&bob(), "bob"), &ledger.heads()) };
    let over = take(&mut ledger, &sign(content, &alice()));
    assert_eq!(effect(&ledger, over), Effect::Nothing(NothingReason::MembersFull));
    assert_eq!(ledger.roster().members().count(), MEMBERS_MAX);
}

/// Two peers whose first IPv4 candidates are the same.
fn address_twins() -> (PeerId, PeerId) {
    let mut seen = BTreeMap::new();
    for number in 0u32.. {
        let mut bytes = [0x55; 32];
        bytes[..4].copy_from_slice(&number.to_le_bytes());
        let peer = PeerId(bytes);
        if let Some(twin) = mesh_v4(&peer, 0).and_then(|address| seen.insert(address, peer)) {
            return (twin, peer);
        }
    }
    unreachable!("addresses have 22 bits")
}
