//! The iroh endpoint: made from settings, accepting and dialling, turning connections into links.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use iroh::{
    Endpoint, EndpointAddr, EndpointId, RelayMap, RelayMode, RelayUrl, SecretKey, TransportAddr,
    address_lookup::{AddrFilter, PkarrPublisher, PkarrResolver},
    endpoint::{Builder, Connection, Incoming, IncomingAddr, QuicTransportConfig, VarInt, presets},
};
use tokio::{
    sync::{Semaphore, mpsc},
    time::timeout,
};

use super::{
    Link, Links, MeshError, MeshEvent, alpn, carrier, close,
    congestion::TunnelController,
    dial::Dialler,
    doorkeeper::{Doorkeeper, Source},
    gate::Gate,
    join::Reception,
    lookup::NameServers,
};
use crate::ident::{PeerId, RoomId, is_mesh_address};

/// A silent peer is gone after this; status tells within 15 s.
const IDLE_TIMEOUT_MS: u32 = 10_000;
/// Three chances within the idle time.
const KEEP_ALIVE: Duration = Duration::from_secs(3);
/// The least that every path takes. A larger one would be lost unseen on a narrow path until the connection notices.
const INITIAL_MTU: u16 = 1200;
/// An orderly end waits so long for peers that do not answer.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
const DRAIN_TIMEOUT: Duration = Duration::from_millis(300);
/// A handshake takes a few round trips.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Handshakes under way at once.
const HANDSHAKES_MAX: usize = 256;

/// What the endpoint is made from.
#[derive(Debug, Clone)]
pub struct MeshSettings {
    pub secret_key: [u8; 32],
    /// Relay URLs; `None` = the iroh project's.
    pub relays: Option<Vec<String>>,
    /// Pkarr servers; `None` = the iroh project's.
    pub discovery: Option<Vec<String>>,
    pub external_addrs: Vec<SocketAddr>,
    /// Feature bits to name to peers.
    pub features: u32,
    /// 0 = any.
    pub bind_port: u16,
    pub guest: Guest,
}

/// Another protocol that is spoken at the endpoint: its ALPN, and what serves a connection to its end. Who may have what
/// by it is for that protocol to say.
#[derive(Clone)]
pub struct Guest {
    pub alpn: &'static [u8],
    pub serve: Serve,
}

/// Serves one connection.
pub(super) type Serve = Arc<dyn Fn(Connection) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guest").field("alpn", &self.alpn.escape_ascii().to_string()).finish_non_exhaustive()
    }
}

/// Called for each link that is up, to carry its packets.
pub(super) type OnLink = Arc<dyn Fn(Arc<Link>) + Send + Sync>;

/// The mesh. Cloning shares it.
#[derive(Clone)]
pub struct Mesh {
    endpoint: Endpoint,
    links: Links,
    gate: Gate,
    dialler: Arc<Dialler>,
    closing: Arc<AtomicBool>,
    features: u32,
    events: mpsc::Sender<MeshEvent>,
    on_link: OnLink,
    guest: Guest,
    name_servers: NameServers,
}

impl std::fmt::Debug for Mesh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mesh").field("id", &self.id()).finish_non_exhaustive()
    }
}

impl Mesh {
    /// Binds the endpoint and starts to accept.
    pub async fn bind(
        settings: MeshSettings,
        events: mpsc::Sender<MeshEvent>,
        on_link: OnLink,
    ) -> Result<Self, MeshError> {
        let gate = Gate::default();
        let mut builder = match settings.discovery {
            None => Endpoint::builder(presets::N0),
            Some(servers) => own_discovery(Endpoint::builder(presets::Minimal), &servers)?,
        };
        builder = match &settings.relays {
            None => builder.relay_mode(iroh::endpoint::default_relay_mode()),
            Some(urls) if urls.is_empty() => builder.relay_mode(RelayMode::Disabled),
            Some(urls) => builder.relay_mode(RelayMode::Custom(relay_map(urls)?)),
        };
        for addr in settings.external_addrs {
            builder = builder.external_addr(addr);
        }
        let name_servers = NameServers::default();
        let endpoint = bind_port(builder, settings.bind_port)?
            .dns_resolver(name_servers.resolver())
            .secret_key(SecretKey::from_bytes(&settings.secret_key))
            .alpns(vec![alpn::LINK.to_vec(), alpn::JOIN.to_vec(), settings.guest.alpn.to_vec()])
            .transport_config(transport_config())
            // An overlay address can carry no underlay packet; see the helper's rule for the engine's own uid.
            .addr_filter(AddrFilter::new(without_overlay))
            .hooks(gate.clone())
            .bind()
            .await
            .map_err(|error| MeshError::Bind(error.to_string()))?;

        let me = PeerId(*endpoint.id().as_bytes());
        let mesh = Self {
            endpoint,
            links: Links::new(me),
            gate,
            dialler: Arc::default(),
            closing: Arc::default(),
            features: settings.features,
            events,
            on_link,
            guest: settings.guest,
            name_servers,
        };
        tokio::spawn(accept_all(mesh.clone()));
        Ok(mesh)
    }

