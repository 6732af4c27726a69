//! One link: the connection to a peer device, its stream, and what the data path needs to know about it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::Add,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use iroh::{
    TransportAddr,
    endpoint::{Connection, ConnectionError, RecvStream, SendStream, Side, VarInt},
};
use tokio::{
    sync::{Notify, Semaphore, mpsc},
    time::{sleep, timeout},
};

use super::{
    MeshError, MeshEvent,
    carrier::Carrier,
    close,
    event::Credit,
    frame::{Totals, control_totals},
    stream,
    wire::{self, LinkMessage},
};
use crate::ident::{PeerId, RoomId};

/// Messages that wait for a slow peer's stream. A peer that lets more pile up is cut off.
const OUTBOX_MAX: usize = 64;
/// The peer's first words must come within this.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an orderly end waits for the peer to have read everything.
const FINISH_TIMEOUT: Duration = Duration::from_secs(2);
/// No link ends sooner because its path is silent.
const SILENT_MIN: Duration = Duration::from_secs(5);
/// Bytes of one peer's messages that are being read or wait for the service: one message of full size, or several small
/// ones. Whoever sends more waits alone.
const CREDIT_BYTES: u32 = 2 * 1024 * 1024;
/// What the smallest message costs, so that no peer has more than 16 waiting.
const MESSAGE_COST_MIN: u32 = CREDIT_BYTES / 16;

const _: () = assert!(wire::MESSAGE_MAX <= CREDIT_BYTES as usize);

/// The one connection to a peer device.
pub struct Link {
    peer: PeerId,
    connection: Connection,
    carrier: Carrier,
    outbox: mpsc::Sender<Outgoing>,
    since: Instant,
    /// Handles that the peer wants on datagrams of the networks that both sides have named.
    tx_handles: ArcSwap<BTreeMap<RoomId, u16>>,
    /// Handles of ours that the peer may use.
    rx_handles: ArcSwap<BTreeSet<u16>>,
    /// Wakes those who wait for the first of them.
    addressed: Notify,
    silent: AtomicBool,
    sent: Count,
    received: Count,
    /// Packets that the peer has sent and that had not come when it said so.
    lost: AtomicU64,
    /// Whether the peer has spoken, and the features that it named.
    greeted: AtomicBool,
    features: AtomicU32,
    /// Numbers the packets that are sent in parts, over all batches.
    fragment_ids: Arc<AtomicU32>,
}

/// Inner packets and their bytes.
#[derive(Debug, Default)]
struct Count {
    packets: AtomicU64,
    bytes: AtomicU64,
}

impl Count {
    fn add(&self, packets: u64, bytes: u64) {
        self.packets.fetch_add(packets, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn totals(&self) -> Totals {
        Totals { packets: self.packets.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }
}

enum Outgoing {
    Message(LinkMessage),
    /// Send what is queued, wait until the peer has it, close.
    Finish,
}

/// What came over all paths of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    pub directly: bool,
    pub datagrams: u64,
}

/// The route under a link that carries data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkPath {
    Direct(String),
    Relay(String),
    Unsettled,
}

/// What a link, or one after another, has carried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinkTraffic {
    pub sent: Totals,
    pub received: Totals,
    /// Packets of the peer that did not come, as far as it has told how many it sent.
    pub lost: u64,
}

impl Add for LinkTraffic {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let sum =
            |one: Totals, two: Totals| Totals { packets: one.packets + two.packets, bytes: one.bytes + two.bytes };
        Self {
            sent: sum(self.sent, other.sent),
            received: sum(self.received, other.received),
            lost: self.lost + other.lost,
        }
    }
}

/// Why a link did not take datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsent {
    /// Its queue is full.
    Congested,
    /// The path shrank below the size that they were packed for.
    Shrunk,
    Lost,
}

