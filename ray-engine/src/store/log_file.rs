//! The ledger of one network on disk: entries one after the other, each with a little-endian `u16` length before it.
//!
//! An append is synced before it returns. A crash in the middle of one leaves a torn tail, which the next open cuts off;
//! nothing that was acknowledged is in it.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::{StoreError, atomic};

const LENGTH: usize = 2;
/// A ledger beyond this is not ours; it would be read into memory whole.
const FILE_MAX: u64 = 256 * 1024 * 1024;

/// An open ledger file, positioned at its end.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
    len: u64,
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

    /// Opens a file and returns the entries in it.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<Vec<u8>>), StoreError> {
        let fail = |cause| StoreError::io("reading", path, cause);
        let mut file = OpenOptions::new().read(true).write(true).mode(0o600).open(path).map_err(fail)?;
        let mut bytes = Vec::new();
        if file.metadata().map_err(fail)?.len() > FILE_MAX {
            return Err(fail(std::io::ErrorKind::FileTooLarge.into()));
        }
        file.read_to_end(&mut bytes).map_err(fail)?;

        let (entries, whole) = split(&bytes);
        if whole < bytes.len() {
            tracing::warn!(path = %path.display(), bytes = bytes.len() - whole, "cutting off an unfinished append");
            file.set_len(whole as u64).map_err(fail)?;
            file.sync_all().map_err(fail)?;
        }
        file.seek(SeekFrom::End(0)).map_err(fail)?;
        Ok((Self { path: path.to_owned(), file, len: whole as u64 }, entries))
    }

    /// Appends entries; they are durable when this returns. On an error the file is as before.
    pub fn append(&mut self, entries: &[&[u8]]) -> Result<(), StoreError> {
        let mut bytes = Vec::new();
        for entry in entries {
            bytes.extend_from_slice(&framed(entry, &self.path)?);
        }
        let written = self.file.write_all(&bytes).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => {
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

fn framed(entry: &[u8], path: &Path) -> Result<Vec<u8>, StoreError> {
    let len = u16::try_from(entry.len())
        .map_err(|_| StoreError::io("appending to", path, std::io::ErrorKind::InvalidInput.into()))?;
    let mut frame = Vec::with_capacity(LENGTH + entry.len());
    frame.extend_from_slice(&len.to_le_bytes());
    frame.extend_from_slice(entry);
    Ok(frame)
}

/// The whole entries at the start of `bytes`, and how many bytes they take.
fn split(bytes: &[u8]) -> (Vec<Vec<u8>>, usize) {
    let (mut entries, mut rest) = (Vec::new(), bytes);
    while let Some((head, tail)) = rest.split_first_chunk::<LENGTH>() {
        let Some((entry, tail)) = tail.split_at_checked(usize::from(u16::from_le_bytes(*head))) else { break };
        entries.push(entry.to_vec());
        rest = tail;
    }
    (entries, bytes.len() - rest.len())
}
