//! Replaces the list of resolvers: a copy beside it that takes its place, or, where it cannot be replaced, in place.

use std::{
    fs::{self, File, Metadata},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use nix::{errno::Errno, libc::O_NOFOLLOW};

use super::place::{Listed, Place};
use crate::crash::crash_point;

/// The copy, in the directory of the file. Nobody else has a use for this name.
pub const COPY_NAME: &str = ".resolv.conf.rayfish";
/// Where the list is read by everybody, as the C library needs it.
const MODE: u32 = 0o644;

/// What became of a replacement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    Done,
    /// Somebody has written the file since it was read. Nothing was changed.
    Outrun,
}

/// Writes `text` where `former` was read; `None` removes the file.
pub fn replace(place: &Place, former: Option<&Listed>, text: Option<&[u8]>) -> io::Result<Written> {
    let Some(text) = text else {
        if !is_as_read(place, former)? {
            return Ok(Written::Outrun);
        }
        fs::remove_file(&place.path)?;
        sync_directory(place.directory())?;
        return Ok(Written::Done);
    };
    // A group of its own could not be given to the copy: that takes a right that this program does not have.
    if former.is_some_and(|listed| listed.metadata.gid() != 0) {
        return in_place(place, former, text);
    }
    match by_copy(place, former, text) {
        // The file is a mount of its own, as in a container, or its directory is read-only.
        Err(error) if is_of_the_directory(&error) && former.is_some() => in_place(place, former, text),
        other => other,
    }
}

/// Removes a copy that a crash has left.
pub fn sweep(directory: &Path) {
    let copy = copy_in(directory);
    if fs::symlink_metadata(&copy).is_ok() {
        let _ = fs::remove_file(copy);
    }
}

fn by_copy(place: &Place, former: Option<&Listed>, text: &[u8]) -> io::Result<Written> {
    let copy = copy_in(place.directory());
    sweep(place.directory());
    let outcome = fill(&copy, former.map(|listed| &listed.metadata), text).and_then(|()| {
        if !is_as_read(place, former)? {
            return Ok(Written::Outrun);
        }
        fs::rename(&copy, &place.path)?;
        crash_point("write-after-rename");
        Ok(Written::Done)
    });
    if !matches!(outcome, Ok(Written::Done)) {
        sweep(place.directory());
        return outcome;
    }
    sync_directory(place.directory())?;
    outcome
}

fn fill(copy: &Path, former: Option<&Metadata>, text: &[u8]) -> io::Result<()> {
    let mode = former.map_or(MODE, |metadata| metadata.mode() & 0o777);
    let mut file = File::options().write(true).create_new(true).custom_flags(O_NOFOLLOW).mode(mode).open(copy)?;
    crash_point("write-after-temp");
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(text)?;
    file.sync_all()?;
    crash_point("write-after-sync");
    Ok(())
}

/// Written over, then cut: at no moment is the file empty.
fn in_place(place: &Place, former: Option<&Listed>, text: &[u8]) -> io::Result<Written> {
    if !is_as_read(place, former)? {
        return Ok(Written::Outrun);
    }
    let mut file = File::options().write(true).custom_flags(O_NOFOLLOW).open(&place.path)?;
    file.write_all(text)?;
    crash_point("edit-after-write");
    file.set_len(text.len() as u64)?;
    file.sync_all()?;
    Ok(Written::Done)
}

/// Whether the file is still the one that was read. Between this look and the change a writer can still slip in; its
/// version comes back with its next one.
fn is_as_read(place: &Place, former: Option<&Listed>) -> io::Result<bool> {
    let found = place.read()?;
    Ok(match (found, former) {
        (None, None) => true,
        (Some(found), Some(former)) => found.text == former.text && found.metadata.ino() == former.metadata.ino(),
        (Some(_), None) | (None, Some(_)) => false,
    })
}

fn is_of_the_directory(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EBUSY | Errno::EROFS | Errno::EXDEV | Errno::EACCES | Errno::EPERM))
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    match File::open(directory)?.sync_all() {
        // Some file systems of the kernel's own memory have nothing to write.
        Err(error) if error.raw_os_error() == Some(Errno::EINVAL as i32) => Ok(()),
        other => other,
    }
}

fn copy_in(directory: &Path) -> PathBuf {
    directory.join(COPY_NAME)
}