impl Link {
    /// Makes a link of a connection that the gate has let through, and runs its stream until the end: the two hellos, then
    /// messages in both directions. `up` is called when the peer has spoken.
    pub(super) fn run(
        connection: Connection,
        own_features: u32,
        events: mpsc::Sender<MeshEvent>,
        up: impl FnOnce(&Arc<Self>) + Send + 'static,
    ) -> (Arc<Self>, impl Future<Output = Result<(), MeshError>> + Send) {
        let (outbox, queue) = mpsc::channel(OUTBOX_MAX);
        let link = Arc::new(Self {
            peer: PeerId(*connection.remote_id().as_bytes()),
            carrier: Carrier::new(connection.clone()),
            connection,
            outbox,
            since: Instant::now(),
            tx_handles: ArcSwap::default(),
            rx_handles: ArcSwap::default(),
            addressed: Notify::new(),
            silent: AtomicBool::new(false),
            sent: Count::default(),
            received: Count::default(),
            lost: AtomicU64::new(0),
            greeted: AtomicBool::new(false),
            features: AtomicU32::new(0),
            fragment_ids: Arc::default(),
        });
        (link.clone(), converse(link, own_features, queue, events, up))
    }

    pub fn peer(&self) -> PeerId {
        self.peer
    }

    pub fn since(&self) -> Instant {
        self.since
    }

    /// Whether the peer has spoken: until then it may still turn us away.
    pub fn has_greeted(&self) -> bool {
        self.greeted.load(Ordering::Acquire)
    }

    /// Whether the peer named this feature bit.
    pub fn has_feature(&self, bit: u32) -> bool {
        self.features.load(Ordering::Acquire) & bit != 0
    }

    /// Whether the peer has closed because we are on no roster of its.
    pub(super) fn was_turned_away(&self) -> bool {
        let stranger = VarInt::from_u32(close::STRANGER);
        matches!(self.connection.close_reason(), Some(ConnectionError::ApplicationClosed(reason)) if reason.error_code == stranger)
    }

    /// Whether this side dialled.
    pub(super) fn dialled(&self) -> bool {
        self.connection.side() == Side::Client
    }

    /// Queues a message. A peer whose queue is full is cut off: it reads nothing and would hold memory.
    pub fn say(&self, message: LinkMessage) {
        if self.outbox.try_send(Outgoing::Message(message)).is_err() {
            self.close(close::VIOLATION, "stream stalled");
        }
    }

    /// Ends the link once the peer has read what was said.
    pub fn finish(&self) {
        if self.outbox.try_send(Outgoing::Finish).is_err() {
            self.close(close::DONE, "finished");
        }
    }

    /// Ends the link at once: the peer broke the protocol.
    pub fn violate(&self, what: &str) {
        tracing::warn!(peer = %self.peer.short(), what, "closing the link");
        self.close(close::VIOLATION, what);
    }

    pub(super) fn close(&self, code: u32, reason: &str) {
        self.connection.close(VarInt::from_u32(code), reason.as_bytes());
    }

    /// Whether the connection is gone, or going.
    pub fn is_closed(&self) -> bool {
        self.connection.close_reason().is_some()
    }

    /// Resolves when the connection is gone.
    pub async fn closed(&self) {
        self.connection.closed().await;
    }

    /// Whether that is something else than before.
    pub(super) fn set_tx_handles(&self, handles: BTreeMap<RoomId, u16>) -> bool {
        let before = self.tx_handles.load();
        let changes = **before != handles;
        if changes {
            self.tx_handles.store(Arc::new(handles));
            self.addressed.notify_waiters();
        }
        changes
    }

    /// The handle for datagrams of a network to the peer, once it is known.
    pub fn tx_handle(&self, network: &RoomId) -> Option<u16> {
        self.tx_handles.load().get(network).copied()
    }

    /// Whether the peer has said how to address it in any network.
    pub fn is_addressed(&self) -> bool {
        !self.tx_handles.load().is_empty()
    }

    pub fn set_rx_handles(&self, handles: BTreeSet<u16>) {
        self.rx_handles.store(Arc::new(handles));
    }

    /// Whether the peer may use this handle of ours.
    pub fn accepts(&self, handle: u16) -> bool {
        self.rx_handles.load().contains(&handle)
    }

    pub(super) fn fragment_ids(&self) -> Arc<AtomicU32> {
        self.fragment_ids.clone()
    }

    /// Resolves when the peer has said how to address it.
    pub async fn addressed(&self) {
        loop {
            let addressed = self.addressed.notified();
            if self.is_addressed() {
                return;
            }
            addressed.await;
        }
    }

