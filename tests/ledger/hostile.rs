//! A writer that signs whatever it likes. It encodes by the table in `docs/ledger.md`, not by the engine's code, so it
//! also holds the engine to that table.

use ed25519_dalek::{Signer, SigningKey};
use ray_engine::{
    ident::{RoomId, UnixTime},
    ledger::{Action, EntryId},
};

/// Everything that a writer chooses.
pub(crate) struct Draft {
    pub(crate) room: RoomId,
    pub(crate) counter: u64,
    pub(crate) time: UnixTime,
    pub(crate) parents: Vec<EntryId>,
    pub(crate) action: Action,
}

/// The signed bytes of an entry.
pub(crate) fn write(mut draft: Draft, key: &SigningKey) -> Vec<u8> {
    draft.parents.sort();
    draft.parents.dedup();
    let mut bytes = vec![1];
    bytes.extend(draft.room.0);
    bytes.extend(key.verifying_key().to_bytes());
    bytes.extend(draft.counter.to_le_bytes());
    bytes.extend(draft.time.0.to_le_bytes());
    bytes.push(u8::try_from(draft.parents.len()).unwrap());
    draft.parents.iter().for_each(|parent| bytes.extend(parent.0));
    let (tag, body) = body_of(&draft.action);
    bytes.extend(tag.to_le_bytes());
    bytes.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
    bytes.extend(body);
    let signature = key.sign(&[b"rayfish/ledger/entry/1\0", &bytes[..]].concat());
    bytes.extend(signature.to_bytes());
    bytes
}

fn body_of(action: &Action) -> (u16, Vec<u8>) {
    match action {
        Action::Genesis { name, founder, hostname } => {
            (1, [&text(name.as_str())[..], &founder.0, &text(hostname.as_str())].concat())
        }
        Action::MintInvite { invite, uses, expires, hostname } => {
            let hostname = hostname.as_ref().map_or(vec![0], |name| text(name.as_str()));
            (2, [&invite.0[..], &uses.to_le_bytes(), &expires.0.to_le_bytes(), &hostname].concat())
        }
        Action::Redeem { invite, hostname, proof } => (3, [&invite.0[..], &text(hostname.as_str()), proof].concat()),
        Action::Admit { member, hostname } => (4, [&member.0[..], &text(hostname.as_str())].concat()),
        Action::Leave => (5, Vec::new()),
    }
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(text.len()).unwrap()];
    bytes.extend(text.as_bytes());
    bytes
}
