//! The blob: all entries of a ledger in one sealed piece, for members that find nobody to sync with.
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 1 | version, 1 |
//! | 1 | 32 | room id |
//! | 33 | 4 | number of entries, little-endian |
//! | 37 | | each: length (2, little-endian) and the entry |
//!
//! and all of it sealed with the epoch's key. The nonce is a keyed hash of the content, so that all members with the same
//! entries make the same blob, and any of them can hand out what one of them announced.

use std::fmt;

use super::{limits::BLOB_LEN_MAX, record::BlobRef};
use crate::{
    ident::RoomId,
    ledger::{
        epoch::{self, EpochKey},
        limits::{ENTRIES_MAX, ENTRY_BYTES_MAX},
    },
};

const VERSION: u8 = 1;
const HEAD_LEN: usize = 1 + 32 + 4;
const NONCE_CONTEXT: &str = "rayfish blob nonce 1";

/// A sealed ledger.
#[derive(Clone, PartialEq, Eq)]
pub struct Blob {
    bytes: Vec<u8>,
    reference: BlobRef,
}

impl Blob {
    /// What a record names it by.
    pub fn reference(&self) -> BlobRef {
        self.reference
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blob").field("reference", &self.reference).finish_non_exhaustive()
    }
}

/// Why there is no blob, or nothing in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobError {
    TooLarge,
    /// Sealed with another key, or changed.
    Sealed,
    Malformed(&'static str),
    /// A newer program made it.
    Version(u8),
    /// Of another network that has the same epoch key, which no program makes.
    OtherRoom,
}

impl fmt::Display for BlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "the ledger takes more than the {BLOB_LEN_MAX} bytes that are published"),
            Self::Sealed => f.write_str("the published ledger does not open with the epoch's key"),
            Self::Malformed(what) => write!(f, "the published ledger is malformed: {what}"),
            Self::Version(version) => {
                write!(f, "the published ledger has version {version}, and this program knows {VERSION}")
            }
            Self::OtherRoom => f.write_str("the published ledger is of another network"),
        }
    }
}

impl std::error::Error for BlobError {}

/// Seals the entries, given as their bytes in the order of the fold.
pub fn build<'a>(room: RoomId, entries: impl IntoIterator<Item = &'a [u8]>, key: &EpochKey) -> Result<Blob, BlobError> {
    let mut plain = [&[VERSION][..], &room.0, &[0; 4]].concat();
    let mut count: u32 = 0;
    for entry in entries {
        let len = u16::try_from(entry.len()).map_err(|_| BlobError::Malformed("an entry too long"))?;
        plain.extend(len.to_le_bytes());
        plain.extend(entry);
        count = count.checked_add(1).ok_or(BlobError::TooLarge)?;
        if plain.len() > BLOB_LEN_MAX {
            return Err(BlobError::TooLarge);
        }
    }
    if let Some(field) = plain.get_mut(HEAD_LEN - 4..HEAD_LEN) {
        field.copy_from_slice(&count.to_le_bytes());
    }
    let bytes = epoch::seal(key, &plain, nonce(key, &plain));
    let len = u32::try_from(bytes.len()).map_err(|_| BlobError::TooLarge)?;
    if bytes.len() > BLOB_LEN_MAX {
        return Err(BlobError::TooLarge);
    }
    let hash = *blake3::hash(&bytes).as_bytes();
    Ok(Blob { bytes, reference: BlobRef { hash, len } })
}

/// The entries in a blob, none of them verified, parents first if an honest member made it.
pub fn open(room: RoomId, sealed: &[u8], key: &EpochKey) -> Result<Vec<Vec<u8>>, BlobError> {
    if sealed.len() > BLOB_LEN_MAX {
        return Err(BlobError::TooLarge);
    }
    let plain = epoch::open(key, sealed).map_err(|_| BlobError::Sealed)?;
    let (&version, _) = plain.split_first().ok_or(BlobError::Malformed("empty"))?;
    if version != VERSION {
        return Err(BlobError::Version(version));
    }
    let (head, mut rest) = plain.split_first_chunk::<HEAD_LEN>().ok_or(BlobError::Malformed("too short"))?;
    let [_, fields @ ..] = head;
    let (of, count) = fields.split_at(32);
    if of != room.0 {
        return Err(BlobError::OtherRoom);
    }
    let count = u32::from_le_bytes(count.try_into().map_err(|_| BlobError::Malformed("too short"))?);
    let count = usize::try_from(count).map_err(|_| BlobError::TooLarge)?;
    if count > ENTRIES_MAX {
        return Err(BlobError::Malformed("more entries than a ledger has"));
    }
    let mut entries = Vec::new();
    for _ in 0..count {
        let (len, after) = rest.split_first_chunk::<2>().ok_or(BlobError::Malformed("an entry is missing"))?;
        let len = usize::from(u16::from_le_bytes(*len));
        if len > ENTRY_BYTES_MAX {
            return Err(BlobError::Malformed("an entry too long"));
        }
        let (entry, after) = after.split_at_checked(len).ok_or(BlobError::Malformed("an entry broke off"))?;
        entries.push(entry.to_vec());
        rest = after;
    }
    if rest.is_empty() { Ok(entries) } else { Err(BlobError::Malformed("bytes too many")) }
}

