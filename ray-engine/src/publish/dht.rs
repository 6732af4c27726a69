//! The Mainline DHT: puts and gets signed packets as a client that serves nobody.
//!
//! A visit makes a node, enters the DHT, does its one errand and leaves: between visits there is no socket and no chatter.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddrV4},
    sync::Arc,
    time::Duration,
};

use iroh::dns::DnsResolver;
use pkarr::{
    PublicKey, SignedPacket,
    dht::{DhtClient, DhtConfig, PublishError, RequestFilter, ResolveError},
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::{JoinSet, spawn_blocking},
};

use super::{
    announce::{Failure, PlaceError},
    limits::{BOOTSTRAP_MAX, DHT_VISITS_MAX},
};

/// Well-known nodes of the public DHT.
pub(super) const BOOTSTRAP: [&str; 4] =
    ["router.bittorrent.com:6881", "dht.transmissionbt.com:6881", "dht.libtorrent.org:25401", "relay.pkarr.org:6881"];
const DNS_TIMEOUT: Duration = Duration::from_secs(3);
const DNS_STAGGER_MS: [u64; 2] = [300, 1000];

#[derive(Debug)]
pub(super) struct Dht {
    bootstrap: Vec<(String, u16)>,
    dns: DnsResolver,
    visits: Semaphore,
}

impl Dht {
    pub(super) fn new(bootstrap: &[String], dns: DnsResolver) -> Result<Self, PlaceError> {
        if bootstrap.len() > BOOTSTRAP_MAX {
            return Err(PlaceError::TooMany);
        }
        let bootstrap = bootstrap.iter().map(|node| host_and_port(node)).collect::<Result<_, _>>()?;
        Ok(Self { bootstrap, dns, visits: Semaphore::new(DHT_VISITS_MAX) })
    }

    pub(super) async fn put(&self, packet: &SignedPacket) -> Result<(), Failure> {
        let (client, _permit) = self.visit().await?;
        match client.publish(packet).await {
            Ok(_) => Ok(()),
            Err(PublishError::NotMostRecent) => Err(Failure::Outrun),
            Err(PublishError::Timeout) => Err(Failure::Timeout),
            Err(PublishError::ErrorResponse { code, .. }) => Err(Failure::Refused(format!("DHT error {code}"))),
            Err(PublishError::NoClosestNodes) => Err(Failure::Unreachable("no DHT node answers".to_owned())),
        }
    }

    pub(super) async fn get(&self, key: &PublicKey) -> Result<Option<SignedPacket>, Failure> {
        let (client, _permit) = self.visit().await?;
        let outcome = client.resolve(key, None).await.complete().await;
        match outcome.most_recent {
            Ok(packet) => Ok(Some(packet)),
            Err(ResolveError::NotFound) => Ok(None),
            Err(error @ ResolveError::InvalidSignedPacket { .. }) => Err(Failure::Refused(error.to_string())),
            Err(error) => Err(Failure::Unreachable(error.to_string())),
        }
    }

    async fn visit(&self) -> Result<(DhtClient, SemaphorePermit<'_>), Failure> {
        let permit = self.visits.acquire().await.map_err(|_| Failure::Timeout)?;
        let bootstrap = self.resolve_bootstrap().await;
        if bootstrap.is_empty() {
            return Err(Failure::Unreachable("no name of a DHT node resolves".to_owned()));
        }
        let mut config = DhtConfig::default();
        config.bootstrap = Some(bootstrap);
        config.port = Some(0);
        config.request_filter = Some(Arc::new(ServeNobody));
        // It waits for the thread that it starts.
        let client = spawn_blocking(|| DhtClient::build(config)).await;
        let client = client.map_err(|error| Failure::Unreachable(error.to_string()))?;
        Ok((client.map_err(|error| Failure::Unreachable(error.to_string()))?, permit))
    }

    /// IPv4 only, as the DHT is.
    async fn resolve_bootstrap(&self) -> Vec<SocketAddrV4> {
        let mut lookups = JoinSet::new();
        for (host, port) in self.bootstrap.clone() {
            let dns = self.dns.clone();
            lookups.spawn(async move {
                if let Ok(ip) = host.parse() {
                    return vec![SocketAddrV4::new(ip, port)];
                }
                let found = dns.lookup_ipv4_staggered(host, DNS_TIMEOUT, &DNS_STAGGER_MS).await;
                let ips = found.into_iter().flatten().filter_map(|ip| match ip {
                    IpAddr::V4(ip) => Some(SocketAddrV4::new(ip, port)),
                    IpAddr::V6(_) => None,
                });
                ips.take(BOOTSTRAP_MAX).collect()
            });
        }
        lookups.join_all().await.into_iter().flatten().collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// What strangers ask of a DHT node would be one more parser's reach.
#[derive(Debug)]
struct ServeNobody;

impl RequestFilter for ServeNobody {
    fn allow_request(&self, _from: SocketAddrV4) -> bool {
        false
    }
}

fn host_and_port(node: &str) -> Result<(String, u16), PlaceError> {
    let refuse = || PlaceError::Bootstrap(node.to_owned());
    let (host, port) = node.rsplit_once(':').ok_or_else(refuse)?;
    let port = port.parse().map_err(|_| refuse())?;
    if host.is_empty() || host.contains(['[', ':', '/']) || port == 0 {
        return Err(refuse());
    }
    Ok((host.to_owned(), port))
}
