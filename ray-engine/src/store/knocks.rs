//! Who asks to be let in: the requests that this node has heard, and its own.

use std::path::Path;

use bincode::{Decode, Encode};

use super::{StoreError, records};
use crate::{
    ident::{Hostname, PeerId, UnixTime},
    ledger::EntryId,
};

/// A node that asks to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Knock {
    pub peer: PeerId,
    /// The name that it wishes to have.
    pub hostname: Hostname,
    /// The entry by which it left before.
    pub after: Option<EntryId>,
    /// The first time that it asked.
    pub asked_at: UnixTime,
    /// Its signature over the wish.
    pub consent: [u8; 64],
}

/// The requests of one network, and the denials that are remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Knocks {
    /// The oldest first.
    pub asked: Vec<Knock>,
    /// Who was denied, and when.
    pub denied: Vec<(PeerId, UnixTime)>,
}

/// This node's own request to be let into a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joining {
    pub hostname: Hostname,
    pub asked_at: UnixTime,
}

#[derive(Encode, Decode)]
struct KnocksRecord {
    asked: Vec<KnockRecord>,
    denied: Vec<([u8; 32], u64)>,
}

#[derive(Encode, Decode)]
struct KnockRecord {
    peer: [u8; 32],
    hostname: String,
    after: Option<[u8; 32]>,
    asked_at: u64,
    consent: [u8; 64],
}

#[derive(Encode, Decode)]
struct JoiningRecord {
    hostname: String,
    asked_at: u64,
}

pub(super) fn load(path: &Path) -> Result<Knocks, StoreError> {
    let Some(record) = records::load::<KnocksRecord>(path)? else { return Ok(Knocks::default()) };
    let asked = record.asked.into_iter().filter_map(|knock| {
        Some(Knock {
            peer: PeerId(knock.peer),
            hostname: knock.hostname.parse().ok()?,
            after: knock.after.map(EntryId),
            asked_at: UnixTime(knock.asked_at),
            consent: knock.consent,
        })
    });
    let denied = record.denied.into_iter().map(|(peer, at)| (PeerId(peer), UnixTime(at)));
    Ok(Knocks { asked: asked.collect(), denied: denied.collect() })
}

pub(super) fn save(path: &Path, knocks: &Knocks) -> Result<(), StoreError> {
    let asked = knocks.asked.iter().map(|knock| KnockRecord {
        peer: knock.peer.0,
        hostname: knock.hostname.to_string(),
        after: knock.after.map(|id| id.0),
        asked_at: knock.asked_at.0,
        consent: knock.consent,
    });
    let denied = knocks.denied.iter().map(|(peer, at)| (peer.0, at.0));
    records::save(path, &KnocksRecord { asked: asked.collect(), denied: denied.collect() })
}

pub(super) fn load_joining(path: &Path) -> Result<Option<Joining>, StoreError> {
    let record = records::load::<JoiningRecord>(path)?;
    Ok(record.and_then(|record| {
        Some(Joining { hostname: record.hostname.parse().ok()?, asked_at: UnixTime(record.asked_at) })
    }))
}

pub(super) fn save_joining(path: &Path, joining: &Joining) -> Result<(), StoreError> {
    let Joining { hostname, asked_at } = joining;
    records::save(path, &JoiningRecord { hostname: hostname.to_string(), asked_at: asked_at.0 })
}