    pub fn id(&self) -> PeerId {
        PeerId(*self.endpoint.id().as_bytes())
    }

    pub fn links(&self) -> &Links {
        &self.links
    }

    /// What records are published with, and other nodes reached.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Looks names up at exactly these servers from now on.
    pub fn replace_name_servers(&self, servers: &[SocketAddr]) {
        if self.name_servers.replace(servers)
            && let Ok(resolver) = self.endpoint.dns_resolver()
        {
            resolver.reset();
        }
    }

    /// Whether there is any address at which others could reach this node.
    pub fn has_address(&self) -> bool {
        !self.endpoint.addr().addrs.is_empty()
    }

    /// Addresses that the underlay sockets are bound to.
    pub fn bound_sockets(&self) -> Vec<SocketAddr> {
        self.endpoint.bound_sockets()
    }

    /// Makes the set of peers that may link, and are dialled, exactly `members`; cuts links to others.
    pub fn replace_members(&self, members: &BTreeSet<PeerId>) {
        self.gate.replace(members.clone());
        self.dialler.replace(self, members);
        for link in self.links.all() {
            if !members.contains(&link.peer()) {
                link.finish();
            }
        }
    }

    /// Sets what the peer wants to see on datagrams of each network from now on.
    pub fn address(&self, link: &Link, handles: BTreeMap<RoomId, u16>) {
        if link.set_tx_handles(handles) {
            self.links.touch();
        }
    }

    /// There is traffic for a peer without a link.
    pub fn hurry(&self, peer: &PeerId) {
        self.dialler.hurry(peer);
    }

    /// Whether a dial to the peer may be under way.
    pub fn dials(&self, peer: &PeerId) -> bool {
        self.dialler.dials(peer)
    }

    /// Ends all links in order, once their peers have read what was said, and frees the sockets.
    pub async fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.dialler.replace(self, &BTreeSet::new());
        let mut changes = self.links.watch();
        for link in self.links.all() {
            link.finish();
        }
        let ended = async { while !self.links.all().is_empty() && changes.changed().await.is_ok() {} };
        if timeout(CLOSE_TIMEOUT, ended).await.is_err() {
            tracing::debug!("closing before every peer has read what was said");
        }
        // The close frames are out at once; what takes longer is waiting for peers that do not answer.
        if timeout(DRAIN_TIMEOUT, self.endpoint.close()).await.is_err() {
            tracing::debug!("closing before every connection has drained");
        }
    }

    pub(super) async fn dial(&self, peer: PeerId) -> Result<(), MeshError> {
        let connection = self.connect(peer, alpn::LINK).await?;
        self.adopt(connection);
        Ok(())
    }

    /// Connects to a node, linked or not, for the protocol `alpn`.
    pub async fn connect(&self, peer: PeerId, alpn: &[u8]) -> Result<Connection, MeshError> {
        let id = EndpointId::from_bytes(&peer.0).map_err(|error| MeshError::Unreachable(error.to_string()))?;
        self.endpoint
            .connect(EndpointAddr::new(id), alpn)
            .await
            .map_err(|error| MeshError::Unreachable(error.to_string()))
    }

    /// Turns a connection into a link and watches over it.
    fn adopt(&self, connection: Connection) {
        let (on_link, links) = (self.on_link.clone(), self.links.clone());
        let (link, conversation) = Link::run(connection, self.features, self.events.clone(), {
            let links = links.clone();
            move |link| {
                tracing::info!(peer = %link.peer().short(), "link up");
                on_link(link.clone());
                links.retire_before(link);
            }
        });
        if !links.enter(&link) {
            return;
        }
        let events = self.events.clone();
        tokio::spawn(async move {
            let ended = tokio::select! {
                biased;
                () = link.closed() => Ok(()),
                ended = conversation => ended,
            };
            if link.was_turned_away() && events.send(MeshEvent::TurnedAway(link.peer())).await.is_err() {
                tracing::debug!("turned away while the engine shuts down");
            }
            match ended {
                Ok(()) => link.close(close::DONE, "done"),
                Err(error @ MeshError::Violation(_)) => {
                    tracing::warn!(peer = %link.peer().short(), %error, "closing the link");
                    link.close(close::VIOLATION, "protocol");
                }
                Err(error) => {
                    tracing::debug!(peer = %link.peer().short(), %error, "link ended");
                    link.close(close::DONE, "done");
                }
            }
            links.leave(&link);
            // A link whose peer never spoke was not up, and nobody was told that it was.
            if link.has_greeted() && events.send(MeshEvent::LinkDown(link)).await.is_err() {
                tracing::debug!("a link ended while the engine shuts down");
            }
        });
    }
}