    /// Largest datagram that the path takes at this moment; `None` when the link is gone.
    pub(super) fn datagram_max(&self) -> Option<usize> {
        self.carrier.datagram_max()
    }

    /// Bytes of datagrams that have not left yet.
    pub fn held(&self) -> usize {
        self.carrier.held()
    }

    /// Drops what is held if a datagram that the path does not take any more stands before all others, as far as can be seen
    /// from outside: nothing leaves, and `largest` of those held is larger than the path takes. Nothing would leave until the
    /// link ends, which it does not while anything else passes.
    pub fn clear_if_stuck(&self, largest: usize) {
        if self.datagram_max().is_some_and(|max| max < largest) {
            tracing::debug!(peer = %self.peer.short(), held = self.held(), "the path has shrunk below what it was given");
            if let Err(unsent) = self.carrier.discard() {
                tracing::debug!(peer = %self.peer.short(), ?unsent, "dropping what is held");
            }
        }
    }

    /// What came so far over paths of the kind that carries data now; `None` while none does. Over which path the peer
    /// acknowledges is its choice, so one path of a kind speaks for all.
    pub fn heard(&self) -> Option<Heard> {
        let paths = self.connection.paths();
        let directly = paths.iter().find(|path| path.is_selected())?.is_ip();
        let kind = paths.iter().filter(|path| path.is_ip() == directly);
        Some(Heard { directly, datagrams: kind.map(|path| path.stats().udp_rx.datagrams).sum() })
    }

    /// Whether it was ended for its silence.
    pub(super) fn was_silent(&self) -> bool {
        self.silent.load(Ordering::Relaxed)
    }

    /// Ends the link, so that another is made: its path is silent. The library sends to all addresses of a peer that
    /// it knows, relays among them, once no connection to that peer is left, and to the path that it has chosen before. A
    /// young link stays: what is silent on one path only may be so for another reason.
    pub fn end_silent(&self) {
        if self.since.elapsed() >= SILENT_MIN {
            tracing::info!(peer = %self.peer.short(), "nothing comes over the path; linking anew");
            self.silent.store(true, Ordering::Relaxed);
            self.close(close::SILENT, "silent");
        }
    }

    /// Queues all of these datagrams, or none.
    pub(super) fn send(&self, datagrams: &[Bytes], packets: u64, inner_bytes: u64) -> Result<(), Unsent> {
        self.carrier.send(datagrams)?;
        self.sent.add(packets, inner_bytes);
        Ok(())
    }

    /// Waits for datagrams and moves what is there into `out`; `None` when the link is gone.
    pub async fn recv(&self, out: &mut [Bytes]) -> Option<usize> {
        self.carrier.recv(out).await
    }

    /// Counts packets that came, whatever becomes of them.
    pub fn count_received(&self, packets: u64, inner_bytes: u64) {
        self.received.add(packets, inner_bytes);
    }

    /// Whether the peer understands what [`Link::tell_totals`] says.
    pub fn hears_totals(&self) -> bool {
        self.has_feature(wire::FEATURE_CONTROL)
    }

    /// Tells the peer how much was sent. A word that is lost is made up for by the next.
    pub fn tell_totals(&self) {
        if let Err(unsent) = self.carrier.send(&[control_totals(self.sent.totals())]) {
            tracing::debug!(peer = %self.peer.short(), ?unsent, "telling the totals");
        }
    }

    /// Takes note of how much the peer has sent.
    pub fn hear_totals(&self, totals: Totals) {
        self.lost.store(totals.packets.saturating_sub(self.received.totals().packets), Ordering::Relaxed);
    }

    /// What was sent and received on this link.
    pub fn traffic(&self) -> LinkTraffic {
        LinkTraffic {
            sent: self.sent.totals(),
            received: self.received.totals(),
            lost: self.lost.load(Ordering::Relaxed),
        }
    }

