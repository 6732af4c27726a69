//! The digest that checkpoints state.

use super::*;
use crate::ledger::{GroupName, RuleText, Scope, certify, uncertify};

/// Made once from the bytes that `docs/ledger.md` lists.
const GOLDEN: &str = "a2f688e746b55b12bbae67566d4b13cdcdc9e8a2e9d0eddfbf249001e809f621";

#[test]
fn differs_after_whatever_changes_the_roster() {
    let mut ledger = two();
    let web: GroupName = host("web");
    let user = key(60);
    let room = ledger.room();
    let signed = certify(&user, room, id(&bob()));
    let unsigned = uncertify(&user, room, id(&bob()));
    let invite = invite(1);
    let mut digests = BTreeSet::from([founded().roster().digest(), ledger.roster().digest()]);
    for action in [
        mint(&invite, 2),
        redeem(&ledger, &invite, &nas(), "nas"),
        revoke_invite(&invite),
        rename(&nas(), "box"),
        rename(&alice(), "alice"),
        grant(&bob()),
        set_mode(Mode::Open),
        set_mode(Mode::Approval),
        Action::RotateEpoch { commitment: [1; 32] },
        Action::RotateEpoch { commitment: [1; 32] },
        Action::Rekey { discovery: [1; 32] },
        Action::SetEphemeral { seconds: 60 },
        Action::GroupAdd { group: web.clone(), member: id(&bob()) },
        Action::GroupAdd { group: web.clone(), member: id(&nas()) },
        Action::Suggest { scope: Scope::All, rule: RuleText::new("allow tcp 22").unwrap() },
        Action::RevokeDevice { user: UserKey::of(&user), device: id(&bob()), signature: unsigned },
        Action::Dissolve,
    ] {
        add(&mut ledger, &alice(), action.clone());
        assert!(digests.insert(ledger.roster().digest()), "{action:?}");
    }
    let mut other = two();
    add(&mut other, &bob(), Action::CertifyDevice { user: UserKey::of(&user), signature: signed });
    assert!(digests.insert(other.roster().digest()));
}

#[test]
fn is_made_of_the_documented_bytes() {
    let mut ledger = two();
    add(&mut ledger, &alice(), mint(&invite(1), 2));
    add(&mut ledger, &alice(), Action::GroupAdd { group: host("web"), member: id(&bob()) });
    let item = |bytes: &[&[u8]]| *blake3::hash(&bytes.concat()).as_bytes();
    let [alice, bob] = [id(&alice()), id(&bob())].map(|peer| ledger.roster().get(&peer).unwrap().clone());
    let member = |member: &crate::ledger::Member, name: &[u8], coordinator: u8| {
        let length = [u8::try_from(name.len()).unwrap()];
        item(&[&[1], &member.peer.0, &length, name, &[0, 0, 0, 0, 0, coordinator], &member.since.0, &[0; 33]])
    };
    let invite = ledger.roster().invites().next().unwrap();
    let expires = LATER.0.to_le_bytes();
    let items = [
        member(&alice, b"alice", 1),
        member(&bob, b"bob", 0),
        item(&[&[2], &invite.key.0, &[2, 0, 0, 0, 0, 0, 0, 0], &expires, &[0], &alice.peer.0, &invite.since.0, &[0]]),
        item(&[&[3, 3], b"web", &bob.peer.0]),
    ];
    // Byte by byte, with a carry: not how the engine adds.
    let mut sum = [0u8; 32];
    for item in items {
        let mut carry = 0u16;
        for (byte, add) in sum.iter_mut().zip(item) {
            let total = u16::from(*byte) + u16::from(add) + carry;
            *byte = total.to_le_bytes()[0];
            carry = total >> 8;
        }
    }
    let head = [&b"rayfish/ledger/roster/1\0\x04home\0\0"[..], &[0; 64], &ledger.room().0, &[0; 5], &sum].concat();
    assert_eq!(ledger.roster().digest(), *blake3::hash(&head).as_bytes());
    assert_eq!(data_encoding::HEXLOWER.encode(&ledger.roster().digest()), GOLDEN);
}
