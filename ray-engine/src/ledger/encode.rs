//! Canonical bytes of entries, and of what is signed. The only file that knows them; `docs/ledger.md` shows them.
//!
//! Each entry has exactly one encoding: integers are little-endian and of fixed size, parents ascend, nothing may follow.

use super::{
    action::{Action, InviteKey},
    entry::{Content, EntryError, EntryId},
    limits::{ACTION_BYTES_MAX, ENTRY_BYTES_MAX, PARENTS_MAX, SIGNATURE_BYTES},
};
use crate::ident::{Hostname, NetworkName, PeerId, RoomId, UnixTime};

const VERSION: u8 = 1;
/// Keep a signature made for one purpose from serving another.
const ENTRY_DOMAIN: &[u8] = b"rayfish/ledger/entry/1\0";
const INVITE_DOMAIN: &[u8] = b"rayfish/ledger/invite/1\0";

const TAG_GENESIS: u16 = 1;
const TAG_MINT_INVITE: u16 = 2;
const TAG_REDEEM: u16 = 3;
const TAG_ADMIT: u16 = 4;
const TAG_LEAVE: u16 = 5;

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
    out.push(length(content.parents.len()));
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
    let mut reader = Reader(bytes);
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
    let unsigned_len = bytes.len() - reader.0.len();
    let unsigned = bytes.get(..unsigned_len).ok_or(EntryError::Truncated)?;
    let signature = reader.array()?;
    reader.end()?;
    Ok(Envelope { room, author, counter, time, parents, tag, body, unsigned, signature })
}

/// Reads an action's body to its last byte.
pub(super) fn decode_action(tag: u16, body: &[u8]) -> Result<Action, EntryError> {
    let mut reader = Reader(body);
    let action = match tag {
        TAG_GENESIS => {
            let name = reader.text()?.parse::<NetworkName>().map_err(EntryError::Name)?;
            Action::Genesis { name, founder: PeerId(reader.array()?), hostname: reader.hostname()? }
        }
        TAG_MINT_INVITE => Action::MintInvite {
            invite: InviteKey(reader.array()?),
            uses: reader.u32()?,
            expires: UnixTime(reader.u64()?),
            hostname: reader.optional_hostname()?,
        },
        TAG_REDEEM => {
            Action::Redeem { invite: InviteKey(reader.array()?), hostname: reader.hostname()?, proof: reader.array()? }
        }
        TAG_ADMIT => Action::Admit { member: PeerId(reader.array()?), hostname: reader.hostname()? },
        TAG_LEAVE => Action::Leave,
        unknown => return Err(EntryError::UnknownAction(unknown)),
    };
    reader.end()?;
    Ok(action)
}

/// What the author of an entry signs.
pub(super) fn entry_message(unsigned: &[u8]) -> Vec<u8> {
    [ENTRY_DOMAIN, unsigned].concat()
}

/// What an invite's key signs for one joiner.
pub(super) fn invite_message(room: &RoomId, joiner: &PeerId) -> Vec<u8> {
    [INVITE_DOMAIN, &room.0, &joiner.0].concat()
}

fn encode_action(action: &Action) -> (u16, Vec<u8>) {
    let mut out = Vec::with_capacity(160);
    let tag = match action {
        Action::Genesis { name, founder, hostname } => {
            put_text(&mut out, name.as_str());
            out.extend_from_slice(&founder.0);
            put_text(&mut out, hostname.as_str());
            TAG_GENESIS
        }
        Action::MintInvite { invite, uses, expires, hostname } => {
            out.extend_from_slice(&invite.0);
            out.extend_from_slice(&uses.to_le_bytes());
            out.extend_from_slice(&expires.0.to_le_bytes());
            put_text(&mut out, hostname.as_ref().map_or("", Hostname::as_str));
            TAG_MINT_INVITE
        }
        Action::Redeem { invite, hostname, proof } => {
            out.extend_from_slice(&invite.0);
            put_text(&mut out, hostname.as_str());
            out.extend_from_slice(proof);
            TAG_REDEEM
        }
        Action::Admit { member, hostname } => {
            out.extend_from_slice(&member.0);
            put_text(&mut out, hostname.as_str());
            TAG_ADMIT
        }
        Action::Leave => TAG_LEAVE,
    };
    (tag, out)
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.push(length(text.len()));
    out.extend_from_slice(text.as_bytes());
}

/// Names have at most 63 bytes and entries at most 32 parents, so the fallback is never taken.
fn length(count: usize) -> u8 {
    u8::try_from(count).unwrap_or(u8::MAX)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn slice(&mut self, count: usize) -> Result<&'a [u8], EntryError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(EntryError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], EntryError> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(EntryError::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u8(&mut self) -> Result<u8, EntryError> {
        self.array().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Result<u16, EntryError> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, EntryError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, EntryError> {
        self.array().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Result<&'a str, EntryError> {
        let size = usize::from(self.u8()?);
        std::str::from_utf8(self.slice(size)?).map_err(|_| EntryError::Text)
    }

    fn hostname(&mut self) -> Result<Hostname, EntryError> {
        self.text()?.parse().map_err(EntryError::Name)
    }

    fn optional_hostname(&mut self) -> Result<Option<Hostname>, EntryError> {
        match self.text()? {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(EntryError::Name),
        }
    }

    fn end(&self) -> Result<(), EntryError> {
        if self.0.is_empty() { Ok(()) } else { Err(EntryError::TrailingBytes) }
    }
}
