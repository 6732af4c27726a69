//! What was set while the engine ran, in words: a line `key = value` each. What they mean, and whether they may count, is
//! judged where they are used.

use std::{io, path::Path};

use super::{StoreError, atomic};

const FILE: &str = "config";
/// A few keys with short values; a longer file is not ours.
const BYTES_MAX: u64 = 4096;
const IS: &str = " = ";

/// Keys with their values.
pub(super) fn load(root: &Path) -> Result<Vec<(String, String)>, StoreError> {
    let path = root.join(FILE);
    let Some(bytes) = atomic::read(&path, BYTES_MAX)? else { return Ok(Vec::new()) };
    let lines = std::str::from_utf8(&bytes).ok().and_then(read);
    lines.ok_or_else(|| StoreError::io("reading", &path, io::ErrorKind::InvalidData.into()))
}

pub(super) fn save(root: &Path, settings: &[(&str, String)]) -> Result<(), StoreError> {
    let text: String = settings.iter().map(|(key, value)| format!("{key}{IS}{value}\n")).collect();
    atomic::write(&root.join(FILE), text.as_bytes())
}

fn read(text: &str) -> Option<Vec<(String, String)>> {
    let pair = |line: &str| line.split_once(IS).map(|(key, value)| (key.to_owned(), value.to_owned()));
    text.lines().map(pair).collect()
}
