//! Packets on their way to one peer, packed into datagrams and handed to its link together.

use std::sync::Arc;

use super::{Link, Unsent, frame::Packer, wire};
use crate::{ident::RoomId, packet::Checksum, plane::Routed};

/// How often a batch is packed anew. Once suffices unless the path shrinks again within microseconds.
const REPACKS_MAX: usize = 4;

/// A batch for one peer. Only packets that the plane has routed to that peer get in. It is meant to be kept: once its
/// memory has gone round, filling and sending it asks for none.
#[derive(Debug)]
pub struct Batch {
    link: Arc<Link>,
    packer: Packer,
    /// The network of the packet before, and the handle that the peer wants on it.
    addressed: Option<(RoomId, u16)>,
    /// What the datagrams are packed for. `None` until the first packet: the path may have changed since the last send.
    datagram_max: Option<usize>,
    /// Packets in it, and their bytes without frames.
    packets: u64,
    inner_bytes: u64,
    /// Packets that were in it and no longer fit: the path shrank.
    too_big: u64,
}

/// Why a packet did not get into a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotPacked {
    OtherPeer,
    /// The peer has not said how to address it in the packet's network, or is gone.
    NoHandle,
    TooBig,
}

impl Batch {
    /// An empty batch for `link`; `None` while the peer has not said how to address it, or is gone.
    pub fn new(link: Arc<Link>) -> Option<Self> {
        link.datagram_max().filter(|_| link.is_addressed())?;
        let packer = Packer::new(link.fragment_ids(), link.has_feature(wire::FEATURE_SEGMENTS));
        Some(Self { link, packer, addressed: None, datagram_max: None, packets: 0, inner_bytes: 0, too_big: 0 })
    }

    /// What the datagrams are packed for; `None` for an empty batch.
    pub fn datagram_max(&self) -> Option<usize> {
        self.datagram_max
    }

    /// Packets in the batch.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Bytes of the datagrams so far: what the carrier must have room for.
    pub fn bytes(&self) -> usize {
        self.packer.bytes()
    }

    /// Adds a packet. A checksum that is left to others is filled in for a peer that does not do that.
    pub fn push(&mut self, routed: Routed, packet: &[u8], checksum: Checksum) -> Result<(), NotPacked> {
        if self.link.peer() != routed.peer() {
            return Err(NotPacked::OtherPeer);
        }
        let handle = self.handle_in(routed.network()).ok_or(NotPacked::NoHandle)?;
        let datagram_max = match self.datagram_max {
            Some(known) => known,
            None => self.link.datagram_max().ok_or(NotPacked::NoHandle)?,
        };
        self.datagram_max = Some(datagram_max);
        if !self.packer.push(handle, packet, checksum, datagram_max) {
            return Err(NotPacked::TooBig);
        }
        self.packets += 1;
        self.inner_bytes += packet.len() as u64;
        Ok(())
    }

    /// Hands everything to the link, and returns how many packets of the batch it could not carry; the batch is empty then.
    /// After an error it holds what it held, to be sent later or cleared. When the path shrank since the first packet, the
    /// packets are packed anew for its present size.
    pub fn send(&mut self) -> Result<u64, Unsent> {
        for _ in 0..REPACKS_MAX {
            match self.link.send(self.packer.finished(), self.packets, self.inner_bytes) {
                Err(Unsent::Shrunk) => self.repack()?,
                Err(other) => return Err(other),
                Ok(()) => {
                    let too_big = self.too_big;
                    self.clear();
                    return Ok(too_big);
                }
            }
        }
        Err(Unsent::Shrunk)
    }

    /// Forgets what is in it.
    pub fn clear(&mut self) {
        self.packer.clear();
        self.addressed = None;
        self.datagram_max = None;
        (self.packets, self.inner_bytes, self.too_big) = (0, 0, 0);
    }

    fn repack(&mut self) -> Result<(), Unsent> {
        let datagram_max = self.link.datagram_max().ok_or(Unsent::Lost)?;
        // Our own frames, so this does not fail; if it did, the batch would be lost and counted as such.
        let too_big = self.packer.repack(datagram_max).map_err(|_| Unsent::Shrunk)?;
        self.packets -= too_big.packets;
        self.inner_bytes -= too_big.bytes;
        self.too_big += too_big.packets;
        self.datagram_max = Some(datagram_max);
        Ok(())
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
