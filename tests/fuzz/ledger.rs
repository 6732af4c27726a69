//! Entries and invite codes.

use ray_engine::{
    ident::{PeerId, RoomId},
    ledger::{EntryId, Invite, Ledger, SigningKey, verify},
};

const ROOM: RoomId = RoomId([7; 32]);
const KEY: [u8; 32] = [9; 32];
/// Offset of the first parent.
const PARENTS_AT: usize = 82;
/// Bytes of one parent.
const PARENT: usize = 32;

/// Bytes as they come, and the same bytes as a tag and a body that somebody signed well: a bad signature hides all that
/// is behind it.
pub(crate) fn entry(bytes: &[u8]) {
    check(bytes);
    let Some((tag, body)) = bytes.split_first_chunk::<2>() else { return };
    check(&signed(*tag, body));
}

fn check(bytes: &[u8]) {
    let room = bytes.get(1..33).and_then(|room| room.try_into().ok()).map_or(ROOM, RoomId);
    let Ok(entry) = verify(bytes, room) else { return };
    assert_eq!(entry.bytes(), bytes, "an entry has one encoding");
    assert_eq!(entry.id(), EntryId::of(bytes));
    // Its parents are nowhere, or it claims to begin the network: it may wait or be refused.
    let mut ledger = Ledger::empty(room);
    ledger.insert(entry);
    let _ = ledger.roster().members().count();
}

/// An entry of a member, laid out as `docs/ledger.md` has it.
fn signed(tag: [u8; 2], body: &[u8]) -> Vec<u8> {
    use ed25519_dalek::Signer;
    let key = SigningKey::from_bytes(&KEY);
    let genesis = tag == [1, 0];
    let author = key.verifying_key().to_bytes();
    let mut bytes = vec![1];
    bytes.extend_from_slice(if genesis { &author } else { &ROOM.0 });
    bytes.extend_from_slice(&author);
    bytes.extend_from_slice(&1u64.to_le_bytes());
    bytes.extend_from_slice(&1_700_000_000u64.to_le_bytes());
    bytes.push(u8::from(!genesis));
    if !genesis {
        bytes.extend_from_slice(&[5; PARENT]);
    }
    bytes.extend_from_slice(&tag);
    bytes.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(body);
    let mut message = b"rayfish/ledger/entry/1\0".to_vec();
    message.extend_from_slice(&bytes);
    bytes.extend_from_slice(&key.sign(&message).to_bytes());
    bytes
}

/// Every tag with bodies of several lengths, and whole entries.
pub(crate) fn entry_samples() -> Vec<Vec<u8>> {
    let mut samples = Vec::new();
    let text = b"\x03nas";
    let bodies: [Vec<u8>; 6] = [
        Vec::new(),
        vec![2],
        [&[3u8; 32][..], text].concat(),
        [&[3u8; 32][..], &1u32.to_le_bytes(), &2_000_000_000u64.to_le_bytes(), text].concat(),
        [text.as_slice(), &[3; 32], text].concat(),
        [&[3u8; 64][..], text, &[0; 32], &[4; 64]].concat(),
    ];
    for tag in 1..=24u16 {
        for body in &bodies {
            samples.push([&tag.to_le_bytes()[..], body].concat());
        }
    }
    samples.push(signed([1, 0], &[b"\x04home".as_slice(), &[3; 32], text].concat()));
    samples.push(signed([5, 0], &[]));
    assert!(samples.iter().any(|sample| sample.len() > PARENTS_AT + PARENT));
    samples
}

/// A code, read as a user would paste it.
pub(crate) fn invite(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(invite) = text.parse::<Invite>() else { return };
    let again: Invite = invite.to_string().parse().unwrap_or_else(|error| panic!("a printed code is refused: {error}"));
    assert_eq!(again.to_string(), invite.to_string());
    let joiner = PeerId([1; 32]);
    assert!(invite.key().proves(&invite.room, &joiner, &invite.proof(&joiner)));
}

pub(crate) fn invite_samples() -> Vec<Vec<u8>> {
    let code = |seats: Vec<PeerId>| Invite { room: ROOM, secret: [4; 32], seats }.to_string().into_bytes();
    let one = code(vec![PeerId([1; 32])]);
    let upper = one.to_ascii_uppercase();
    let spaced = [b" ".as_slice(), &one, b"\n"].concat();
    vec![one, upper, spaced, code((1..=4).map(|n| PeerId([n; 32])).collect()), b"ray1".to_vec(), b"ray2aaaa".to_vec()]
}