/// Different content never shares a nonce under one key, and nobody without the key can tell what content made it.
fn nonce(key: &EpochKey, plain: &[u8]) -> [u8; 24] {
    let hash = blake3::keyed_hash(&blake3::derive_key(NONCE_CONTEXT, key.as_bytes()), plain);
    let mut nonce = [0; 24];
    nonce.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: RoomId = RoomId([9; 32]);

    #[test]
    fn what_was_sealed_comes_out() {
        let entries: [&[u8]; 3] = [b"genesis", b"", &[7; ENTRY_BYTES_MAX]];
        let blob = build(ROOM, entries, &key(1)).unwrap();
        assert_eq!(open(ROOM, blob.bytes(), &key(1)).unwrap(), entries.map(<[u8]>::to_vec));
        assert_eq!(blob.reference().hash, *blake3::hash(blob.bytes()).as_bytes());
        assert_eq!(usize::try_from(blob.reference().len).unwrap(), blob.bytes().len());
    }

    #[test]
    fn members_with_the_same_entries_make_the_same_blob() {
        let (one, two) = (build(ROOM, [&b"a"[..]], &key(1)).unwrap(), build(ROOM, [&b"a"[..]], &key(1)).unwrap());
        assert_eq!(one.bytes(), two.bytes());
        assert_ne!(one.bytes(), build(ROOM, [&b"b"[..]], &key(1)).unwrap().bytes());
        assert_ne!(one.bytes(), build(ROOM, [&b"a"[..]], &key(2)).unwrap().bytes());
    }

    #[test]
    fn no_two_contents_and_no_two_keys_share_a_nonce() {
        assert_ne!(nonce(&key(1), b"a"), nonce(&key(1), b"b"));
        assert_ne!(nonce(&key(1), b"a"), nonce(&key(2), b"a"));
    }

    #[test]
    fn does_not_tell_how_many_entries_there_are() {
        let one = build(ROOM, [&[1; 300][..]], &key(1)).unwrap();
        let ten = build(ROOM, [&[1; 300][..]; 10], &key(1)).unwrap();
        assert_eq!(one.reference().len, ten.reference().len);
    }

    #[test]
    fn opens_with_its_own_key_and_for_its_own_network_only() {
        let blob = build(ROOM, [&b"a"[..]], &key(1)).unwrap();
        assert_eq!(open(ROOM, blob.bytes(), &key(2)), Err(BlobError::Sealed));
        assert_eq!(open(RoomId([8; 32]), blob.bytes(), &key(1)), Err(BlobError::OtherRoom));
        let mut changed = blob.bytes().to_vec();
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(open(ROOM, &changed, &key(1)), Err(BlobError::Sealed));
    }

    #[test]
    fn refuses_a_ledger_that_is_too_long_to_publish() {
        let entry = [0; 60_000];
        let entries = std::iter::repeat_n(&entry[..], BLOB_LEN_MAX / entry.len() + 1);
        assert_eq!(build(ROOM, entries, &key(1)), Err(BlobError::TooLarge));
        assert_eq!(open(ROOM, &vec![0; BLOB_LEN_MAX + 1], &key(1)), Err(BlobError::TooLarge));
    }

    #[test]
    fn refuses_what_no_honest_member_makes() {
        let head = |version: u8, count: u32| [&[version][..], &ROOM.0, &count.to_le_bytes()].concat();
        let with = |head: Vec<u8>, rest: &[u8]| [&head[..], rest].concat();
        for (plain, why) in [
            (vec![], BlobError::Malformed("empty")),
            (head(2, 0), BlobError::Version(2)),
            (head(1, 0)[..20].to_vec(), BlobError::Malformed("too short")),
            (head(1, u32::MAX), BlobError::Malformed("more entries than a ledger has")),
            (head(1, 1), BlobError::Malformed("an entry is missing")),
            (with(head(1, 1), &[2, 0, 1]), BlobError::Malformed("an entry broke off")),
            (with(head(1, 1), &[1, 8, 1]), BlobError::Malformed("an entry too long")),
            (with(head(1, 1), &[1, 0, 1, 1]), BlobError::Malformed("bytes too many")),
        ] {
            assert_eq!(open(ROOM, &epoch::seal(&key(1), &plain, [0; 24]), &key(1)), Err(why));
        }
    }

    fn key(number: u8) -> EpochKey {
        EpochKey([number; 32])
    }
}
