//! Names that this host gives to members for itself: a line `name = <endpoint id>@<room id>` each.

use std::{io, path::Path};

use super::{StoreError, atomic};
use crate::ident::{Hostname, PeerId, RoomId};

const FILE: &str = "aliases";
/// Room for as many as there may be, each of full length.
const BYTES_MAX: u64 = 64 * 1024;
const IS: &str = " = ";
const IN: char = '@';

/// A name of this host's own. The member is meant by its id: another that takes its host name does not get its alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasRecord {
    pub name: Hostname,
    pub peer: PeerId,
    pub room: RoomId,
}

pub(super) fn load(root: &Path) -> Result<Vec<AliasRecord>, StoreError> {
    let path = root.join(FILE);
    let Some(bytes) = atomic::read(&path, BYTES_MAX)? else { return Ok(Vec::new()) };
    let records = std::str::from_utf8(&bytes).ok().and_then(|text| text.lines().map(read).collect());
    records.ok_or_else(|| StoreError::io("reading", &path, io::ErrorKind::InvalidData.into()))
}

pub(super) fn save(root: &Path, aliases: &[AliasRecord]) -> Result<(), StoreError> {
    let line = |AliasRecord { name, peer, room }: &AliasRecord| format!("{name}{IS}{peer}{IN}{room}\n");
    let text: String = aliases.iter().map(line).collect();
    atomic::write(&root.join(FILE), text.as_bytes())
}

fn read(line: &str) -> Option<AliasRecord> {
    let (name, target) = line.split_once(IS)?;
    let (peer, room) = target.split_once(IN)?;
    Some(AliasRecord { name: name.parse().ok()?, peer: peer.parse().ok()?, room: room.parse().ok()? })
}
