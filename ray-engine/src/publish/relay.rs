//! One pkarr relay: puts and gets signed packets over HTTP.

use std::{error::Error, fmt::Write, net::SocketAddr, time::Duration};

use bytes::Bytes;
use iroh::dns::DnsResolver;
use pkarr::{PublicKey, SignedPacket};
use reqwest::{
    Client, Method, Response, StatusCode, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};

use super::{
    announce::{Failure, PlaceError},
    limits::{PAYLOAD_LEN_MAX, RELAY_TIMEOUT},
};

/// A question to the name server, and the times after which it is asked once more.
const DNS_TIMEOUT: Duration = Duration::from_secs(3);
const DNS_STAGGER_MS: [u64; 3] = [200, 600, 1500];
/// Words of a failure that are passed on.
const WORDS_LEN_MAX: usize = 200;

#[derive(Debug)]
pub(super) struct Relay {
    client: Client,
    base: String,
}

impl Relay {
    /// The client for all relays. It resolves names and trusts authorities as the mesh does.
    pub(super) fn client(tls: impl std::any::Any, dns: DnsResolver) -> Result<Client, PlaceError> {
        Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(MeshResolver(dns))
            // A relay has no business to send us elsewhere.
            .redirect(Policy::none())
            .timeout(RELAY_TIMEOUT)
            .build()
            .map_err(|error| PlaceError::Client(words(&error)))
    }

    pub(super) fn new(client: Client, base: &str) -> Result<Self, PlaceError> {
        let refuse = || PlaceError::Url(base.to_owned());
        let url = Url::parse(base).map_err(|_| refuse())?;
        if !["http", "https"].contains(&url.scheme()) || url.cannot_be_a_base() || url.query().is_some() {
            return Err(refuse());
        }
        Ok(Self { client, base: base.trim_end_matches('/').to_owned() })
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    pub(super) async fn put(&self, packet: &SignedPacket) -> Result<(), Failure> {
        let response = self.ask(Method::PUT, &packet.public_key(), packet.to_relay_payload()).await?;
        match response.status() {
            status if status.is_success() => Ok(()),
            StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => Err(Failure::Outrun),
            status => Err(Failure::Refused(format!("HTTP status {}", status.as_u16()))),
        }
    }

    pub(super) async fn get(&self, key: &PublicKey) -> Result<Option<SignedPacket>, Failure> {
        let response = self.ask(Method::GET, key, Bytes::new()).await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            status => return Err(Failure::Refused(format!("HTTP status {}", status.as_u16()))),
        }
        let payload = bounded(response).await?;
        let packet = SignedPacket::from_relay_payload(key, &payload);
        packet.map(Some).map_err(|_| Failure::Refused("not a record of that key".to_owned()))
    }

    async fn ask(&self, method: Method, key: &PublicKey, body: Bytes) -> Result<Response, Failure> {
        let url = format!("{}/{}", self.base, key.to_z32());
        let sent = self.client.request(method, url).body(body).send().await;
        sent.map_err(|error| if error.is_timeout() { Failure::Timeout } else { Failure::Unreachable(words(&error)) })
    }
}

/// Reads no more than a record can have.
async fn bounded(mut response: Response) -> Result<Bytes, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| Failure::Unreachable(words(&error)))? {
        if body.len() + chunk.len() > PAYLOAD_LEN_MAX {
            return Err(Failure::Refused("the answer is longer than a record".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

/// An error and its causes in one line of bounded length. What a server says is no part of it.
fn words(error: &reqwest::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause.filter(|_| words.len() < WORDS_LEN_MAX) {
        // Writing to a string does not fail.
        let _ = write!(words, ": {error}");
        cause = error.source();
    }
    words.retain(|character| !character.is_control());
    words.chars().take(WORDS_LEN_MAX).collect()
}

/// The system's resolver would be a second opinion on names, and reads files that the sandbox may close.
struct MeshResolver(DnsResolver);

impl Resolve for MeshResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let dns = self.0.clone();
        Box::pin(async move {
            let found = dns.lookup_ipv4_ipv6_staggered(name.as_str(), DNS_TIMEOUT, &DNS_STAGGER_MS).await?;
            let addrs: Vec<_> = found.map(|ip| SocketAddr::new(ip, 0)).collect();
            Ok(Box::new(addrs.into_iter()) as Addrs)
        })
    }
}
