//! Reads what a network publishes, as whoever holds a key: the record, from the lab's pkarr server, and the blob, from a
//! member.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use data_encoding::HEXLOWER;
use iroh::EndpointAddr;
use ray_engine::{
    ident::{RoomId, UnixTime},
    publish::{self, ALPN, Announcer, BlobRef, Expected, Issued, Places, Record},
};
use serde::Serialize;

use super::{
    ToolError,
    endpoint::{self, endpoint_id, read_key},
};

/// A whole fetch, with finding the member.
const FETCH: Duration = Duration::from_secs(15);

/// What a record shows to whoever has no key of the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Published {
    pub schema: &'static str,
    /// In microseconds since 1970.
    pub issued: u64,
    /// Of the blob, as hex.
    pub hash: Option<String>,
    pub len: Option<u32>,
    /// Absent: sealed.
    pub seeds: Option<Vec<String>>,
}

/// What came of asking for a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fetched {
    pub schema: &'static str,
    /// As hex.
    pub blob: Option<String>,
    /// Why there is none.
    pub refused: Option<String>,
}

/// Looks a record up by the discovery key of its network.
pub fn record(discovery: &str) -> Result<Option<Published>, ToolError> {
    let discovery: RoomId =
        discovery.parse().map_err(|_| ToolError::new(format!("{discovery:?} is no discovery key")))?;
    endpoint::runtime()?.block_on(async {
        let endpoint = endpoint::bind(random_key()).await?;
        let places = Places { relays: vec![endpoint::pkarr()], dht: None };
        let announcer = Announcer::new(&endpoint, &places).map_err(|error| ToolError::new(error.to_string()))?;
        let expected = Expected { discovery: discovery.0, now: now(), floor: Issued::default(), epochs: &[] };
        let answers = announcer.look_up(&expected).await;
        endpoint.close().await;
        match (answers.record, answers.failures.first()) {
            (Some(Ok(record)), _) => Ok(Some(shown(&record))),
            (Some(Err(error)), _) => Err(ToolError::new(error.to_string())),
            (None, Some((place, why))) => Err(ToolError::new(format!("{place}: {why}"))),
            (None, None) => Ok(None),
        }
    })
}

/// Asks a member for a blob. `key`: a file with the identity to ask as; none for a stranger's.
pub fn fetch(key: Option<&Path>, member: &str, hash: &str, len: u32) -> Result<Fetched, ToolError> {
    let key = key.map_or_else(|| Ok(random_key()), read_key)?;
    let (member, hash) = (endpoint_id(member)?, bytes(hash)?);
    endpoint::runtime()?.block_on(async {
        let endpoint = endpoint::bind(key).await?;
        let connect = endpoint.connect(EndpointAddr::new(member), ALPN);
        let fetched = publish::fetch(connect, BlobRef { hash, len }, FETCH).await;
        endpoint.close().await;
        let schema = "ray.lab.blob/1";
        Ok(match fetched {
            Ok(blob) => Fetched { schema, blob: Some(HEXLOWER.encode(&blob)), refused: None },
            Err(error) => Fetched { schema, blob: None, refused: Some(error.to_string()) },
        })
    })
}

fn shown(record: &Record) -> Published {
    Published {
        schema: "ray.lab.record/1",
        issued: record.issued.0,
        hash: record.blob.map(|blob| HEXLOWER.encode(&blob.hash)),
        len: record.blob.map(|blob| blob.len),
        seeds: record.seeds.as_ref().map(|seeds| seeds.iter().map(ToString::to_string).collect()),
    }
}

pub(super) fn bytes(hex: &str) -> Result<[u8; 32], ToolError> {
    let bytes = HEXLOWER.decode(hex.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| ToolError::new(format!("{hex:?} is not 32 bytes in hex")))
}

pub(super) fn random_key() -> [u8; 32] {
    ray_engine::mesh::random_key()
}

fn now() -> UnixTime {
    UnixTime(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}
