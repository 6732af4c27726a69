//! What an author is told instead of being let say something that would have no effect.

use super::*;
use crate::ledger::{
    GroupName, RuleText, Scope, certify,
    limits::{GROUPS_MAX, SUGGESTIONS_MAX},
    uncertify,
};

#[test]
fn refuses_to_say_what_changes_nothing() {
    let mut ledger = two();
    let web: GroupName = host("web");
    let member = id(&bob());
    let group_add = || Action::GroupAdd { group: host("web"), member };
    let group_remove = || Action::GroupRemove { group: host("web"), member };
    assert_eq!(ledger.author(&alice(), group_remove(), NOW), Err(AuthorError::NotInGroup));
    add(&mut ledger, &alice(), group_add());
    assert_eq!(ledger.author(&alice(), group_add(), NOW), Err(AuthorError::AlreadyInGroup));
    let nobody = Action::GroupAdd { group: web, member: id(&nas()) };
    assert_eq!(ledger.author(&alice(), nobody, NOW), Err(AuthorError::UnknownMember));
    assert_eq!(ledger.author(&alice(), set_mode(Mode::Closed), NOW), Err(AuthorError::SameMode));
    let user = key(60);
    let (certified, uncertified) = (certify(&user, ledger.room(), member), uncertify(&user, ledger.room(), member));
    let certify = Action::CertifyDevice { user: UserKey::of(&user), signature: certified };
    let uncertify = Action::RevokeDevice { user: UserKey::of(&user), device: member, signature: uncertified };
    add(&mut ledger, &bob(), certify.clone());
    add(&mut ledger, &alice(), uncertify.clone());
    assert_eq!(ledger.roster().get(&member).unwrap().user, None);
    assert_eq!(ledger.author(&bob(), certify.clone(), NOW), Err(AuthorError::DeviceRevoked));
    assert_eq!(ledger.author(&bob(), uncertify, NOW), Err(AuthorError::DeviceRevoked));
    let late = put_last(&mut ledger, &bob(), certify);
    assert_eq!(effect(&ledger, late), Effect::Nothing(NothingReason::DeviceRevoked));
    let unknown = Action::Unknown { tag: 5, body: vec![] };
    assert_eq!(ledger.author(&alice(), unknown, NOW), Err(AuthorError::UnknownAction));
}

#[test]
fn refuses_a_257th_group_and_a_257th_suggestion() {
    let mut ledger = two();
    let group_add = |number: usize| Action::GroupAdd { group: host(&format!("g{number}")), member: id(&bob()) };
    for number in 0..GROUPS_MAX {
        add(&mut ledger, &alice(), group_add(number));
    }
    assert_eq!(ledger.author(&alice(), group_add(GROUPS_MAX), NOW), Err(AuthorError::GroupsFull));
    let over = put_last(&mut ledger, &alice(), group_add(GROUPS_MAX));
    assert_eq!(effect(&ledger, over), Effect::Nothing(NothingReason::GroupsFull));
    add(&mut ledger, &alice(), Action::GroupAdd { group: host("g3"), member: id(&alice()) });
    assert_eq!(ledger.roster().groups().find(|(group, _)| group.as_str() == "g3").unwrap().1.len(), 2);

    let suggest = |number: usize| {
        let rule = RuleText::new(&format!("allow tcp {number}")).unwrap();
        Action::Suggest { scope: Scope::Group(host("g3")), rule }
    };
    let first = add(&mut ledger, &alice(), suggest(0));
    for number in 1..SUGGESTIONS_MAX {
        add(&mut ledger, &alice(), suggest(number));
    }
    assert_eq!(ledger.author(&alice(), suggest(999), NOW), Err(AuthorError::SuggestionsFull));
    let over = put_last(&mut ledger, &alice(), suggest(999));
    assert_eq!(effect(&ledger, over), Effect::Nothing(NothingReason::SuggestionsFull));
    add(&mut ledger, &alice(), Action::Withdraw { suggestion: first });
    let withdraw = Action::Withdraw { suggestion: first };
    assert_eq!(ledger.author(&alice(), withdraw.clone(), NOW), Err(AuthorError::UnknownSuggestion));
    let again = put_last(&mut ledger, &alice(), withdraw);
    assert_eq!(effect(&ledger, again), Effect::Nothing(NothingReason::UnknownSuggestion));
    let left = ledger.roster().suggestions().next().unwrap();
    assert_eq!((left.rule.as_str(), left.author), ("allow tcp 1", id(&alice())));
}

#[test]
fn refuses_a_proof_that_is_none() {
    let (ledger, invite) = with_invite(1);
    let Action::Redeem { joiner, hostname, after, .. } = redeem(&ledger, &invite, &bob(), "bob") else {
        unreachable!("it is one")
    };
    let forged = Action::Redeem { invite: invite.key(), joiner, hostname, after, proof: [7; 64] };
    let error = crate::ledger::EntryError::Proof;
    assert_eq!(ledger.author(&alice(), forged, NOW), Err(AuthorError::Entry(error)));
}

#[test]
fn an_unknown_action_is_kept_built_upon_told_of_and_without_effect() {
    let mut ledger = two();
    let before = ledger.roster().digest();
    let heads = ledger.heads();
    let unknown = put(&mut ledger, &bob(), Action::Unknown { tag: 99, body: vec![1, 2] }, &heads);
    assert_eq!((ledger.unknown(), ledger.heads()), (1, vec![unknown]));
    assert_eq!(effect(&ledger, unknown), Effect::Unknown);
    assert_eq!(ledger.roster().digest(), before);
    add(&mut ledger, &bob(), rename(&bob(), "web"));
    assert_eq!(ledger.missing(&heads)[0].id(), unknown);
}
