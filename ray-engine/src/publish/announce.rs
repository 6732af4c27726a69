//! Publishes and resolves signed packets: at pkarr relays, over HTTP, and in the DHT; everywhere at once.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use ed25519_dalek::SigningKey;
use iroh::{Endpoint, address_lookup::N0_DNS_PKARR_RELAY_PROD};
use pkarr::{PublicKey, SignedPacket};
use tokio::{task::JoinSet, time::timeout};

use super::{
    dht::{BOOTSTRAP, Dht},
    limits::{DHT_TIMEOUT, RELAY_TIMEOUT, RELAYS_MAX},
    record::{self, BlobRef, Cover, Expected, Issued, Record, RecordError},
    relay::Relay,
};
use crate::ident::PeerId;

/// Where records go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places {
    /// Base URLs of pkarr relays: a record is at `<base>/<key in z-base-32>`.
    pub relays: Vec<String>,
    /// Nodes to enter the Mainline DHT by, as `host:port`; `None`: the DHT is not used.
    pub dht: Option<Vec<String>>,
}

impl Places {
    /// The iroh project's pkarr relay and the public DHT.
    pub fn public() -> Self {
        Self {
            relays: vec![N0_DNS_PKARR_RELAY_PROD.to_owned()],
            dht: Some(BOOTSTRAP.iter().map(|node| (*node).to_owned()).collect()),
        }
    }
}

/// Publishes and resolves. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Announcer {
    places: Arc<[Arc<Place>]>,
}

#[derive(Debug)]
enum Place {
    Relay(Relay),
    Dht(Dht),
}

/// Why a place is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceError {
    Url(String),
    Bootstrap(String),
    TooMany,
    Client(String),
}

impl fmt::Display for PlaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => write!(f, "{url:?} is no http or https URL of a pkarr relay"),
            Self::Bootstrap(node) => write!(f, "{node:?} is no host and port of a DHT node"),
            Self::TooMany => write!(f, "more than {RELAYS_MAX} places to publish at"),
            Self::Client(why) => write!(f, "making a client for pkarr relays: {why}"),
        }
    }
}

impl std::error::Error for PlaceError {}

/// What a place answered instead of doing what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    Timeout,
    /// It holds a later record.
    Outrun,
    Refused(String),
    Unreachable(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("no answer in time"),
            Self::Outrun => f.write_str("a later record is there"),
            Self::Refused(why) | Self::Unreachable(why) => f.write_str(why),
        }
    }
}

/// What is to be published.
#[derive(Debug, Clone, Copy)]
pub struct Draft<'a> {
    pub blob: Option<BlobRef>,
    /// At most six.
    pub seeds: &'a [PeerId],
    pub cover: Cover<'a>,
    pub network_key: &'a SigningKey,
}

/// How a publication went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The floor of the records to accept from now on; to be kept.
    pub issued: Issued,
    /// Places that took it.
    pub stored: usize,
    /// Places that did not, by name.
    pub failures: Vec<(String, Failure)>,
}

/// How a look-up went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// The latest good record; `Err`: there were records and none is good; `None`: there was none.
    pub record: Option<Result<Record, RecordError>>,
    /// Places that could not be asked, by name.
    pub failures: Vec<(String, Failure)>,
}

impl Announcer {
    /// Uses the endpoint's name resolution and certificate authorities.
    pub fn new(endpoint: &Endpoint, places: &Places) -> Result<Self, PlaceError> {
        if places.relays.len() > RELAYS_MAX {
            return Err(PlaceError::TooMany);
        }
        let dns = endpoint.dns_resolver().map_err(|error| PlaceError::Client(error.to_string()))?;
        let mut all = Vec::new();
        if !places.relays.is_empty() {
            let client = Relay::client(endpoint.tls_config().clone(), dns.clone())?;
            for base in &places.relays {
                all.push(Arc::new(Place::Relay(Relay::new(client.clone(), base)?)));
            }
        }
        if let Some(bootstrap) = &places.dht {
            all.push(Arc::new(Place::Dht(Dht::new(bootstrap, dns.clone())?)));
        }
        Ok(Self { places: all.into() })
    }

    /// Whether there is any place to publish at.
    pub fn has_places(&self) -> bool {
        !self.places.is_empty()
    }

    /// Publishes a record that is later than `expected.floor` and than every good one that is out there. `None`: the draft
    /// is no record.
    pub async fn publish(&self, draft: &Draft<'_>, expected: &Expected<'_>) -> Option<Receipt> {
        let known = self.look_up(expected).await.record.and_then(Result::ok);
        let floor = known.map_or(expected.floor, |known| known.issued.max(expected.floor));
        let issued = Issued::after(expected.now, floor);
        let record = Record { issued, blob: draft.blob, seeds: Some(draft.seeds.to_vec()) };
        let packet = Arc::new(record::sign(&record, draft.cover, draft.network_key)?);
        let outcomes = self
            .everywhere(move |place| {
                let packet = Arc::clone(&packet);
                async move { place.put(&packet).await }
            })
            .await;
        let (mut stored, mut failures) = (0, Vec::new());
        for (name, outcome) in outcomes {
            match outcome {
                Ok(()) => stored += 1,
                Err(failure) => failures.push((name, failure)),
            }
        }
        Some(Receipt { issued, stored, failures })
    }

    /// Asks everywhere for the record of a discovery key and takes the latest good one.
    pub async fn look_up(&self, expected: &Expected<'_>) -> Answers {
        let Ok(key) = PublicKey::try_from(&expected.discovery) else {
            return Answers { record: Some(Err(RecordError::Forged)), failures: Vec::new() };
        };
        let outcomes = self
            .everywhere(move |place| {
                let key = key.clone();
                async move { place.get(&key).await }
            })
            .await;
        let (mut packets, mut failures) = (Vec::new(), Vec::new());
        for (name, outcome) in outcomes {
            match outcome {
                Ok(packet) => packets.extend(packet),
                Err(failure) => failures.push((name, failure)),
            }
        }
        Answers { record: record::newest(&packets, expected), failures }
    }

    /// Does the same at all places side by side and waits for all of them, each within its time.
    async fn everywhere<T, F>(&self, act: impl Fn(Arc<Place>) -> F) -> Vec<(String, Result<T, Failure>)>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let mut running = JoinSet::new();
        for place in self.places.iter() {
            let (name, within) = (place.name(), place.timeout());
            let acting = act(Arc::clone(place));
            running.spawn(async move { (name, timeout(within, acting).await.unwrap_or(Err(Failure::Timeout))) });
        }
        running.join_all().await
    }
}

impl Place {
    fn name(&self) -> String {
        match self {
            Self::Relay(relay) => relay.base().to_owned(),
            Self::Dht(_) => "DHT".to_owned(),
        }
    }

    fn timeout(&self) -> Duration {
        match self {
            Self::Relay(_) => RELAY_TIMEOUT,
            Self::Dht(_) => DHT_TIMEOUT,
        }
    }

    async fn put(&self, packet: &SignedPacket) -> Result<(), Failure> {
        match self {
            Self::Relay(relay) => relay.put(packet).await,
            Self::Dht(dht) => dht.put(packet).await,
        }
    }

    async fn get(&self, key: &PublicKey) -> Result<Option<SignedPacket>, Failure> {
        match self {
            Self::Relay(relay) => relay.get(key).await,
            Self::Dht(dht) => dht.get(key).await,
        }
    }
}

#[cfg(test)]
mod tests;
