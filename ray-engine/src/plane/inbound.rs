//! Judges what a peer sends to this host.

use super::{DropReason, Snapshot};
use crate::{
    ident::PeerId,
    packet::{self, Layout},
};

/// Proof that a packet may be handed to the host: it comes from an address of the peer that sent it and goes to an
/// address of ours, or the engine made it for the host itself.
#[derive(Debug)]
pub struct Deliverable<P> {
    packet: P,
    layout: Layout,
}

impl<P: AsRef<[u8]>> Deliverable<P> {
    pub fn packet(&self) -> &[u8] {
        self.packet.as_ref()
    }

    /// What the packet was found to be when it was judged.
    pub fn layout(&self) -> Layout {
        self.layout
    }
}

impl Deliverable<Vec<u8>> {
    /// For packets that the engine makes itself.
    pub(in crate::plane) fn for_host(packet: Vec<u8>) -> Option<Self> {
        let layout = packet::parse(&packet).ok()?.layout();
        Some(Self { packet, layout })
    }
}

/// Judges one packet that the link authenticated as sent by `from`.
pub fn inbound<P: AsRef<[u8]>>(snapshot: &Snapshot, from: PeerId, packet: P) -> Result<Deliverable<P>, DropReason> {
    let layout = packet::parse(packet.as_ref())?.layout();
    if !snapshot.routes.owns(from, layout.src) {
        return Err(DropReason::SourceOfAnother);
    }
    if !snapshot.is_own(layout.dst) {
        return Err(DropReason::NotForUs);
    }
    Ok(Deliverable { packet, layout })
}
