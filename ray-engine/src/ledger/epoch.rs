//! The keys of epochs: encrypting what is published, and handing a key to one member.
//!
//! A *sealed blob* can be read by whoever has the epoch's key, and its size is that of its class:
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 1 | version, 1 |
//! | 1 | 24 | nonce |
//! | 25 | … | XChaCha20-Poly1305 of: length (8, little-endian), plaintext, zeros up to the class |
//! | … | 16 | its tag, which covers the version too |
//!
//! A *wrapped key* can be read by one member, whose ed25519 key serves as its X25519 key:
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 32 | ephemeral X25519 public key |
//! | 32 | 32 | the key, encrypted by XChaCha20-Poly1305 with nonce zero under a key that is used once |
//! | 64 | 16 | tag |
//!
//! That key is BLAKE3 (`derive_key`) of shared secret, ephemeral key, member, room, one byte for the kind of
//! key (1 epoch, 2 network) and its name: the id of the entry that began the epoch, or the network key's public half.
//!
//! Nonces and ephemeral secrets come in as values. That one key both signs and agrees on secrets weakens neither use
//! (<https://eprint.iacr.org/2021/509>).

use std::{error::Error, fmt};

use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};
use curve25519_dalek::montgomery::MontgomeryPoint;
use ed25519_dalek::{SigningKey, VerifyingKey};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::entry::EntryId;
use crate::ident::{PeerId, RoomId};

pub const NONCE_BYTES: usize = 24;
/// Ephemeral key, encrypted key, tag.
pub const WRAPPED_BYTES: usize = 32 + 32 + TAG_BYTES;
/// What a sealed blob has besides its plaintext and padding.
pub const SEAL_OVERHEAD: usize = HEAD_BYTES + LENGTH_BYTES + TAG_BYTES;

const VERSION: u8 = 1;
const TAG_BYTES: usize = 16;
const HEAD_BYTES: usize = 1 + NONCE_BYTES;
const LENGTH_BYTES: usize = size_of::<u64>();

/// Below the smallest class nothing can be told apart; a network of a few members fits it.
const CLASS_MIN: usize = 4 * 1024;
/// Up to here each class is twice the one before. Above, where doubling would waste most, eight classes share one.
const CLASS_DOUBLING_MAX: usize = 64 * 1024;
const CLASSES_PER_DOUBLING: usize = 8;

const COMMITMENT_CONTEXT: &str = "rayfish epoch commitment 1";
const SEAL_CONTEXT: &str = "rayfish epoch seal 1";
const WRAP_CONTEXT: &str = "rayfish key wrap 1";

const _: () = assert!(CLASS_MIN.is_power_of_two() && CLASS_DOUBLING_MAX.is_power_of_two());
const _: () = assert!(SEAL_OVERHEAD < CLASS_MIN);

/// The key of an epoch. Overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct EpochKey(pub [u8; 32]);

impl EpochKey {
    /// What the entry that begins the epoch says of its key. Shows nothing of the key and fits no other.
    pub fn commitment(&self) -> [u8; 32] {
        blake3::derive_key(COMMITMENT_CONTEXT, &self.0)
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for EpochKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EpochKey(..)")
    }
}

/// Encrypts for whoever has the key. One nonce must not serve two plaintexts.
pub fn seal(key: &EpochKey, plaintext: &[u8], nonce: [u8; NONCE_BYTES]) -> Vec<u8> {
    let mut blob = Vec::with_capacity(sealed_len(plaintext.len()));
    blob.push(VERSION);
    blob.extend_from_slice(&nonce);
    blob.extend_from_slice(&u64::try_from(plaintext.len()).unwrap_or(u64::MAX).to_le_bytes());
    blob.extend_from_slice(plaintext);
    blob.resize(sealed_len(plaintext.len()).saturating_sub(TAG_BYTES), 0);
    let (_, body) = blob.split_at_mut(HEAD_BYTES);
    let Ok(tag) = sealer(key).encrypt_inout_detached(&nonce.into(), &[VERSION], body.into()) else {
        // The cipher ends at 256 GiB, which no plaintext in memory has. Nothing opens nothing.
        return Vec::new();
    };
    blob.extend_from_slice(&tag);
    blob
}

/// The plaintext of a sealed blob.
pub fn open(key: &EpochKey, blob: &[u8]) -> Result<Vec<u8>, SealError> {
    let (&version, _) = blob.split_first().ok_or(SealError::Size)?;
    if version != VERSION {
        return Err(SealError::Version(version));
    }
    if blob.len() != class(blob.len()) {
        return Err(SealError::Size);
    }
    let (head, rest) = blob.split_first_chunk::<HEAD_BYTES>().ok_or(SealError::Size)?;
    let (body, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or(SealError::Size)?;
    let [_, nonce @ ..] = *head;
    let mut body = body.to_vec();
    sealer(key)
        .decrypt_inout_detached(&nonce.into(), &[version], body.as_mut_slice().into(), &(*tag).into())
        .map_err(|_| SealError::Key)?;
    let (length, padded) = body.split_first_chunk::<LENGTH_BYTES>().ok_or(SealError::Size)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| SealError::Size)?;
    padded.get(..length).map(<[u8]>::to_vec).ok_or(SealError::Size)
}

/// The size of the blob that a plaintext of this size becomes.
pub fn sealed_len(plaintext: usize) -> usize {
    class(plaintext.saturating_add(SEAL_OVERHEAD))
}

/// Why bytes are not a blob that was sealed with this key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealError {
    Version(u8),
    Size,
    Key,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Version(version) => return write!(f, "the sealed blob has the unknown version {version}"),
            Self::Size => "the sealed blob has no valid size",
            Self::Key => "the sealed blob was made with another key or changed",
        })
    }
}

