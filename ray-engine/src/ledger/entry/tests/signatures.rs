//! Signatures that are none, or are for something else.

use super::*;

#[test]
fn refuses_an_entry_signed_by_somebody_else() {
    let mut forged = content(mint());
    forged.author = public_half(&key(2));
    assert_eq!(verify(sign(forged, &key(3)).bytes(), room()), Err(EntryError::Signature));
}

#[test]
fn refuses_a_signature_that_a_third_party_altered() {
    let entry = signed(content(mint()));
    let mut bytes = entry.bytes().to_vec();
    let scalar_at = bytes.len() - 32;
    let mut carry = 0u16;
    for (byte, order) in bytes[scalar_at..].iter_mut().zip(GROUP_ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(verify(&bytes, room()), Err(EntryError::Signature));
}

#[test]
fn refuses_a_key_for_which_anything_is_a_signature() {
    let mut identity_point = [0; 32];
    identity_point[0] = 1;
    let mut weak = content(Action::Leave);
    weak.author = PeerId(identity_point);
    let mut bytes = encode::encode(&weak);
    bytes.extend_from_slice(&identity_point);
    bytes.extend_from_slice(&[0; 32]);
    assert_eq!(verify(&bytes, room()), Err(EntryError::Signature));

    let mut proof = [0; 64];
    proof[0] = 1;
    let (joiner, hostname) = (joiner(), host("nas"));
    let redeem =
        Action::Redeem { invite: InviteKey(identity_point), joiner, hostname: hostname.clone(), after: None, proof };
    assert_eq!(verify(signed(content(redeem)).bytes(), room()), Err(EntryError::Proof));
    let welcome = Action::Welcome { joiner: PeerId(identity_point), hostname, after: None, consent: proof };
    assert_eq!(verify(signed(content(welcome)).bytes(), room()), Err(EntryError::Consent));
    let user = UserKey(identity_point);
    let certify = Action::CertifyDevice { user, signature: proof };
    assert_eq!(verify(signed(content(certify)).bytes(), room()), Err(EntryError::UserSignature));
    let uncertify = Action::RevokeDevice { user, device: joiner, signature: proof };
    assert_eq!(verify(signed(content(uncertify)).bytes(), room()), Err(EntryError::UserSignature));
}

#[test]
fn refuses_a_signature_made_for_another_purpose() {
    let unsigned = encode::encode(&content(mint()));
    let signature = author_key().sign(&unsigned);
    assert_eq!(verify(&[&unsigned[..], &signature.to_bytes()].concat(), room()), Err(EntryError::Signature));
}

#[test]
fn refuses_a_proof_that_was_made_for_anything_else() {
    let (joiner, hostname, after) = (joiner(), host("nas"), Some(EntryId([4; 32])));
    let elsewhere = Invite { room: RoomId([9; 32]), ..invite() };
    let proofs = [
        elsewhere.redeem(&joiner, &hostname, after),
        invite().redeem(&PeerId([8; 32]), &hostname, after),
        invite().redeem(&joiner, &host("web"), after),
        invite().redeem(&joiner, &hostname, None),
        invite().proof(&joiner),
        consent(&invite_key(), room(), &hostname, after),
    ];
    for proof in proofs {
        let redeem = Action::Redeem { invite: invite().key(), joiner, hostname: hostname.clone(), after, proof };
        assert_eq!(verify(signed(content(redeem)).bytes(), room()), Err(EntryError::Proof));
    }
}

#[test]
fn refuses_a_consent_that_was_given_for_anything_else() {
    let (hostname, after) = (host("nas"), Some(EntryId([4; 32])));
    let consents = [
        consent(&joiner_key(), RoomId([9; 32]), &hostname, after),
        consent(&key(9), room(), &hostname, after),
        consent(&joiner_key(), room(), &host("web"), after),
        consent(&joiner_key(), room(), &hostname, None),
        Invite { secret: joiner_key().to_bytes(), ..invite() }.redeem(&joiner(), &hostname, after),
    ];
    for consent in consents {
        let welcome = Action::Welcome { joiner: joiner(), hostname: hostname.clone(), after, consent };
        assert_eq!(verify(signed(content(welcome)).bytes(), room()), Err(EntryError::Consent));
    }
}

#[test]
fn refuses_a_users_word_on_another_device_or_the_other_way_round() {
    let author = public_half(&author_key());
    let signatures = [
        certify(&user_key(), room(), joiner()),
        certify(&user_key(), RoomId([9; 32]), author),
        certify(&key(9), room(), author),
        uncertify(&user_key(), room(), author),
    ];
    for signature in signatures {
        let action = Action::CertifyDevice { user: UserKey::of(&user_key()), signature };
        assert_eq!(verify(signed(content(action)).bytes(), room()), Err(EntryError::UserSignature));
    }
    let signatures = [uncertify(&user_key(), room(), author), certify(&user_key(), room(), joiner())];
    for signature in signatures {
        let action = Action::RevokeDevice { user: UserKey::of(&user_key()), device: joiner(), signature };
        assert_eq!(verify(signed(content(action)).bytes(), room()), Err(EntryError::UserSignature));
    }
}

#[test]
fn shows_that_an_invite_is_held_to_one_network_for_one_joiner() {
    let proof = invite().proof(&joiner());
    assert!(invite().key().proves(&room(), &joiner(), &proof));
    assert!(!invite().key().proves(&room(), &PeerId([8; 32]), &proof));
    assert!(!invite().key().proves(&RoomId([9; 32]), &joiner(), &proof));
    assert!(!invite().key().proves(&room(), &joiner(), &invite().redeem(&joiner(), &host("nas"), None)));
}

#[test]
fn refuses_modes_scopes_and_rules_that_are_none() {
    for (tag, body, error) in [
        (12, &[3][..], EntryError::Mode),
        (12, &[], EntryError::Truncated),
        (22, &[3, 1, 0, b'a'], EntryError::Scope),
        (22, &[0, 0, 0], EntryError::Rule),
        (22, &[0, 1, 0, 0x1b], EntryError::Rule),
        (22, &[0, 2, 0, 0xc3, 0xa4], EntryError::Rule),
        (22, &[0, 2, 0, b'a'], EntryError::Truncated),
        (22, &[0, 1, 0, b'a', b'b'], EntryError::TrailingBytes),
        (22, &[2, 0, 1, 0, b'a'], EntryError::Name(NameError::Empty)),
    ] {
        assert_eq!(verify(&with_action(tag, body), room()), Err(error), "{tag} {body:?}");
    }
    let long = [&[0, 1, 2][..], &[b'a'; 513]].concat();
    assert_eq!(verify(&with_action(22, &long), room()), Err(EntryError::Rule));
    let longest = [&[0, 0, 2][..], &[b'a'; 512]].concat();
    assert!(verify(&with_action(22, &longest), room()).is_ok());
}

/// The order of the ed25519 group, little-endian: adding it to a signature's scalar changes the bytes but not the sum
/// that a lax verifier computes.
const GROUP_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];
