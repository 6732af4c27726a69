//! Replacing a file so that a crash at any moment leaves the old bytes or the new ones.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use super::{StoreError, crash_point};

/// Writes `bytes` to `path`, readable by us alone: temporary file beside it, sync, rename, sync of the directory.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = Path::new(&temporary);
    let fail = |cause| StoreError::io("writing", path, cause);

    crash_point("replace-before-temporary");
    // A leftover of a crash may have any mode; start from a file that never held the bytes under a laxer one.
    match fs::remove_file(temporary) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(fail(error)),
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary).map_err(fail)?;
    file.write_all(bytes).map_err(fail)?;
    file.sync_all().map_err(fail)?;
    crash_point("replace-after-temporary");
    fs::rename(temporary, path).map_err(fail)?;
    crash_point("replace-after-rename");
    path.parent().map_or(Ok(()), sync_dir)
}

/// Removes a file for good; one that is not there is gone already.
pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Ok(()) => path.parent().map_or(Ok(()), sync_dir),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StoreError::io("removing", path, error)),
    }
}

/// The bytes of a file of at most `max` bytes, if there is one.
pub(super) fn read(path: &Path, max: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let fail = |cause| StoreError::io("reading", path, cause);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fail(error)),
    };
    let mut bytes = Vec::new();
    file.take(max.saturating_add(1)).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > max {
        return Err(fail(io::ErrorKind::FileTooLarge.into()));
    }
    Ok(Some(bytes))
}

/// Makes renames and new names inside `dir` durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|cause| StoreError::io("syncing", dir, cause))
}
