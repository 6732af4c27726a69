//! The ledger of one network on disk: entries one after the other, each with a little-endian `u16` length before it.
//!
//! An append is synced before it returns. A crash in the middle of one leaves a torn tail, which the next open cuts off;
//! nothing that was acknowledged is in it. Damage further up costs the entries that it hit: every entry has the room id
//! after its first byte, so that the next one is found even where a length is wrong.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::{StoreError, atomic, crash_point};
use crate::ident::RoomId;

const LENGTH: usize = 2;
/// From the start of a frame to the room id of its entry: length and version.
const TO_ROOM: usize = LENGTH + 1;
/// From the start of a frame to the end of the room id.
const HEAD: usize = TO_ROOM + 32;
/// A ledger beyond this is not ours; it would be read into memory whole.
const FILE_MAX: u64 = 256 * 1024 * 1024;

/// An open ledger file, positioned at its end.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
    len: u64,
}

/// What a ledger file holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Logged {
    /// Bytes that may be entries; whoever verifies them finds out.
    pub entries: Vec<Vec<u8>>,
    /// Frames do not follow each other as they were written.
    pub displaced: bool,
}

impl LogFile {
    /// Writes a complete file with these entries.
    pub(super) fn make(path: &Path, entries: &[&[u8]]) -> Result<(), StoreError> {
        let mut bytes = Vec::new();
        for entry in entries {
            bytes.extend_from_slice(&framed(entry, path)?);
        }
        atomic::write(path, &bytes)
    }

    /// Opens a file and returns what is in it.
    pub(super) fn open(path: &Path, room: RoomId) -> Result<(Self, Logged), StoreError> {
        let fail = |cause| StoreError::io("reading", path, cause);
        let mut file = OpenOptions::new().read(true).write(true).mode(0o600).open(path).map_err(fail)?;
        let mut bytes = Vec::new();
        if file.metadata().map_err(fail)?.len() > FILE_MAX {
            return Err(fail(io::ErrorKind::FileTooLarge.into()));
        }
        file.read_to_end(&mut bytes).map_err(fail)?;

        let (logged, whole) = split(&bytes, &room);
        if whole < bytes.len() {
            tracing::warn!(path = %path.display(), bytes = bytes.len() - whole, "cutting off an unfinished append");
            file.set_len(whole as u64).map_err(fail)?;
            file.sync_all().map_err(fail)?;
        }
        file.seek(SeekFrom::End(0)).map_err(fail)?;
        Ok((Self { path: path.to_owned(), file, len: whole as u64 }, logged))
    }

    /// Appends entries; they are durable when this returns. On an error the file is as before.
    pub fn append(&mut self, entries: &[&[u8]]) -> Result<(), StoreError> {
        let mut bytes = Vec::new();
        for entry in entries {
            bytes.extend_from_slice(&framed(entry, &self.path)?);
        }
        crash_point("append-before-write");
        let written = write(&mut self.file, &bytes).and_then(|()| {
            crash_point("append-before-sync");
            self.file.sync_data()
        });
        match written {
            Ok(()) => {
                crash_point("append-after-sync");
                self.len += bytes.len() as u64;
                Ok(())
            }
            Err(cause) => {
                // A full disk may have taken half of it; what follows must not be glued to that half.
                let restored = self.file.set_len(self.len).and_then(|()| self.file.seek(SeekFrom::End(0)));
                if let Err(error) = restored {
                    tracing::error!(path = %self.path.display(), %error, "cutting off a failed append");
                }
                Err(StoreError::io("appending to", &self.path, cause))
            }
        }
    }
}

fn write(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    // In two parts where a test may want to die between them.
    let (first, second) = bytes.split_at(if cfg!(debug_assertions) { bytes.len() / 2 } else { 0 });
    file.write_all(first)?;
    crash_point("append-half-written");
    file.write_all(second)
}

fn framed(entry: &[u8], path: &Path) -> Result<Vec<u8>, StoreError> {
    let len = u16::try_from(entry.len())
        .map_err(|_| StoreError::io("appending to", path, io::ErrorKind::InvalidInput.into()))?;
    let mut frame = Vec::with_capacity(LENGTH + entry.len());
    frame.extend_from_slice(&len.to_le_bytes());
    frame.extend_from_slice(entry);
    Ok(frame)
}

/// What `bytes` hold, and where the unfinished append at their end begins.
fn split(bytes: &[u8], room: &RoomId) -> (Logged, usize) {
    let (mut entries, mut displaced, mut rest) = (Vec::new(), false, bytes);
    while !rest.is_empty() {
        let by_length = body(rest);
        let after = by_length.and_then(|body| rest.get(LENGTH + body.len()..));
        if let (Some(body), Some(after)) = (by_length, after)
            && begins_frame(after, room)
        {
            entries.push(body.to_vec());
            rest = after;
            continue;
        }
        // The length is wrong, or the head of what follows: both readings are offered, and at most one verifies.
        entries.extend(by_length.map(<[u8]>::to_vec));
        let Some((damaged, after)) = next_frame(rest, room).and_then(|at| rest.split_at_checked(at)) else {
            // Nothing that is an entry follows: a frame whose head is damaged, or an unfinished append.
            match after {
                Some(after) => rest = after,
                None => break,
            }
            continue;
        };
        entries.extend(damaged.get(LENGTH..).map(<[u8]>::to_vec));
        displaced = true;
        rest = after;
    }
    (Logged { entries, displaced }, bytes.len() - rest.len())
}

/// The entry that the length at the start of `frame` delimits. Nothing shorter than a version and a room id is one.
fn body(frame: &[u8]) -> Option<&[u8]> {
    let (length, rest) = frame.split_first_chunk::<LENGTH>()?;
    let length = usize::from(u16::from_le_bytes(*length));
    if length < HEAD - LENGTH { None } else { rest.get(..length) }
}

/// Whether this may be the start of a frame. What is too short to tell may be a torn one.
fn begins_frame(bytes: &[u8], room: &RoomId) -> bool {
    bytes.get(TO_ROOM..HEAD).is_none_or(|found| found == room.0)
}

/// Where the frame after the one at the start of `bytes` begins, by its room id.
fn next_frame(bytes: &[u8], room: &RoomId) -> Option<usize> {
    let from = HEAD;
    let found = bytes.get(from..)?.windows(room.0.len()).position(|window| window == room.0)?;
    (from + found).checked_sub(TO_ROOM)
}