impl Error for SealError {}

/// Encrypts the key of the epoch that the entry `epoch` began, for one member. `ephemeral` is random and used once.
/// `None`: the member's id is no key that a secret can be shared with.
pub fn wrap(
    room: &RoomId,
    epoch: &EntryId,
    member: &PeerId,
    key: &EpochKey,
    ephemeral: [u8; 32],
) -> Option<[u8; WRAPPED_BYTES]> {
    wrap_bytes(&Label { room, kind: Kind::Epoch, name: &epoch.0 }, member, &key.0, ephemeral)
}

/// The key that another member wrapped for us. Whether it is the epoch's key is for its commitment to say.
pub fn unwrap(room: &RoomId, epoch: &EntryId, own: &SigningKey, wrapped: &[u8]) -> Option<EpochKey> {
    let key = unwrap_bytes(&Label { room, kind: Kind::Epoch, name: &epoch.0 }, own, wrapped)?;
    Some(EpochKey(*key))
}

/// As [`wrap`], for the key that signs the discovery record.
pub fn wrap_network_key(
    room: &RoomId,
    member: &PeerId,
    key: &SigningKey,
    ephemeral: [u8; 32],
) -> Option<[u8; WRAPPED_BYTES]> {
    let name = key.verifying_key().to_bytes();
    wrap_bytes(&Label { room, kind: Kind::Network, name: &name }, member, key.as_bytes(), ephemeral)
}

/// The network key that another member wrapped for us, if it is the one with this public half.
pub fn unwrap_network_key(room: &RoomId, discovery: &[u8; 32], own: &SigningKey, wrapped: &[u8]) -> Option<SigningKey> {
    let key = unwrap_bytes(&Label { room, kind: Kind::Network, name: discovery }, own, wrapped)?;
    let key = SigningKey::from_bytes(&key);
    (key.verifying_key().to_bytes() == *discovery).then_some(key)
}

/// What a wrapped key is: it serves as nothing else.
struct Label<'a> {
    room: &'a RoomId,
    kind: Kind,
    name: &'a [u8; 32],
}

enum Kind {
    Epoch,
    Network,
}

fn wrap_bytes(label: &Label<'_>, member: &PeerId, key: &[u8; 32], ephemeral: [u8; 32]) -> Option<[u8; WRAPPED_BYTES]> {
    let ephemeral = Zeroizing::new(ephemeral);
    let theirs = VerifyingKey::from_bytes(&member.0).ok()?.to_montgomery();
    let public = MontgomeryPoint::mul_base_clamped(*ephemeral);
    let shared = agree(theirs, &ephemeral)?;
    let cipher = wrapper(label, member, &public, &shared);
    let mut body = *key;
    let tag = cipher.encrypt_inout_detached(&Default::default(), &[], body.as_mut_slice().into()).ok()?;
    let mut wrapped = [0; WRAPPED_BYTES];
    let (head, rest) = wrapped.split_at_mut(32);
    let (middle, end) = rest.split_at_mut(32);
    head.copy_from_slice(public.as_bytes());
    middle.copy_from_slice(&body);
    end.copy_from_slice(&tag);
    Some(wrapped)
}

fn unwrap_bytes(label: &Label<'_>, own: &SigningKey, wrapped: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let (public, rest) = wrapped.split_first_chunk::<32>()?;
    let (body, tag) = rest.split_first_chunk::<32>()?;
    let tag: [u8; TAG_BYTES] = tag.try_into().ok()?;
    let public = MontgomeryPoint(*public);
    let secret = Zeroizing::new(own.to_scalar_bytes());
    let shared = agree(public, &secret)?;
    let cipher = wrapper(label, &PeerId(own.verifying_key().to_bytes()), &public, &shared);
    let mut key = Zeroizing::new(*body);
    cipher.decrypt_inout_detached(&Default::default(), &[], key.as_mut_slice().into(), &tag.into()).ok()?;
    Some(key)
}

/// The X25519 secret. All zero, which everybody knows, when the point is of low order: refused.
fn agree(point: MontgomeryPoint, secret: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
    let shared = Zeroizing::new(point.mul_clamped(*secret).to_bytes());
    // In one pass over all bytes: the time it takes tells nothing.
    (shared.iter().fold(0, |bits, byte| bits | byte) != 0).then_some(shared)
}

fn wrapper(label: &Label<'_>, member: &PeerId, public: &MontgomeryPoint, shared: &[u8; 32]) -> XChaCha20Poly1305 {
    let mut hasher = blake3::Hasher::new_derive_key(WRAP_CONTEXT);
    for part in [shared, public.as_bytes(), &member.0, &label.room.0] {
        hasher.update(part);
    }
    let kind = match label.kind {
        Kind::Epoch => 1,
        Kind::Network => 2,
    };
    hasher.update(&[kind]);
    hasher.update(label.name);
    let key = Zeroizing::new(*hasher.finalize().as_bytes());
    XChaCha20Poly1305::new(&(*key).into())
}

fn sealer(key: &EpochKey) -> XChaCha20Poly1305 {
    let key = Zeroizing::new(blake3::derive_key(SEAL_CONTEXT, &key.0));
    XChaCha20Poly1305::new(&(*key).into())
}

/// The smallest class that holds so many bytes.
fn class(bytes: usize) -> usize {
    if bytes <= CLASS_DOUBLING_MAX {
        return bytes.max(CLASS_MIN).next_power_of_two();
    }
    let below = 1usize << (bytes - 1).ilog2();
    bytes.checked_next_multiple_of(below / CLASSES_PER_DOUBLING).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
