//! The discovery record: what a network shows under its discovery key, as one signed packet.
//!
//! The packet holds one TXT record named `_rayfish`; its text is, in base64url without padding:
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 1 | version, 1 |
//! | 1 | 1 | 0 the seeds are open, 1 they are sealed |
//! | 2 | 32 | BLAKE3 hash of the blob; zeros if there is none |
//! | 34 | 4 | length of the blob, little-endian, which is one of few sizes; 0 if there is none |
//! | 38 | | open: number of seeds (1), then 32 each. Sealed: nonce (24), then the same padded to six seeds, and a tag (16) |
//!
//! The packet's own timestamp, in microseconds, says when it was issued. A sealed record has one length, whatever it
//! holds: it shows neither who is a member nor how many there are.

use std::fmt;

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::SigningKey;
use pkarr::{
    Keypair, PublicKey, SignedPacket, Timestamp,
    dns::{CLASS, CharacterString, Name, Packet, rdata::RData, rdata::TXT},
};

use super::limits::{BLOB_LEN_MAX, RECORD_AGE_S_MAX, RECORD_AHEAD_S_MAX, SEEDS_MAX};
use crate::{
    ident::{PeerId, UnixTime},
    ledger::epoch::EpochKey,
};

const VERSION: u8 = 1;
const NAME: &str = "_rayfish";
/// What caches on the way may keep it for.
const TTL_S: u32 = 300;
/// The longest string inside a TXT record.
const STRING_LEN_MAX: usize = 255;
const SEEDS_CONTEXT: &str = "rayfish record seeds 1";
const HEAD_LEN: usize = 1 + 1 + 32 + 4;
const NONCE_LEN: usize = 24;
const SEED_LIST_LEN: usize = 1 + 32 * SEEDS_MAX;

/// What a network shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub issued: Issued,
    /// `None`: the ledger is too long to publish, or has no epoch.
    pub blob: Option<BlobRef>,
    /// Members to try. `None`: sealed with the key of an epoch that the reader lacks.
    pub seeds: Option<Vec<PeerId>>,
}

/// A published blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobRef {
    pub hash: [u8; 32],
    pub len: u32,
}

/// When a record was issued, in microseconds since 1970; later ones replace earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Issued(pub u64);

impl Issued {
    /// For a record that replaces one issued at `floor`, also when that one's clock was ahead.
    pub fn after(now: UnixTime, floor: Self) -> Self {
        Self(now.0.saturating_mul(1_000_000).max(floor.0.saturating_add(1)))
    }

    pub fn unix(self) -> UnixTime {
        UnixTime(self.0 / 1_000_000)
    }
}

/// Who can read the seeds.
#[derive(Debug, Clone, Copy)]
pub enum Cover<'a> {
    /// Everybody who knows the discovery key: networks that may be joined without an invite.
    Open,
    /// Whoever holds the epoch's key. A nonce seals once.
    Sealed { key: &'a EpochKey, nonce: [u8; NONCE_LEN] },
}

/// What a reader holds a record against.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The discovery key that was asked for.
    pub discovery: [u8; 32],
    pub now: UnixTime,
    /// The latest record of this key that was accepted before. It outlives restarts, or a kicked member can turn back time.
    pub floor: Issued,
    /// Keys of the network's epochs, the most likely first.
    pub epochs: &'a [EpochKey],
}

/// Why a record is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordError {
    /// Not signed by the key that was asked for.
    Forged,
    /// Not exactly one record as described above.
    Malformed(&'static str),
    /// A newer program wrote it.
    Version(u8),
    /// The sealed seeds opened to something that no program writes.
    BadSeal,
    FromTheFuture,
    Expired,
    /// A later one was accepted before.
    Superseded,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forged => f.write_str("the record is not signed by the network's key"),
            Self::Malformed(what) => write!(f, "the record is malformed: {what}"),
            Self::Version(version) => write!(f, "the record has version {version}, and this program knows {VERSION}"),
            Self::BadSeal => f.write_str("the record's sealed part holds no seeds"),
            Self::FromTheFuture => f.write_str("the record was issued in the future; is the clock right?"),
            Self::Expired => f.write_str("the record is too old; is the clock right?"),
            Self::Superseded => f.write_str("a later record was accepted before"),
        }
    }
}