async fn accept_all(mesh: Mesh) {
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES_MAX));
    let (doorkeeper, reception) = (Doorkeeper::default(), Reception::new(mesh.events.clone()));
    while let Some(incoming) = mesh.endpoint.accept().await {
        if mesh.closing.load(Ordering::Acquire) {
            incoming.ignore();
            continue;
        }
        // Whoever has not shown that it can be reached at its address shows it first when many are at the door.
        if handshakes.available_permits() < HANDSHAKES_MAX / 2 && !incoming.remote_addr_validated() {
            if let Err(error) = incoming.retry() {
                tracing::debug!(%error, "asking a caller to show its address");
            }
            continue;
        }
        let Ok(permit) = handshakes.clone().try_acquire_owned() else {
            incoming.refuse();
            continue;
        };
        let (mesh, doorkeeper, reception) = (mesh.clone(), doorkeeper.clone(), reception.clone());
        let source = match incoming.remote_addr() {
            IncomingAddr::Ip(addr) => Source::of(addr.ip()),
            // Whatever is no address is as good as a relay: it says nothing about who comes.
            _ => Source::Relay,
        };
        tokio::spawn(async move {
            let accepted = accept_one(incoming).await;
            drop(permit);
            let connection = match accepted {
                Ok(connection) => connection,
                Err(error) => return tracing::debug!(%error, "accepting a connection"),
            };
            let alpn = connection.alpn();
            if alpn == alpn::LINK {
                mesh.adopt(connection);
            } else if alpn == mesh.guest.alpn {
                (mesh.guest.serve)(connection).await;
            } else if let Some(_slot) = doorkeeper.admit(connection_peer(&connection), source, Instant::now()) {
                reception.serve(connection).await;
            } else {
                connection.close(VarInt::from_u32(close::BUSY), b"busy");
            }
        });
    }
}

fn connection_peer(connection: &Connection) -> PeerId {
    PeerId(*connection.remote_id().as_bytes())
}

async fn accept_one(incoming: Incoming) -> Result<Connection, MeshError> {
    let accepting = incoming.accept().map_err(|error| MeshError::Lost(error.to_string()))?;
    let accepted = timeout(HANDSHAKE_TIMEOUT, accepting).await.map_err(|_| MeshError::Timeout)?;
    accepted.map_err(|error| MeshError::Lost(error.to_string()))
}

fn transport_config() -> QuicTransportConfig {
    QuicTransportConfig::builder()
        .congestion_controller_factory(Arc::new(TunnelController))
        .max_idle_timeout(Some(VarInt::from_u32(IDLE_TIMEOUT_MS).into()))
        .keep_alive_interval(KEEP_ALIVE)
        .default_path_keep_alive_interval(KEEP_ALIVE)
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .initial_mtu(INITIAL_MTU)
        .datagram_receive_buffer_size(Some(carrier::RECEIVE_BUFFER))
        .datagram_send_buffer_size(carrier::SEND_BUFFER)
        .build()
}

fn own_discovery(mut builder: Builder, servers: &[String]) -> Result<Builder, MeshError> {
    for server in servers {
        let url: RelayUrl = server.parse().map_err(|_| MeshError::Url { url: server.clone() })?;
        builder = builder
            .address_lookup(PkarrPublisher::builder(url.clone().into()).addr_filter(AddrFilter::unfiltered()))
            .address_lookup(PkarrResolver::builder(url.into()));
    }
    Ok(builder)
}

fn relay_map(urls: &[String]) -> Result<RelayMap, MeshError> {
    RelayMap::try_from_iter(urls.iter().map(String::as_str)).map_err(|_| MeshError::Url { url: urls.join(", ") })
}

fn bind_port(builder: Builder, port: u16) -> Result<Builder, MeshError> {
    if port == 0 {
        return Ok(builder);
    }
    let refuse = |error: iroh::endpoint::InvalidSocketAddr| MeshError::Bind(error.to_string());
    builder
        .bind_addr(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port))
        .map_err(refuse)?
        .bind_addr(SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, port, 0, 0))
        .map_err(refuse)
}

// The signature is the one that `AddrFilter` asks for.
#[allow(clippy::ptr_arg, clippy::owned_cow)]
fn without_overlay(addrs: &Vec<TransportAddr>) -> Cow<'_, Vec<TransportAddr>> {
    let overlay = |addr: &TransportAddr| matches!(addr, TransportAddr::Ip(ip) if is_mesh_address(ip.ip()));
    if addrs.iter().any(overlay) {
        Cow::Owned(addrs.iter().filter(|addr| !overlay(addr)).cloned().collect())
    } else {
        Cow::Borrowed(addrs)
    }
}
