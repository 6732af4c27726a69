//! Replacing a file so that a crash at any moment leaves the old bytes or the new ones.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use super::StoreError;

/// Writes `bytes` to `path`, readable by us alone: temporary file beside it, sync, rename, sync of the directory.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = Path::new(&temporary);
    let fail = |cause| StoreError::io("writing", path, cause);

    // A leftover of a crash may have any mode; start from a file that never held the bytes under a laxer one.
    match fs::remove_file(temporary) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(fail(error)),
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary).map_err(fail)?;
    file.write_all(bytes).map_err(fail)?;
    file.sync_all().map_err(fail)?;
    fs::rename(temporary, path).map_err(fail)?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Makes renames and new names inside `dir` durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|cause| StoreError::io("syncing", dir, cause))
}
