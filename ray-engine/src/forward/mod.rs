//! The packet loops: device to links, links to device. Nothing is decided here; the plane decides. Layer 5.

mod egress;
mod ingress;
mod tunnel;

use std::{
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;

pub use self::tunnel::Tunnel;
use crate::{
    feed::DropFeed,
    firewall::Millis,
    ident::PeerId,
    mesh::{Batch, Link, Mesh, Unpacked, Unsent},
    plane::{self, Deliverable, DropReason, Live, Outbound},
    probe::Probes,
    tun::Writer,
};

/// How often flows that have ended give their memory back.
const SWEEP: Duration = Duration::from_secs(10);

/// What both loops share.
#[derive(Debug, Default)]
pub struct Forwarder {
    live: Arc<Live>,
    probes: Arc<Probes>,
    feed: Arc<DropFeed>,
    /// The device's writers, one a queue; none while the tunnel is down.
    device: ArcSwapOption<Vec<Mutex<Writer>>>,
}

impl Forwarder {
    /// The policy in force, for its owner.
    pub fn live(&self) -> Arc<Live> {
        self.live.clone()
    }

    pub fn probes(&self) -> Arc<Probes> {
        self.probes.clone()
    }

    /// Where dropped flows are told.
    pub fn feed(&self) -> Arc<DropFeed> {
        self.feed.clone()
    }

    /// Has the firewall forget what has ended, now and then, for as long as there is a forwarder.
    pub fn sweep(self: &Arc<Self>) {
        let forwarder = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(SWEEP);
            loop {
                ticks.tick().await;
                let Some(forwarder) = forwarder.upgrade() else { return };
                let live = &forwarder.live;
                let snapshot = live.snapshot();
                live.firewall.sweep(now(), |peer| snapshot.shared.contains_key(peer));
            }
        });
    }

    /// Carries a link's packets to the device until the link ends.
    pub fn carry(self: &Arc<Self>, link: Arc<Link>) {
        tokio::spawn(ingress::run(self.clone(), link));
    }

    /// Sends a packet of the engine's own, as if it had come out of the device.
    pub fn inject(&self, mesh: &Mesh, packet: &[u8]) -> Result<(), DropReason> {
        let snapshot = self.live.snapshot();
        let routed =
            match plane::outbound(&snapshot, &self.live.firewall, packet, now()).map_err(|refused| refused.reason)? {
                Outbound::Peer(routed) => routed,
                Outbound::Dns(_) => return Err(DropReason::NoRoute),
            };
        let link = mesh.links().get(&routed.peer()).ok_or(DropReason::NoLink)?;
        let mut batch = Batch::new(link).ok_or(DropReason::NoLink)?;
        batch.push(routed, packet).map_err(unpacked)?;
        match batch.send().map_err(unsent)? {
            0 => Ok(()),
            _ => Err(DropReason::TooBig),
        }
    }

    /// Writes packets of one peer to the host, always through the same queue, so that flows stay in order.
    fn deliver<P: AsRef<[u8]>>(&self, peer: PeerId, packets: &[Deliverable<P>]) {
        let count = packets.len();
        let Some(device) = self.device.load_full() else {
            return self.live.drops.count_n(DropReason::DeviceRefused, count as u64);
        };
        let at = usize::from(peer.0[0]) % device.len().max(1);
        let Some(writer) = device.get(at) else { return };
        // A writer holds no state between batches that a panic could leave half changed.
        let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
        match writer.write(packets) {
            Ok(written) => {
                self.live.drops.count_n(DropReason::DeviceRefused, count.saturating_sub(written) as u64);
            }
            // The tunnel's thread finds out by itself and sets the device up anew.
            Err(_) => self.live.drops.count_n(DropReason::DeviceRefused, count as u64),
        }
    }
}

/// Milliseconds since the packet path was first used.
fn now() -> Millis {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    Millis::try_from(START.elapsed().as_millis()).unwrap_or(Millis::MAX)
}

fn unpacked(unpacked: Unpacked) -> DropReason {
    match unpacked {
        Unpacked::OtherPeer | Unpacked::NoHandle => DropReason::NoLink,
        Unpacked::TooBig => DropReason::TooBig,
    }
}

fn unsent(unsent: Unsent) -> DropReason {
    match unsent {
        Unsent::Congested => DropReason::QueueFull,
        Unsent::Shrunk => DropReason::TooBig,
        Unsent::Lost => DropReason::NoLink,
    }
}
