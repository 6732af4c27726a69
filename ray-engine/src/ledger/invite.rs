//! The code that is handed out: the secret half of an invite, the network it is for, and whom to ask.
//!
//! `ray1`, then base32 (lower case, no padding) of version, room, secret, number of seats, seats, checksum. Read without
//! regard to case, because phones like capitals.

use std::{error::Error, fmt, str::FromStr};

use data_encoding::{BASE32_NOPAD, DecodeKind};
use ed25519_dalek::{Signer, SigningKey};

use super::{action::InviteKey, encode, entry::EntryId, limits::INVITE_SEATS_MAX};
use crate::ident::{Hostname, PeerId, RoomId};

const PREFIX: &str = "ray1";
const VERSION: u8 = 1;
const CHECKSUM_BYTES: usize = 4;
/// Version, room, secret, number of seats.
const HEAD_BYTES: usize = 1 + 32 + 32 + 1;
const BYTES_MAX: usize = HEAD_BYTES + 32 * INVITE_SEATS_MAX + CHECKSUM_BYTES;
/// Room for longer codes of later versions, so that they are told from garbage by their version.
const CHARS_MAX: usize = 1024;

const _: () = assert!(PREFIX.len() + BYTES_MAX * 8 / 5 < CHARS_MAX);

/// An invite as its holder knows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Invite {
    pub room: RoomId,
    /// Whoever knows it can join.
    pub secret: [u8; 32],
    /// Members to ask, in this order: one to four. A code holds no more than four.
    pub seats: Vec<PeerId>,
}

impl Invite {
    /// The public half, by which the ledger knows the invite.
    pub fn key(&self) -> InviteKey {
        InviteKey(self.signing_key().verifying_key().to_bytes())
    }

    /// Shows a member that the joiner holds this invite, and is of no use to anybody else. Seats nobody.
    pub fn proof(&self, joiner: &PeerId) -> [u8; 64] {
        self.signing_key().sign(&encode::invite_message(&self.room, joiner)).to_bytes()
    }

    /// What seats the joiner once: under this name, and only as long as it has not left again.
    pub fn redeem(&self, joiner: &PeerId, hostname: &Hostname, after: Option<EntryId>) -> [u8; 64] {
        self.signing_key().sign(&encode::redeem_message(&self.room, joiner, hostname, after.as_ref())).to_bytes()
    }

    fn signing_key(&self) -> SigningKey {
        SigningKey::from_bytes(&self.secret)
    }
}

impl fmt::Debug for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invite").field("room", &self.room).field("seats", &self.seats).finish_non_exhaustive()
    }
}

/// The code. It holds the secret: whoever reads it can join.
impl fmt::Display for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seats = self.seats.get(..INVITE_SEATS_MAX).unwrap_or(&self.seats);
        let mut bytes = Vec::with_capacity(BYTES_MAX);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.room.0);
        bytes.extend_from_slice(&self.secret);
        bytes.push(u8::try_from(seats.len()).unwrap_or(u8::MAX));
        for seat in seats {
            bytes.extend_from_slice(&seat.0);
        }
        bytes.extend_from_slice(&checksum(&bytes));
        write!(f, "{PREFIX}{}", BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
    }
}

impl FromStr for Invite {
    type Err = InviteError;

    fn from_str(text: &str) -> Result<Self, InviteError> {
        let (payload, sum) = unwrap(text)?;
        if checksum(&payload) != sum {
            return Err(InviteError::Checksum);
        }
        let (version, rest) = payload.split_first().ok_or(InviteError::Length)?;
        if *version != VERSION {
            return Err(InviteError::Version(*version));
        }
        let (room, rest) = rest.split_first_chunk::<32>().ok_or(InviteError::Length)?;
        let (secret, rest) = rest.split_first_chunk::<32>().ok_or(InviteError::Length)?;
        let (count, rest) = rest.split_first().ok_or(InviteError::Length)?;
        let (seats, []) = rest.as_chunks::<32>() else { return Err(InviteError::Length) };
        if seats.len() != usize::from(*count) || seats.is_empty() || seats.len() > INVITE_SEATS_MAX {
            return Err(InviteError::Seats);
        }
        Ok(Self { room: RoomId(*room), secret: *secret, seats: seats.iter().copied().map(PeerId).collect() })
    }
}

/// Why text is not an invite code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteError {
    NotAnInvite,
    Character,
    Length,
    Checksum,
    Version(u8),
    Seats,
}

impl fmt::Display for InviteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAnInvite => "an invite code begins with ray1",
            Self::Character => "the invite code holds a character that no code has (a-z and 2-7 only)",
            Self::Length => "the invite code is cut short or too long",
            Self::Checksum => "the invite code is mistyped",
            Self::Version(version) => {
                return write!(f, "the invite code has version {version}, which needs a newer ray");
            }
            Self::Seats => "the invite code does not name one to four members to ask",
        })
    }
}

impl Error for InviteError {}

/// The bytes of a code without its checksum, and the checksum.
fn unwrap(text: &str) -> Result<(Vec<u8>, [u8; CHECKSUM_BYTES]), InviteError> {
    let text = text.trim();
    if text.len() > CHARS_MAX {
        return Err(InviteError::Length);
    }
    let text = text.to_ascii_lowercase();
    let code = text.strip_prefix(PREFIX).ok_or(InviteError::NotAnInvite)?;
    if !code.bytes().all(|byte| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte)) {
        return Err(InviteError::Character);
    }
    let upper = code.to_ascii_uppercase();
    let mut bytes = BASE32_NOPAD.decode(upper.as_bytes()).map_err(|cause| match cause.kind {
        DecodeKind::Length => InviteError::Length,
        DecodeKind::Symbol | DecodeKind::Padding => InviteError::Character,
        // Bits that no encoder sets: the last character is another one.
        DecodeKind::Trailing => InviteError::Checksum,
    })?;
    let sum = *bytes.last_chunk::<CHECKSUM_BYTES>().ok_or(InviteError::Length)?;
    bytes.truncate(bytes.len() - CHECKSUM_BYTES);
    Ok((bytes, sum))
}

fn checksum(payload: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let [a, b, c, d, ..] = *blake3::hash(payload).as_bytes();
    [a, b, c, d]
}

#[cfg(test)]
mod tests;
