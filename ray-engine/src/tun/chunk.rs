//! What one read gave: a packet, or a super-packet that stands for many.
#![forbid(unsafe_code)]

use super::{
    split,
    vnet::{self, Undone},
};
use crate::packet::{self, Checksum, Malformed};

/// A packet or super-packet in the reader's buffer.
#[derive(Debug)]
pub struct Chunk<'a> {
    undone: Result<Undone, Malformed>,
    packet: &'a mut [u8],
}

/// A [`Chunk`] with memory of its own, no more than it needs, for a queue.
#[derive(Debug)]
pub struct OwnedChunk {
    undone: Result<Undone, Malformed>,
    packet: Box<[u8]>,
}

impl<'a> Chunk<'a> {
    /// `read` is what one read of a queue gave: a `virtio_net` header and a packet.
    pub fn of(read: &'a mut [u8]) -> Self {
        let (header, packet) = read.split_at_mut(vnet::LEN.min(read.len()));
        Self { undone: vnet::read(header), packet }
    }

    /// The whole, for policy: its upper-layer checksum may be missing, and its length may exceed the MTU.
    pub fn packet(&self) -> &[u8] {
        self.packet
    }

    /// For marks and clamps: a change of lengths is found out by [`Chunk::packets`].
    pub fn packet_mut(&mut self) -> &mut [u8] {
        self.packet
    }

    /// Hands each packet to `f`, in order. Takes the chunk, since it is split in place. With `leave`, what the kernel left
    /// to the device is left on: those TCP and UDP packets come with a checksum field of zero, and no payload is summed.
    /// Without, every packet comes whole.
    pub fn packets(self, leave: bool, f: impl FnMut(&[u8], Checksum)) -> Result<(), Malformed> {
        packets(self.undone, self.packet, leave, f)
    }

    /// Whether its transport checksum stands in it.
    pub fn checksum(&self) -> Checksum {
        match self.undone {
            Ok(Undone::Nothing) | Err(_) => Checksum::Complete,
            Ok(Undone::Checksum { .. } | Undone::Split { .. }) => Checksum::Left,
        }
    }

    /// How many packets it stands for.
    pub fn count(&self) -> u64 {
        count(self.undone, self.packet)
    }

    pub fn to_owned(&self) -> OwnedChunk {
        OwnedChunk { undone: self.undone, packet: Box::from(&*self.packet) }
    }

    /// The same in copies of at most about `len` bytes, in order: a super-packet becomes smaller ones.
    pub fn parts(self, len: usize, mut f: impl FnMut(OwnedChunk)) -> Result<(), Malformed> {
        match self.undone? {
            Undone::Split { protocol, size } if self.packet.len() > len => {
                split::parts(self.packet, protocol, size, len, |part| {
                    f(OwnedChunk { undone: self.undone, packet: Box::from(part) });
                })
            }
            Undone::Split { .. } | Undone::Checksum { .. } | Undone::Nothing => {
                f(self.to_owned());
                Ok(())
            }
        }
    }
}

impl OwnedChunk {
    /// A packet that the engine made, with its checksum.
    pub fn whole(packet: &[u8]) -> Self {
        Self { undone: Ok(Undone::Nothing), packet: Box::from(packet) }
    }

    /// What it was copied from.
    pub fn chunk(&mut self) -> Chunk<'_> {
        Chunk { undone: self.undone, packet: &mut self.packet }
    }

    pub fn packet(&self) -> &[u8] {
        &self.packet
    }

    /// As [`Chunk::count`].
    pub fn count(&self) -> u64 {
        count(self.undone, &self.packet)
    }
}

fn count(undone: Result<Undone, Malformed>, packet: &[u8]) -> u64 {
    match undone {
        Ok(Undone::Split { protocol, size }) => split::count(packet, protocol, size).unwrap_or(1),
        Ok(Undone::Nothing | Undone::Checksum { .. }) | Err(_) => 1,
    }
}

fn packets(
    undone: Result<Undone, Malformed>,
    packet: &mut [u8],
    leave: bool,
    mut f: impl FnMut(&[u8], Checksum),
) -> Result<(), Malformed> {
    match undone? {
        Undone::Nothing => {
            packet::parse(packet)?;
            f(packet, Checksum::Complete);
        }
        Undone::Checksum { start, offset } => {
            let checksum = split::complete(packet, start, offset, leave)?;
            f(packet, checksum);
        }
        Undone::Split { protocol, size } => {
            let checksum = if leave { Checksum::Left } else { Checksum::Complete };
            split::split(packet, protocol, size, leave, |segment| f(segment, checksum))?;
        }
    }
    Ok(())
}
