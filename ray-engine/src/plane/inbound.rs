//! Judges what a peer sends to this host.

use super::{DropReason, Refused, Reply, Routed, Snapshot};
use crate::{
    firewall::{Direction, Firewall, Millis, Party, Verdict},
    packet::{self, Checksum, Layout, Malformed, Segment, TCP, UDP},
};

/// Proof that a packet may be handed to the host: it comes from an address of the peer that sent it, goes to an address
/// of ours, and no rule forbids it; or the engine made it for the host itself.
#[derive(Debug)]
pub struct Deliverable<P> {
    packet: P,
    layout: Layout,
    checksum: Checksum,
    /// Whether its verdict holds for the rest of its run too.
    leads: bool,
}

impl<P: AsRef<[u8]>> Deliverable<P> {
    pub fn packet(&self) -> &[u8] {
        self.packet.as_ref()
    }

    /// What the packet was found to be when it was judged.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Whether its transport checksum stands in it.
    pub fn checksum(&self) -> Checksum {
        self.checksum
    }

    /// Gives `packet`, which came from the same peer in the same network, the verdict of this one without judging it, if it
    /// is the next segment of the same run; or else gives it back. Every field that a verdict could depend on is the same
    /// in both: [`Segment::continues`] compares them.
    pub fn follow(&self, packet: P) -> Result<Self, P> {
        let continues = match (Segment::of(self.packet()), Segment::of(packet.as_ref())) {
            (Some(own), Some(next)) => self.leads && next.continues(&own),
            (Some(_) | None, _) => false,
        };
        if continues {
            Ok(Self { packet, layout: self.layout, checksum: self.checksum, leads: true })
        } else {
            Err(packet)
        }
    }
}

impl Deliverable<Vec<u8>> {
    /// For packets that the engine makes itself.
    pub(in crate::plane) fn for_host(packet: Vec<u8>) -> Option<Self> {
        let layout = packet::parse(&packet).ok()?.layout();
        Some(Self { packet, layout, checksum: Checksum::Complete, leads: false })
    }
}

/// Judges one packet that the link authenticated as sent by `from.peer`, in the network that its handle names.
pub fn inbound<P: AsRef<[u8]>>(
    snapshot: &Snapshot,
    firewall: &Firewall,
    from: Party,
    packet: P,
    checksum: Checksum,
    now: Millis,
) -> Result<Deliverable<P>, Refused<Reply>> {
    let parsed = packet::parse(packet.as_ref())?;
    let layout = parsed.layout();
    let summable = !parsed.is_fragment() && [TCP, UDP].contains(&layout.protocol);
    if checksum == Checksum::Left && !summable {
        return Err(Malformed::Offload.into());
    }
    if !snapshot.routes.owns(from.peer, layout.src) {
        return Err(DropReason::SourceOfAnother.into());
    }
    if !snapshot.is_own(layout.dst) {
        return Err(DropReason::NotForUs.into());
    }
    match firewall.judge(&snapshot.rules, &from, Direction::In, &parsed, now) {
        Verdict::Allow => {
            // While strays pass, each of them is one of few.
            let leads = checksum == Checksum::Left && !firewall.lets_strays_pass(now);
            Ok(Deliverable { packet, layout, checksum, leads })
        }
        Verdict::Deny(denied) => Err(denied.into()),
        Verdict::Reject(denied) => {
            let routed = Routed::to(from);
            let answer = firewall.answer(&from, &parsed, now).map(|packet| Reply { routed, packet });
            Err(Refused { reason: denied.into(), answer })
        }
    }
}
