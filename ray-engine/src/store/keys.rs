//! Keys of a network on disk: records of one size, readable by us alone.

use std::path::Path;

use super::{StoreError, atomic};
use crate::ledger::EntryId;

const KEY: usize = 32;
const EPOCH: usize = 64;
/// Far above what is kept.
const BYTES_MAX: u64 = 64 * 1024;

pub(super) fn load(path: &Path) -> Result<Vec<[u8; KEY]>, StoreError> {
    records(path)
}

pub(super) fn save(path: &Path, keys: &[[u8; KEY]]) -> Result<(), StoreError> {
    atomic::write(path, keys.as_flattened())
}

pub(super) fn load_epochs(path: &Path) -> Result<Vec<(EntryId, [u8; KEY])>, StoreError> {
    let records: Vec<[u8; EPOCH]> = records(path)?;
    let split = records.iter().filter_map(|record| {
        let (id, key) = record.split_first_chunk::<KEY>()?;
        Some((EntryId(*id), *key.first_chunk::<KEY>()?))
    });
    Ok(split.collect())
}

pub(super) fn save_epochs(path: &Path, epochs: &[(EntryId, [u8; KEY])]) -> Result<(), StoreError> {
    let bytes: Vec<u8> = epochs.iter().flat_map(|(id, key)| [id.0, *key].concat()).collect();
    atomic::write(path, &bytes)
}

/// Whole records only: a key that was cut short opens nothing and is asked for again.
fn records<const N: usize>(path: &Path) -> Result<Vec<[u8; N]>, StoreError> {
    Ok(atomic::read(path, BYTES_MAX)?.unwrap_or_default().as_chunks::<N>().0.to_vec())
}