impl std::error::Error for RecordError {}

/// Signs a record with the network key. `None` if it names more seeds than a record can, or none are known.
pub fn sign(record: &Record, cover: Cover<'_>, network_key: &SigningKey) -> Option<SignedPacket> {
    let seeds = record.seeds.as_deref()?;
    if seeds.len() > SEEDS_MAX || record.blob.is_some_and(|blob| !is_blob_len(blob.len)) {
        return None;
    }
    let discovery = network_key.verifying_key().to_bytes();
    let mut body = head(record.blob, cover);
    match cover {
        Cover::Open => body.extend(seed_list(seeds)),
        Cover::Sealed { key, nonce } => {
            let mut padded = seed_list(seeds);
            padded.resize(SEED_LIST_LEN, 0);
            let aad = bound(&discovery, &body);
            let sealed = cipher(key).encrypt(&XNonce::from(nonce), Payload { msg: &padded, aad: &aad }).ok()?;
            body.extend(nonce);
            body.extend(sealed);
        }
    }
    packet(&body, record.issued, network_key)
}

/// Verifies and decodes a record that somebody handed out.
pub fn read(packet: &SignedPacket, expected: &Expected<'_>) -> Result<Record, RecordError> {
    if packet.public_key().as_bytes() != &expected.discovery {
        return Err(RecordError::Forged);
    }
    let issued = Issued(packet.timestamp().as_u64());
    check_time(issued, expected)?;
    let encoded = packet.encoded_packet();
    let body = body_of(&encoded, packet.public_key())?;
    let (blob, sealed, rest) = read_head(&body)?;
    let seeds = if sealed { open_seeds(&body, rest, expected)? } else { Some(read_seeds(rest, false)?) };
    Ok(Record { issued, blob, seeds })
}

/// The latest good one of several answers, or why the last one was no good. `None`: there was no answer.
pub fn newest<'a>(
    packets: impl IntoIterator<Item = &'a SignedPacket>,
    expected: &Expected<'_>,
) -> Option<Result<Record, RecordError>> {
    let mut best: Option<Result<Record, RecordError>> = None;
    for packet in packets {
        match (read(packet, expected), &best) {
            (Ok(record), Some(Ok(known))) if record.issued <= known.issued => {}
            (Err(_), Some(Ok(_))) => {}
            (answer, _) => best = Some(answer),
        }
    }
    best
}

fn check_time(issued: Issued, expected: &Expected<'_>) -> Result<(), RecordError> {
    let (at, now) = (issued.unix().0, expected.now.0);
    if at > now.saturating_add(RECORD_AHEAD_S_MAX) {
        Err(RecordError::FromTheFuture)
    } else if at < now.saturating_sub(RECORD_AGE_S_MAX) {
        Err(RecordError::Expired)
    } else if issued < expected.floor {
        Err(RecordError::Superseded)
    } else {
        Ok(())
    }
}

fn packet(body: &[u8], issued: Issued, network_key: &SigningKey) -> Option<SignedPacket> {
    let text = BASE64URL_NOPAD.encode(body);
    let mut value = TXT::new();
    for part in text.as_bytes().chunks(STRING_LEN_MAX) {
        value.add_char_string(CharacterString::new(part).ok()?);
    }
    let keypair = Keypair::from_secret_key(&network_key.to_bytes());
    let name = Name::new(NAME).ok()?;
    SignedPacket::builder().txt(name, value, TTL_S).timestamp(Timestamp::from(issued.0)).sign(&keypair).ok()
}

/// The bytes inside the one TXT record of a packet.
fn body_of(encoded: &[u8], key: PublicKey) -> Result<Vec<u8>, RecordError> {
    let packet = Packet::parse(encoded).map_err(|_| RecordError::Malformed("no DNS packet"))?;
    let others = packet.questions.len() + packet.name_servers.len() + packet.additional_records.len();
    let [answer] = packet.answers.as_slice() else {
        return Err(RecordError::Malformed("not one answer"));
    };
    if others != 0 || answer.class != CLASS::IN || answer.name.to_string() != format!("{NAME}.{}", key.to_z32()) {
        return Err(RecordError::Malformed("not the record that belongs here"));
    }
    let RData::TXT(value) = &answer.rdata else {
        return Err(RecordError::Malformed("no text"));
    };
    let text = String::try_from(value.clone()).map_err(|_| RecordError::Malformed("no text"))?;
    BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| RecordError::Malformed("no base64"))
}

