//! What is not an entry.

use super::*;
use crate::{
    ident::{Hostname, NetworkName},
    ledger::{
        Invite, InviteKey,
        limits::{ACTION_BYTES_MAX, ENTRY_BYTES_MAX, PARENTS_MAX},
    },
};

/// Where the fixed-size fields begin.
const PARENT_COUNT_AT: usize = 81;
const ACTION_AT_WITH_ONE_PARENT: usize = PARENT_COUNT_AT + 1 + 32;

#[test]
fn passes_what_its_author_signed() {
    for action in [genesis(), mint(), redeem(), admit("nas"), Action::Leave] {
        let entry = signed(content(action.clone()));
        let read = verify(entry.bytes(), room()).unwrap();
        assert_eq!(read, entry);
        assert_eq!(read.action(), &action);
        assert_eq!(read.id(), EntryId(*blake3::hash(entry.bytes()).as_bytes()));
    }
}

#[test]
fn refuses_every_entry_with_one_byte_changed() {
    let entry = signed(content(redeem()));
    for at in 0..entry.bytes().len() {
        for change in [0x01, 0x80, 0xff] {
            let mut bytes = entry.bytes().to_vec();
            bytes[at] ^= change;
            assert!(verify(&bytes, room()).is_err(), "byte {at} changed by {change:#x}");
        }
    }
}

#[test]
fn refuses_every_entry_with_bytes_cut_off_or_appended() {
    let entry = signed(content(admit("nas")));
    for length in 0..entry.bytes().len() {
        assert!(verify(&entry.bytes()[..length], room()).is_err(), "{length} bytes");
    }
    for byte in 0..=255 {
        assert_eq!(verify(&[entry.bytes(), &[byte]].concat(), room()), Err(EntryError::TrailingBytes));
    }
}

#[test]
fn refuses_an_entry_of_another_network() {
    assert_eq!(verify(signed(content(mint())).bytes(), RoomId([9; 32])), Err(EntryError::OtherNetwork));
}

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
    let redeem = Action::Redeem { invite: InviteKey(identity_point), hostname: host("nas"), proof };
    assert_eq!(verify(signed(content(redeem)).bytes(), room()), Err(EntryError::Proof));
}

#[test]
fn refuses_a_signature_made_for_another_purpose() {
    let unsigned = encode::encode(&content(mint()));
    let signature = author_key().sign(&unsigned);
    assert_eq!(verify(&[&unsigned[..], &signature.to_bytes()].concat(), room()), Err(EntryError::Signature));
}

#[test]
fn refuses_a_proof_that_was_made_for_another_joiner_or_network() {
    let proof_for = |room, joiner: &PeerId| {
        let proof = Invite { room, ..invite() }.proof(joiner);
        Action::Redeem { invite: invite().key(), hostname: host("nas"), proof }
    };
    let stolen = proof_for(room(), &public_half(&key(2)));
    assert_eq!(verify(signed(content(stolen)).bytes(), room()), Err(EntryError::Proof));
    let elsewhere = proof_for(RoomId([9; 32]), &public_half(&author_key()));
    assert_eq!(verify(signed(content(elsewhere)).bytes(), room()), Err(EntryError::Proof));
}

#[test]
fn refuses_an_oversized_entry_before_it_reads_it() {
    assert_eq!(verify(&[0; ENTRY_BYTES_MAX + 1], room()), Err(EntryError::TooLong));
    let mut crowd = content(Action::Leave);
    crowd.parents = (0..=PARENTS_MAX).map(|n| EntryId([u8::try_from(n).unwrap(); 32])).collect();
    assert_eq!(verify(signed(crowd.clone()).bytes(), room()), Err(EntryError::TooManyParents));
    crowd.parents.pop();
    assert!(verify(signed(crowd).bytes(), room()).is_ok());

    let body = vec![0; ACTION_BYTES_MAX + 1];
    assert_eq!(verify(&with_action(99, &body), room()), Err(EntryError::TooLong));
}

#[test]
fn names_an_action_that_it_does_not_know_if_it_is_signed() {
    let bytes = with_action(99, b"whatever");
    assert_eq!(verify(&bytes, room()), Err(EntryError::UnknownAction(99)));
    let mut forged = bytes;
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(verify(&forged, room()), Err(EntryError::Signature));
}

#[test]
fn refuses_a_version_that_it_does_not_know() {
    let mut unsigned = encode::encode(&content(mint()));
    unsigned[0] = 2;
    assert_eq!(verify(&signed_bytes(&unsigned), room()), Err(EntryError::Version(2)));
}

#[test]
fn refuses_names_that_are_too_long_or_would_reach_a_terminal() {
    for (text, error) in [
        (&b"\x1b[2Jnas"[..], EntryError::Name(NameError::Character)),
        (b"nas\0", EntryError::Name(NameError::Character)),
        (b"\xe2\x80\xaenas", EntryError::Name(NameError::Character)),
        (b"\xff\xfe", EntryError::Text),
        (b"NAS", EntryError::Name(NameError::Character)),
        (b"localhost", EntryError::Name(NameError::Reserved)),
        (b"", EntryError::Name(NameError::Empty)),
        (&[b'a'; 64], EntryError::Name(NameError::TooLong)),
        (&[b'a'; 255], EntryError::Name(NameError::TooLong)),
    ] {
        let mut body = vec![7; 32];
        body.push(u8::try_from(text.len()).unwrap());
        body.extend_from_slice(text);
        assert_eq!(verify(&with_action(4, &body), room()), Err(error), "{text:?}");
    }
}