    /// The path that carries data, and its smoothed round trip.
    pub fn path(&self) -> (LinkPath, Duration) {
        let paths = self.connection.paths();
        let Some(path) = paths.iter().find(|path| path.is_selected()) else {
            return (LinkPath::Unsettled, Duration::ZERO);
        };
        let kind = match path.remote_addr() {
            TransportAddr::Ip(addr) => LinkPath::Direct(addr.to_string()),
            TransportAddr::Relay(url) => LinkPath::Relay(url.to_string()),
            _ => LinkPath::Unsettled,
        };
        (kind, path.rtt())
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("peer", &self.peer).field("dialled", &self.dialled()).finish_non_exhaustive()
    }
}

async fn converse(
    link: Arc<Link>,
    own_features: u32,
    queue: mpsc::Receiver<Outgoing>,
    events: mpsc::Sender<MeshEvent>,
    up: impl FnOnce(&Arc<Link>) + Send,
) -> Result<(), MeshError> {
    let lost = |error: iroh::endpoint::ConnectionError| MeshError::Lost(error.to_string());
    let hello = LinkMessage::Hello {
        version: wire::VERSION,
        features: own_features,
        release: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let greeting = async {
        // Only the first write makes a stream known to the other side, so the dialler speaks first.
        let (mut tx, mut rx) =
            if link.dialled() { link.connection.open_bi().await } else { link.connection.accept_bi().await }
                .map_err(lost)?;
        stream::send::<{ wire::MESSAGE_MAX }, _>(&mut tx, &hello).await?;
        let first: LinkMessage = stream::recv::<{ wire::MESSAGE_MAX }, _>(&mut rx).await?;
        Ok::<_, MeshError>((tx, rx, first))
    };
    let (tx, rx, first) = timeout(HELLO_TIMEOUT, greeting).await.map_err(|_| MeshError::Timeout)??;
    match first {
        LinkMessage::Hello { version: wire::VERSION, features, .. } => link.features.store(features, Ordering::Release),
        LinkMessage::Hello { .. } => return Err(MeshError::Violation("another version of the link protocol")),
        LinkMessage::Networks(_)
        | LinkMessage::Heads { .. }
        | LinkMessage::Want { .. }
        | LinkMessage::Entries { .. }
        | LinkMessage::KeyWant { .. }
        | LinkMessage::Keys { .. }
        | LinkMessage::Knock { .. }
        | LinkMessage::Denied { .. } => {
            return Err(MeshError::Violation("no hello"));
        }
    }
    link.greeted.store(true, Ordering::Release);
    up(&link);
    if events.send(MeshEvent::LinkUp(link.clone())).await.is_err() {
        return Ok(());
    }
    tokio::select! {
        ended = listen(&link, rx, &events) => ended,
        ended = speak(&link, tx, queue) => ended,
    }
}

async fn listen(link: &Arc<Link>, mut rx: RecvStream, events: &mpsc::Sender<MeshEvent>) -> Result<(), MeshError> {
    let credit = Arc::new(Semaphore::new(CREDIT_BYTES as usize));
    loop {
        let length = stream::recv_length::<{ wire::MESSAGE_MAX }>(&mut rx).await?;
        let cost = u32::try_from(length).unwrap_or(CREDIT_BYTES).clamp(MESSAGE_COST_MIN, CREDIT_BYTES);
        // Before a byte is read: the peer's flow-control window is not opened again while it has no credit.
        let Ok(permit) = credit.clone().acquire_many_owned(cost).await else { return Ok(()) };
        let message = stream::recv_body::<{ wire::MESSAGE_MAX }, _>(&mut rx, length).await?;
        if events.send(MeshEvent::Message { link: link.clone(), message, credit: Credit(permit) }).await.is_err() {
            return Ok(());
        }
    }
}

async fn speak(link: &Arc<Link>, mut tx: SendStream, mut queue: mpsc::Receiver<Outgoing>) -> Result<(), MeshError> {
    while let Some(outgoing) = queue.recv().await {
        match outgoing {
            Outgoing::Message(message) => stream::send::<{ wire::MESSAGE_MAX }, _>(&mut tx, &message).await?,
            Outgoing::Finish => {
                if tx.finish().is_ok() {
                    tokio::select! {
                        _ = tx.stopped() => {}
                        () = sleep(FINISH_TIMEOUT) => {}
                    }
                }
                link.close(close::DONE, "finished");
                break;
            }
        }
    }
    Ok(())
}
