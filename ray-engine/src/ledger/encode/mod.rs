//! Canonical bytes of entries, and of what is signed. The only module that knows them; `docs/ledger.md` shows them.
//!
//! Each entry has exactly one encoding: integers are little-endian and of fixed size, parents ascend, nothing may follow.

mod body;
mod reader;

pub(super) use self::body::{decode_action, encode_action};
use self::{
    body::{put_after, put_text},
    reader::Reader,
};
use super::{
    entry::{Content, EntryError, EntryId},
    limits::{ACTION_BYTES_MAX, ENTRY_BYTES_MAX, PARENTS_MAX, SIGNATURE_BYTES},
};
use crate::ident::{Hostname, PeerId, RoomId, UnixTime};

const VERSION: u8 = 1;
/// Keep a signature made for one purpose from serving another.
const ENTRY_DOMAIN: &[u8] = b"rayfish/ledger/entry/1\0";
const INVITE_DOMAIN: &[u8] = b"rayfish/ledger/invite/1\0";
const REDEEM_DOMAIN: &[u8] = b"rayfish/ledger/redeem/1\0";
const WELCOME_DOMAIN: &[u8] = b"rayfish/ledger/welcome/1\0";
const DEVICE_DOMAIN: &[u8] = b"rayfish/ledger/device/1\0";
const UNDEVICE_DOMAIN: &[u8] = b"rayfish/ledger/undevice/1\0";

/// An entry taken apart, its action still bytes: the signature is checked before anything deeper is looked at.
pub(super) struct Envelope<'a> {
    pub(super) room: RoomId,
    pub(super) author: PeerId,
    pub(super) counter: u64,
    pub(super) time: UnixTime,
    pub(super) parents: Vec<EntryId>,
    pub(super) tag: u16,
    pub(super) body: &'a [u8],
    /// Everything before the signature.
    pub(super) unsigned: &'a [u8],
    pub(super) signature: [u8; SIGNATURE_BYTES],
}

/// The bytes of an entry without its signature.
pub(super) fn encode(content: &Content) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    out.push(VERSION);
    out.extend_from_slice(&content.room.0);
    out.extend_from_slice(&content.author.0);
    out.extend_from_slice(&content.counter.to_le_bytes());
    out.extend_from_slice(&content.time.0.to_le_bytes());
    // An entry has at most 16 parents, so the fallback is never taken.
    out.push(u8::try_from(content.parents.len()).unwrap_or(u8::MAX));
    for parent in &content.parents {
        out.extend_from_slice(&parent.0);
    }
    let (tag, body) = encode_action(&content.action);
    out.extend_from_slice(&tag.to_le_bytes());
    out.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(&body);
    out
}

/// Takes an entry apart. Knows nothing of the action but its size.
pub(super) fn split(bytes: &[u8]) -> Result<Envelope<'_>, EntryError> {
    if bytes.len() > ENTRY_BYTES_MAX {
        return Err(EntryError::TooLong);
    }
    let mut reader = Reader::new(bytes);
    let version = reader.u8()?;
    if version != VERSION {
        return Err(EntryError::Version(version));
    }
    let room = RoomId(reader.array()?);
    let author = PeerId(reader.array()?);
    let counter = reader.u64()?;
    let time = UnixTime(reader.u64()?);
    let count = usize::from(reader.u8()?);
    if count > PARENTS_MAX {
        return Err(EntryError::TooManyParents);
    }
    let parents = (0..count).map(|_| reader.array().map(EntryId)).collect::<Result<Vec<_>, _>>()?;
    let tag = reader.u16()?;
    let size = usize::try_from(reader.u32()?).map_err(|_| EntryError::TooLong)?;
    if size > ACTION_BYTES_MAX {
        return Err(EntryError::TooLong);
    }
    let body = reader.slice(size)?;
    let unsigned = bytes.get(..bytes.len() - reader.rest()).ok_or(EntryError::Truncated)?;
    let signature = reader.array()?;
    reader.end()?;
    Ok(Envelope { room, author, counter, time, parents, tag, body, unsigned, signature })
}

/// What the author of an entry signs.
pub(super) fn entry_message(unsigned: &[u8]) -> Vec<u8> {
    [ENTRY_DOMAIN, unsigned].concat()
}

/// What an invite's key signs to show a member that it is held.
pub(super) fn invite_message(room: &RoomId, joiner: &PeerId) -> Vec<u8> {
    [INVITE_DOMAIN, &room.0, &joiner.0].concat()
}

/// What an invite's key signs to seat one joiner, once.
pub(super) fn redeem_message(room: &RoomId, joiner: &PeerId, hostname: &Hostname, after: Option<&EntryId>) -> Vec<u8> {
    seat_message(REDEEM_DOMAIN, room, joiner, hostname, after)
}

/// What a joiner signs to be seated in an open network, once.
pub(super) fn welcome_message(room: &RoomId, joiner: &PeerId, hostname: &Hostname, after: Option<&EntryId>) -> Vec<u8> {
    seat_message(WELCOME_DOMAIN, room, joiner, hostname, after)
}

/// What a user signs for a device of its own.
pub(super) fn device_message(room: &RoomId, device: &PeerId) -> Vec<u8> {
    [DEVICE_DOMAIN, &room.0, &device.0].concat()
}

/// What a user signs against a device that it has no more.
pub(super) fn undevice_message(room: &RoomId, device: &PeerId) -> Vec<u8> {
    [UNDEVICE_DOMAIN, &room.0, &device.0].concat()
}

fn seat_message(
    domain: &[u8],
    room: &RoomId,
    joiner: &PeerId,
    hostname: &Hostname,
    after: Option<&EntryId>,
) -> Vec<u8> {
    let mut out = [domain, &room.0, &joiner.0].concat();
    put_text(&mut out, hostname.as_str());
    put_after(&mut out, after);
    out
}
