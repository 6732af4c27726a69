//! What is not an entry.

mod signatures;

use super::*;
use crate::{
    ident::{Hostname, NetworkName},
    ledger::{
        GroupName, Invite, InviteKey, Mode, RuleText, Scope,
        limits::{ACTION_BYTES_MAX, ENTRY_BYTES_MAX, PARENTS_MAX},
    },
};

/// Where the fixed-size fields begin.
const PARENT_COUNT_AT: usize = 81;
const ACTION_AT_WITH_ONE_PARENT: usize = PARENT_COUNT_AT + 1 + 32;

#[test]
fn passes_what_its_author_signed() {
    for action in every_action() {
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
fn keeps_an_action_that_it_does_not_know_if_it_is_signed() {
    for (tag, body) in [(0, &b""[..]), (24, b"whatever"), (u16::MAX, &[0xff; ACTION_BYTES_MAX])] {
        let bytes = with_action(tag, body);
        let entry = verify(&bytes, room()).unwrap();
        assert_eq!(entry.action(), &Action::Unknown { tag, body: body.to_vec() });
        assert_eq!(entry.bytes(), bytes);
        let mut forged = bytes;
        *forged.last_mut().unwrap() ^= 1;
        assert_eq!(verify(&forged, room()), Err(EntryError::Signature));
    }
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
        for tag in [4, 11] {
            assert_eq!(verify(&with_action(tag, &body), room()), Err(error), "{text:?}");
        }
    }
}

#[test]
fn refuses_an_action_with_bytes_after_its_end() {
    for action in every_action() {
        let (tag, body) = encode::encode_action(&action);
        if tag < 24 && tag != 1 {
            assert!(verify(&with_action(tag, &body), room()).is_ok(), "{action:?}");
            assert_eq!(verify(&with_action(tag, &[&body[..], &[0]].concat()), room()), Err(EntryError::TrailingBytes));
        }
    }
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
    assert_eq!(HEXLOWER.encode(signed(content(redeem())).bytes()), GOLDEN_REDEEM);
}

/// Whoever changes a body's bytes changes this number.
#[test]
fn keeps_to_the_documented_bytes_of_every_action() {
    let mut bytes = Vec::new();
    for action in every_action() {
        bytes.extend_from_slice(signed(content(action)).bytes());
    }
    assert_eq!(EntryId::of(&bytes).to_string(), GOLDEN_ALL);
}

const GOLDEN_MINT: &str = "018a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5cca93ac1705187071d67b83c7ff0efe8108\
    e8ec4530575d7726879333dbdabe7c010000000000000000f153650000000001030303030303030303030303030303030303\
    0303030303030303030303030303020030000000050505050505050505050505050505050505050505050505050505050505\
    05050300000000d2496b00000000036e6173354cb11a5e0fd875ee71786c3d96dd2b7fdd9c5ba92564ea28c259a3240d2c06\
    e540e95b5da543e5ce3dc7d0789743753a6f5b141d567f6989668b28b4e8bf00";
const GOLDEN_REDEEM: &str = "018a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5cca93ac1705187071d67b83c7ff0efe8108\
    e8ec4530575d7726879333dbdabe7c010000000000000000f153650000000001030303030303030303030303030303030303\
    03030303030303030303030303030300a40000008a875fff1eb38451577acd5afee405456568dd7c89e090863a0557bc7af4\
    9f17ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c036e6173040404040404040404040404\
    04040404040404040404040404040404040404042094d4d65ae0fbdf8dac0c2549f006d3cfd1de9874ee23dd6379ffbca21d\
    9b4888adc6f764056856759548c2dcc7b58a878bf1abc93dc49fc5e7fa6cdac19a04dac4dacddad4adcce05248fc2ce7ab8d\
    f5bf833f2cf8470f012811faab6785f799073151bdd2fba53d1f82617ab20c9dcf2b8701452f4498a858a6f70d0a300a";
const GOLDEN_ALL: &str = "18f04799ba048d70ef02c5d6b8eac420a7fa59d3a896725553372c64b092c079";
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
    let (joiner, hostname, after) = (joiner(), host("nas"), Some(EntryId([4; 32])));
    let proof = invite().redeem(&joiner, &hostname, after);
    Action::Redeem { invite: invite().key(), joiner, hostname, after, proof }
}

fn every_action() -> Vec<Action> {
    let (member, hostname) = (PeerId([7; 32]), host("nas"));
    let group: GroupName = host("web");
    let rule = RuleText::new("allow tcp 22").unwrap();
    let user = UserKey::of(&user_key());
    let consent = consent(&joiner_key(), room(), &hostname, None);
    let certified = certify(&user_key(), room(), public_half(&author_key()));
    let uncertified = uncertify(&user_key(), room(), member);
    let suggest = |scope| Action::Suggest { scope, rule: rule.clone() };
    vec![
        genesis(),
        mint(),
        redeem(),
        admit("nas"),
        Action::Leave,
        Action::Welcome { joiner: joiner(), hostname: hostname.clone(), after: None, consent },
        Action::Remove { member },
        Action::Grant { member },
        Action::Revoke { member },
        Action::RevokeInvite { invite: InviteKey([5; 32]) },
        Action::Rename { member, hostname },
        Action::SetMode { mode: Mode::Closed },
        Action::SetMode { mode: Mode::Approval },
        Action::SetMode { mode: Mode::Open },
        Action::RotateEpoch { commitment: [6; 32] },
        Action::Rekey { discovery: [6; 32] },
        Action::SetEphemeral { seconds: 86_400 },
        Action::Checkpoint { digest: [6; 32] },
        Action::Dissolve,
        Action::CertifyDevice { user, signature: certified },
        Action::RevokeDevice { user, device: member, signature: uncertified },
        Action::GroupAdd { group: group.clone(), member },
        Action::GroupRemove { group: group.clone(), member },
        suggest(Scope::All),
        suggest(Scope::Member(member)),
        suggest(Scope::Group(group)),
        Action::Withdraw { suggestion: EntryId([4; 32]) },
        Action::Unknown { tag: 24, body: vec![1, 2, 3] },
    ]
}

fn admit(name: &str) -> Action {
    Action::Admit { member: PeerId([7; 32]), hostname: host(name) }
}

fn invite() -> Invite {
    Invite { room: room(), secret: [6; 32], seats: vec![PeerId([7; 32])] }
}

fn invite_key() -> SigningKey {
    SigningKey::from_bytes(&invite().secret)
}

fn joiner_key() -> SigningKey {
    key(7)
}

fn joiner() -> PeerId {
    public_half(&joiner_key())
}

fn user_key() -> SigningKey {
    key(8)
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

fn host(name: &str) -> Hostname {
    name.parse().unwrap()
}
