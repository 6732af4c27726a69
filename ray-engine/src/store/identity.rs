//! The node's secret key on disk.

use std::{fs, io, path::Path};

use super::{StoreError, atomic};

const FILE: &str = "identity.key";

/// Reads the key, or makes one where there is none. A damaged file is an error: a silent new identity would lose every
/// membership.
pub(super) fn load_or_make(root: &Path, make: impl FnOnce() -> [u8; 32]) -> Result<[u8; 32], StoreError> {
    let path = root.join(FILE);
    match fs::read(&path) {
        Ok(bytes) => bytes.try_into().map_err(|bytes: Vec<u8>| StoreError::NotAKey { path, len: bytes.len() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = make();
            atomic::write(&path, &key)?;
            Ok(key)
        }
        Err(error) => Err(StoreError::io("reading", &path, error)),
    }
}