fn head(blob: Option<BlobRef>, cover: Cover<'_>) -> Vec<u8> {
    let blob = blob.unwrap_or(BlobRef { hash: [0; 32], len: 0 });
    let sealed = u8::from(matches!(cover, Cover::Sealed { .. }));
    [&[VERSION, sealed][..], &blob.hash, &blob.len.to_le_bytes()].concat()
}

/// The blob, whether the seeds are sealed, and the bytes that hold them.
fn read_head(body: &[u8]) -> Result<(Option<BlobRef>, bool, &[u8]), RecordError> {
    let (&version, _) = body.split_first().ok_or(RecordError::Malformed("empty"))?;
    if version != VERSION {
        return Err(RecordError::Version(version));
    }
    let (head, rest) = body.split_first_chunk::<HEAD_LEN>().ok_or(RecordError::Malformed("too short"))?;
    let [_, sealed, fields @ ..] = head;
    let sealed = match sealed {
        0 => false,
        1 => true,
        _ => return Err(RecordError::Malformed("neither open nor sealed")),
    };
    let (hash, len) = fields.split_at(32);
    let hash: [u8; 32] = hash.try_into().map_err(|_| RecordError::Malformed("too short"))?;
    let len = u32::from_le_bytes(len.try_into().map_err(|_| RecordError::Malformed("too short"))?);
    let blob = match (hash == [0; 32], len) {
        (true, 0) => None,
        (false, len) if is_blob_len(len) => Some(BlobRef { hash, len }),
        _ => return Err(RecordError::Malformed("no blob has that hash and length")),
    };
    Ok((blob, sealed, rest))
}

fn is_blob_len(len: u32) -> bool {
    len > 0 && usize::try_from(len).is_ok_and(|len| len <= BLOB_LEN_MAX)
}

fn seed_list(seeds: &[PeerId]) -> Vec<u8> {
    // In bounds: the caller counted.
    let count = u8::try_from(seeds.len()).unwrap_or(u8::MAX);
    [count].into_iter().chain(seeds.iter().flat_map(|seed| seed.0)).collect()
}

fn read_seeds(list: &[u8], padded: bool) -> Result<Vec<PeerId>, RecordError> {
    let (&count, ids) = list.split_first().ok_or(RecordError::Malformed("no seeds"))?;
    let count = usize::from(count);
    if count > SEEDS_MAX {
        return Err(RecordError::Malformed("too many seeds"));
    }
    let (ids, rest) = ids.split_at_checked(32 * count).ok_or(RecordError::Malformed("too short"))?;
    if rest.iter().any(|byte| *byte != 0) || (!rest.is_empty() && !padded) {
        return Err(RecordError::Malformed("bytes too many"));
    }
    let mut seeds = Vec::with_capacity(count);
    for id in ids.as_chunks::<32>().0 {
        if seeds.contains(&PeerId(*id)) {
            return Err(RecordError::Malformed("a seed twice"));
        }
        seeds.push(PeerId(*id));
    }
    Ok(seeds)
}

fn open_seeds(body: &[u8], rest: &[u8], expected: &Expected<'_>) -> Result<Option<Vec<PeerId>>, RecordError> {
    let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>().ok_or(RecordError::Malformed("too short"))?;
    if sealed.len() != SEED_LIST_LEN + 16 {
        return Err(RecordError::Malformed("a sealed part of another length"));
    }
    let head = body.get(..HEAD_LEN).unwrap_or_default();
    let aad = bound(&expected.discovery, head);
    let opened = expected
        .epochs
        .iter()
        .find_map(|key| cipher(key).decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: &aad }).ok());
    let Some(list) = opened else { return Ok(None) };
    read_seeds(&list, true).map(Some).map_err(|_| RecordError::BadSeal)
}

fn cipher(key: &EpochKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&blake3::derive_key(SEEDS_CONTEXT, key.as_bytes()).into())
}

/// What the seal vouches for besides the seeds: whose record it is, and all that stands open in it.
fn bound(discovery: &[u8; 32], head: &[u8]) -> Vec<u8> {
    [&discovery[..], head].concat()
}

#[cfg(test)]
mod tests;
