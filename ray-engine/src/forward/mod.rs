//! The packet loops: device to links, links to device. What may pass is decided by the plane; here it is decided when, in which
//! pieces, and what waits. Layer 5.

mod device;
mod egress;
mod ingress;
mod names;
mod outlet;
mod path_mtu;
mod room;
mod tunnel;
mod watch;

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::time::{Instant, interval};

pub use self::tunnel::Tunnel;
use self::{
    outlet::{Outlet, Parcel},
    room::PART_MIN,
};
use crate::{
    feed::DropFeed,
    firewall::Millis,
    ident::PeerId,
    mesh::{Link, Mesh, NotPacked, Unsent},
    plane::{self, Deliverable, DropReason, Live, Outbound, Routed},
    probe::Probes,
    queue::{Micros, Pool, Waiting},
    resolver::Resolver,
    tun::{Chunk, OwnedChunk},
};

/// How often flows that have ended give their memory back.
const SWEEP: Duration = Duration::from_secs(10);
/// How often packets that have waited too long for a link are given up.
const EXPIRE: Duration = Duration::from_secs(1);

/// What both loops share.
#[derive(Debug)]
pub struct Forwarder {
    live: Arc<Live>,
    probes: Arc<Probes>,
    feed: Arc<DropFeed>,
    resolver: Arc<Resolver>,
    /// Who answers DNS over TCP, from the first segment of such a connection on.
    streams: OnceLock<names::Streams>,
    /// The device's writers, one a queue; none while the tunnel is down.
    device: ArcSwapOption<device::Writers>,
    /// The ways out, one a peer with a link.
    outlets: ArcSwap<HashMap<PeerId, Arc<Outlet>>>,
    /// The memory that the queues of all links share.
    pool: Arc<Pool>,
    /// Packets for peers without a link. Whoever changes `outlets` holds it, so that no packet misses a link that comes.
    waiting: Mutex<Waiting<Parcel>>,
}

impl Default for Forwarder {
    fn default() -> Self {
        let live = Arc::<Live>::default();
        Self {
            resolver: Arc::new(Resolver::new(live.clone())),
            live,
            probes: Arc::default(),
            feed: Arc::default(),
            streams: OnceLock::new(),
            device: ArcSwapOption::empty(),
            outlets: ArcSwap::default(),
            pool: Arc::default(),
            waiting: Mutex::default(),
        }
    }
}

impl Forwarder {
    /// The policy in force, for its owner.
    pub fn live(&self) -> Arc<Live> {
        self.live.clone()
    }

    pub fn probes(&self) -> Arc<Probes> {
        self.probes.clone()
    }

    /// Who is asked for names that are not the mesh's.
    pub fn resolver(&self) -> Arc<Resolver> {
        self.resolver.clone()
    }

    /// Where dropped flows are told.
    pub fn feed(&self) -> Arc<DropFeed> {
        self.feed.clone()
    }

    /// Has the firewall and the queues forget what has ended, now and then, for as long as there is a forwarder.
    pub fn sweep(self: &Arc<Self>) {
        let forwarder = Arc::downgrade(self);
        tokio::spawn(async move {
            let (mut sweeps, mut expiries) = (interval(SWEEP), interval(EXPIRE));
            loop {
                let sweeps = tokio::select! {
                    _ = sweeps.tick() => true,
                    _ = expiries.tick() => false,
                };
                let Some(forwarder) = forwarder.upgrade() else { return };
                if sweeps { forwarder.forget_ended() } else { forwarder.expire() }
            }
        });
    }

    /// Carries packets between a link and the device until the link ends.
    pub fn carry(self: &Arc<Self>, link: Arc<Link>) {
        let outlet = Arc::new(Outlet::new(link, self.pool.clone()));
        self.enter(&outlet);
        let (forwarder, inward) = (self.clone(), outlet.clone());
        tokio::spawn(async move { ingress::run(&forwarder, &inward).await });
        let forwarder = self.clone();
        tokio::spawn(async move {
            outlet.run(&forwarder).await;
            forwarder.leave(&outlet);
        });
    }

    /// Sends a packet of the engine's own, as if it had come out of the device.
    pub fn inject(&self, mesh: &Mesh, packet: &[u8]) -> Result<(), DropReason> {
        let snapshot = self.live.snapshot();
        let judged = plane::outbound(&snapshot, &self.live.firewall, packet, millis());
        let Outbound::Peer(routed) = judged.map_err(|refused| refused.reason)? else {
            return Err(DropReason::NoRoute);
        };
        let Some(outlet) = self.outlet(&routed.peer()) else {
            mesh.hurry(&routed.peer());
            return Err(DropReason::NoLink);
        };
        outlet.offer(&self.live, routed, OwnedChunk::whole(packet).chunk());
        outlet.flush(self);
        Ok(())
    }