#[test]
fn refuses_an_action_with_bytes_after_its_end() {
    assert_eq!(verify(&with_action(5, &[0]), room()), Err(EntryError::TrailingBytes));
}

#[test]
fn refuses_parents_that_do_not_ascend() {
    for parents in [[2, 1], [1, 1]] {
        let mut twisted = content(Action::Leave);
        twisted.parents = parents.map(|n| EntryId([n; 32])).to_vec();
        assert_eq!(verify(signed(twisted).bytes(), room()), Err(EntryError::ParentOrder));
    }
}

#[test]
fn refuses_entries_that_no_author_makes() {
    let mut uncounted = content(mint());
    uncounted.counter = 0;
    assert_eq!(verify(signed(uncounted).bytes(), room()), Err(EntryError::Counter));

    let mut rootless = content(mint());
    rootless.parents.clear();
    assert_eq!(verify(signed(rootless).bytes(), room()), Err(EntryError::Parents));

    let mut late = content(genesis());
    late.parents = vec![EntryId([1; 32])];
    assert_eq!(verify(signed(late).bytes(), room()), Err(EntryError::Parents));

    let mut usurped = content(genesis());
    usurped.author = public_half(&author_key());
    assert_eq!(verify(sign(usurped, &author_key()).bytes(), room()), Err(EntryError::GenesisAuthor));

    let useless = Action::MintInvite { invite: InviteKey([5; 32]), uses: 0, expires: UnixTime(9), hostname: None };
    assert_eq!(verify(signed(content(useless)).bytes(), room()), Err(EntryError::NoUses));
}

#[test]
fn keeps_to_the_documented_bytes() {
    let entry = signed(content(Action::MintInvite {
        invite: InviteKey([5; 32]),
        uses: 3,
        expires: UnixTime(1_800_000_000),
        hostname: Some(host("nas")),
    }));
    assert_eq!(HEXLOWER.encode(entry.bytes()), GOLDEN_MINT);
    assert_eq!(entry.id().to_string(), GOLDEN_MINT_ID);
}

/// The order of the ed25519 group, little-endian: adding it to a signature's scalar changes the bytes but not the sum
/// that a lax verifier computes.
const GROUP_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];
const GOLDEN_MINT: &str = "018a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5cca93ac1705187071d67b83c7ff0efe8108\
    e8ec4530575d7726879333dbdabe7c010000000000000000f153650000000001030303030303030303030303030303030303\
    0303030303030303030303030303020030000000050505050505050505050505050505050505050505050505050505050505\
    05050300000000d2496b00000000036e6173354cb11a5e0fd875ee71786c3d96dd2b7fdd9c5ba92564ea28c259a3240d2c06\
    e540e95b5da543e5ce3dc7d0789743753a6f5b141d567f6989668b28b4e8bf00";
const GOLDEN_MINT_ID: &str = "cf4a2f7c2991ac8ce86324211b3bef39c1ac7b03b0f2ca872747883a4566cce9";

fn content(action: Action) -> Content {
    let begins = matches!(action, Action::Genesis { .. });
    Content {
        room: room(),
        author: public_half(&if begins { network_key() } else { author_key() }),
        counter: 1,
        time: UnixTime(1_700_000_000),
        parents: if begins { Vec::new() } else { vec![EntryId([3; 32])] },
        action,
    }
}

fn signed(content: Content) -> VerifiedEntry {
    let begins = matches!(content.action, Action::Genesis { .. });
    sign(content, &if begins { network_key() } else { author_key() })
}

/// An entry with one parent and any action, well signed.
fn with_action(tag: u16, body: &[u8]) -> Vec<u8> {
    let mut unsigned = encode::encode(&content(Action::Leave));
    unsigned.truncate(ACTION_AT_WITH_ONE_PARENT);
    unsigned.extend_from_slice(&tag.to_le_bytes());
    unsigned.extend_from_slice(&u32::try_from(body.len()).unwrap().to_le_bytes());
    unsigned.extend_from_slice(body);
    signed_bytes(&unsigned)
}

fn signed_bytes(unsigned: &[u8]) -> Vec<u8> {
    [unsigned, &author_key().sign(&encode::entry_message(unsigned)).to_bytes()].concat()
}

fn genesis() -> Action {
    let name: NetworkName = "home".parse().unwrap();
    Action::Genesis { name, founder: public_half(&author_key()), hostname: host("alice") }
}

fn mint() -> Action {
    Action::MintInvite { invite: invite().key(), uses: 1, expires: UnixTime(1_800_000_000), hostname: None }
}

fn redeem() -> Action {
    let proof = invite().proof(&public_half(&author_key()));
    Action::Redeem { invite: invite().key(), hostname: host("nas"), proof }
}

fn admit(name: &str) -> Action {
    Action::Admit { member: PeerId([7; 32]), hostname: host(name) }
}

fn invite() -> Invite {
    Invite { room: room(), secret: [6; 32], seats: vec![PeerId([7; 32])] }
}

fn room() -> RoomId {
    RoomId(public_half(&network_key()).0)
}

fn network_key() -> SigningKey {
    key(1)
}

fn author_key() -> SigningKey {
    key(4)
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn public_half(key: &SigningKey) -> PeerId {
    PeerId(key.verifying_key().to_bytes())
}

fn host(name: &str) -> Hostname {
    name.parse().unwrap()
}
