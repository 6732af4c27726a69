//! Reads fields off the front of bytes, none of which is trusted.

use super::super::entry::{EntryError, EntryId};
use crate::ident::Hostname;

pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// How many bytes were not read yet.
    pub(super) fn rest(&self) -> usize {
        self.0.len()
    }

    pub(super) fn slice(&mut self, count: usize) -> Result<&'a [u8], EntryError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(EntryError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], EntryError> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(EntryError::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, EntryError> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, EntryError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, EntryError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, EntryError> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, EntryError> {
        let size = usize::from(self.u8()?);
        std::str::from_utf8(self.slice(size)?).map_err(|_| EntryError::Text)
    }

    pub(super) fn hostname(&mut self) -> Result<Hostname, EntryError> {
        self.text()?.parse().map_err(EntryError::Name)
    }

    pub(super) fn optional_hostname(&mut self) -> Result<Option<Hostname>, EntryError> {
        match self.text()? {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(EntryError::Name),
        }
    }

    /// Zeros stand for no entry.
    pub(super) fn after(&mut self) -> Result<Option<EntryId>, EntryError> {
        let id: [u8; 32] = self.array()?;
        Ok((id != [0; 32]).then_some(EntryId(id)))
    }

    pub(super) fn end(&self) -> Result<(), EntryError> {
        if self.0.is_empty() { Ok(()) } else { Err(EntryError::TrailingBytes) }
    }
}
