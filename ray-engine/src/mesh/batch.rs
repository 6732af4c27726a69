//! Packets on their way to one peer, packed into datagrams and handed to its link together.

use std::sync::Arc;

use super::{
    Link, Unsent,
    frame::{Packer, Unpacker},
};
use crate::{ident::RoomId, plane::Routed};

/// A batch for one peer. Only packets that the plane has routed to that peer get in.
#[derive(Debug)]
pub struct Batch {
    link: Arc<Link>,
    packer: Packer,
    /// The network of the packet before, and the handle that the peer wants on it.
    addressed: Option<(RoomId, u16)>,
    datagram_max: usize,
    packets: u64,
    bytes: u64,
}

/// Why a packet did not get into a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unpacked {
    OtherPeer,
    /// The peer has not said how to address it in the packet's network.
    NoHandle,
    TooBig,
}

impl Batch {
    /// An empty batch for `link`; `None` while the peer has not said how to address it, or is gone.
    pub fn new(link: Arc<Link>) -> Option<Self> {
        let datagram_max = link.datagram_max().filter(|_| link.is_addressed())?;
        Some(Self { link, packer: Packer::default(), addressed: None, datagram_max, packets: 0, bytes: 0 })
    }

    pub fn is_for(&self, routed: Routed) -> bool {
        self.link.peer() == routed.peer()
    }

    /// Packets in the batch.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    pub fn push(&mut self, routed: Routed, packet: &[u8]) -> Result<(), Unpacked> {
        if !self.is_for(routed) {
            return Err(Unpacked::OtherPeer);
        }
        let handle = self.handle_in(routed.network()).ok_or(Unpacked::NoHandle)?;
        if !self.packer.push(handle, packet, self.datagram_max) {
            return Err(Unpacked::TooBig);
        }
        self.packets += 1;
        self.bytes += packet.len() as u64;
        Ok(())
    }

    /// Hands everything to the link and returns how many packets of the batch it could not carry. When the path shrank
    /// since the batch was begun, the packets are packed anew for its present size.
    pub fn send(mut self) -> Result<u64, Unsent> {
        match self.link.send(self.packer.finished(), self.bytes) {
            Err(Unsent::Shrunk) => {}
            done => return done.map(|()| 0),
        }
        let datagram_max = self.link.datagram_max().ok_or(Unsent::Lost)?;
        let (mut unpacker, mut packer, mut too_big) = (Unpacker::default(), Packer::default(), 0);
        for datagram in self.packer.finished() {
            let unpacked = unpacker.unpack(datagram, |handle, packet| {
                if !packer.push(handle, &packet, datagram_max) {
                    too_big += 1;
                }
            });
            // Our own frames, so this cannot be; if it is, the batch is lost and counted as such.
            unpacked.map_err(|_| Unsent::Shrunk)?;
        }
        self.link.send(packer.finished(), self.bytes)?;
        Ok(too_big)
    }

    /// Most batches are of one network.
    fn handle_in(&mut self, network: RoomId) -> Option<u16> {
        if let Some((_, handle)) = self.addressed.filter(|(known, _)| *known == network) {
            return Some(handle);
        }
        let handle = self.link.tx_handle(&network)?;
        self.addressed = Some((network, handle));
        Some(handle)
    }
}