    /// Gives a packet to its peer's link, which is to be flushed, or has it wait while the peer is dialled.
    fn offer(&self, mesh: &Mesh, routed: Routed, chunk: Chunk<'_>) -> Option<Arc<Outlet>> {
        let outlet = match self.outlet(&routed.peer()) {
            Some(outlet) => outlet,
            None => {
                let mut waiting = self.waiting();
                match self.outlet(&routed.peer()) {
                    Some(outlet) => outlet,
                    None => {
                        self.hold(&mut waiting, routed, chunk);
                        mesh.hurry(&routed.peer());
                        return None;
                    }
                }
            }
        };
        outlet.offer(&self.live, routed, chunk);
        Some(outlet)
    }

    /// Has a packet wait for a link, in the parts in which it would wait in one.
    fn hold(&self, waiting: &mut Waiting<Parcel>, routed: Routed, chunk: Chunk<'_>) {
        let (drops, now) = (&self.live.drops, micros());
        let lost = |lost: Parcel| drops.count_n(DropReason::NoLink, lost.packets());
        let parted = chunk.parts(PART_MIN, |part| waiting.hold(routed.peer(), Parcel::new(routed, part), now, lost));
        if let Err(malformed) = parted {
            drops.count(malformed.into());
        }
    }

    fn expire(&self) {
        self.waiting().expire(micros(), |late| self.live.drops.count_n(DropReason::NoLink, late.packets()));
    }

    fn forget_ended(&self) {
        let snapshot = self.live.snapshot();
        self.live.firewall.sweep(millis(), |peer| snapshot.shared.contains_key(peer));
        self.outlets.load().values().for_each(|outlet| outlet.rest());
    }

    fn outlet(&self, peer: &PeerId) -> Option<Arc<Outlet>> {
        self.outlets.load().get(peer).cloned()
    }

    /// Makes `outlet` the way to its peer. What waited for one, or in the one before, goes first.
    fn enter(&self, outlet: &Arc<Outlet>) {
        let (peer, live) = (outlet.link().peer(), &self.live);
        let mut waiting = self.waiting();
        let before = self.outlet(&peer);
        // Of two links that were dialled at once, the one that has lost may still have spoken.
        let is_late = before.as_ref().is_some_and(|before| before.link().since() > outlet.link().since());
        if outlet.link().is_closed() || is_late {
            return;
        }
        let before = before.map(|before| before.give_up(live)).unwrap_or_default();
        let waited = waiting.take(&peer, micros(), |late| live.drops.count_n(DropReason::NoLink, late.packets()));
        outlet.take_over(live, before.into_iter().chain(waited));
        self.change(|outlets| {
            outlets.insert(peer, outlet.clone());
        });
    }

    fn leave(&self, outlet: &Arc<Outlet>) {
        let waiting = self.waiting();
        self.change(|outlets| {
            let peer = outlet.link().peer();
            if outlets.get(&peer).is_some_and(|current| Arc::ptr_eq(current, outlet)) {
                outlets.remove(&peer);
            }
        });
        drop(waiting);
        outlet.close(&self.live);
    }

    fn change(&self, change: impl Fn(&mut HashMap<PeerId, Arc<Outlet>>)) {
        self.outlets.rcu(|outlets| {
            let mut outlets = HashMap::clone(outlets);
            change(&mut outlets);
            outlets
        });
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting<Parcel>> {
        // Its own bookkeeping is right between any two of its calls.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes packets of one peer to the host, always through the same queue, so that flows stay in order.
    fn deliver<P: AsRef<[u8]>>(&self, peer: PeerId, packets: &[Deliverable<P>]) {
        self.write(usize::from(peer.0[0]), packets);
    }

    /// Writes packets of the engine's own to the host.
    fn deliver_own(&self, packets: &[Deliverable<Vec<u8>>]) {
        self.write(0, packets);
    }

    fn write<P: AsRef<[u8]>>(&self, queue: usize, packets: &[Deliverable<P>]) {
        let count = packets.len();
        let Some(device) = self.device.load_full() else {
            return self.live.drops.count_n(DropReason::DeviceRefused, count as u64);
        };
        let Some(writer) = device.get(queue % device.len().max(1)) else { return };
        // A writer holds no state between batches that a panic could leave half changed.
        let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
        match writer.write(packets) {
            Ok(written) => {
                self.live.drops.count_n(DropReason::DeviceRefused, count.saturating_sub(written) as u64);
            }
            // Who keeps the tunnel looks for that, and sets it up anew.
            Err(_) => self.live.drops.count_n(DropReason::DeviceRefused, count as u64),
        }
    }
}

/// Time since the packet path was first used.
fn elapsed() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

fn millis() -> Millis {
    Millis::try_from(elapsed().as_millis()).unwrap_or(Millis::MAX)
}

fn micros() -> Micros {
    Micros::try_from(elapsed().as_micros()).unwrap_or(Micros::MAX)
}

fn not_packed(why: NotPacked) -> DropReason {
    match why {
        NotPacked::OtherPeer | NotPacked::NoHandle => DropReason::NoLink,
        NotPacked::TooBig => DropReason::TooBig,
    }
}

fn unsent(unsent: Unsent) -> DropReason {
    match unsent {
        Unsent::Congested => DropReason::QueueFull,
        Unsent::Shrunk => DropReason::TooBig,
        Unsent::Lost => DropReason::NoLink,
    }
}

#[cfg(test)]
mod tests;
