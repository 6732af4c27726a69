//! Small files that hold one record: encoded on replacing, decoded on reading. A damaged one counts as absent: what they
//! hold is asked again, counted again or pulled again.

use std::path::Path;

use bincode::{Decode, Encode};
use ray_ipc::codec;

use super::{StoreError, atomic};

/// Room for the fullest record: 256 requests and as many denials.
const BYTES_MAX: usize = 512 * 1024;

pub(super) fn load<T: Decode<()>>(path: &Path) -> Result<Option<T>, StoreError> {
    let Some(bytes) = atomic::read(path, BYTES_MAX as u64)? else { return Ok(None) };
    match codec::decode::<BYTES_MAX, T>(&bytes) {
        Ok(record) => Ok(Some(record)),
        Err(error) => {
            tracing::error!(path = %path.display(), %error, "going on without a damaged file");
            Ok(None)
        }
    }
}

pub(super) fn save<T: Encode>(path: &Path, record: &T) -> Result<(), StoreError> {
    let bytes = codec::encode::<BYTES_MAX, T>(record)
        .map_err(|_| StoreError::io("writing", path, std::io::ErrorKind::InvalidInput.into()))?;
    atomic::write(path, &bytes)
}
