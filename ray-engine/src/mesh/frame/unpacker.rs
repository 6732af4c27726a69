//! Takes packets out of the datagrams of one link. What it is given was made by the peer: nothing in it is trusted.

use bytes::Bytes;

use super::{
    HEADER, KIND_CONTROL, KIND_FRAGMENT, KIND_PACKETS, KIND_SEGMENTS, LENGTH, PACKET_MAX, Totals, control,
    reassembly::{Part, Reassembly},
};
use crate::{firewall::Millis, packet::Checksum};

/// A datagram that is no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadFrame;

/// What a datagram brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unpacked {
    /// Any bytes: whether they are a packet is for others to judge.
    Packet {
        handle: u16,
        checksum: Checksum,
        bytes: Bytes,
    },
    Totals(Totals),
}

#[derive(Debug, Default)]
pub struct Unpacker {
    reassembly: Reassembly,
}

impl Unpacker {
    /// Calls `deliver` for what `datagram` brings or completes, in its order. A datagram that is no frame brings nothing.
    /// `now` never runs backwards.
    pub fn unpack(&mut self, datagram: &Bytes, now: Millis, mut deliver: impl FnMut(Unpacked)) -> Result<(), BadFrame> {
        // An empty one says nothing: a carrier sends it to make room.
        let Some((&kind, rest)) = datagram.split_first() else { return Ok(()) };
        self.reassembly.expire(now);
        let checksum = match kind {
            KIND_PACKETS => Checksum::Complete,
            KIND_SEGMENTS => Checksum::Left,
            KIND_FRAGMENT => {
                let part = Part::read(rest)?;
                if let Some(bytes) = self.reassembly.add(&part, now) {
                    deliver(Unpacked::Packet { handle: part.handle, checksum: Checksum::Complete, bytes });
                }
                return Ok(());
            }
            KIND_CONTROL => {
                if let Some(totals) = control::read(rest)? {
                    deliver(Unpacked::Totals(totals));
                }
                return Ok(());
            }
            _ => return Err(BadFrame),
        };
        let (&handle, packets) = rest.split_first_chunk::<2>().ok_or(BadFrame)?;
        let handle = u16::from_le_bytes(handle);
        check_packets(packets)?;
        let mut at = HEADER;
        while let Some((packet, end)) = packet_at(datagram, at) {
            deliver(Unpacked::Packet { handle, checksum, bytes: datagram.slice(packet..end) });
            at = end;
        }
        Ok(())
    }

    /// Packets given up so far, because a part of them did not come in time, or contradicted the others.
    pub fn abandoned(&self) -> u64 {
        self.reassembly.abandoned()
    }

    /// Bytes of memory for packets that are incomplete; at most [`super::HELD_MAX`].
    pub fn held(&self) -> usize {
        self.reassembly.held()
    }
}

/// At least one packet, each of a length that a packet may have, and nothing behind the last.
fn check_packets(packets: &[u8]) -> Result<(), BadFrame> {
    let mut at = 0;
    while let Some((_, end)) = packet_at(packets, at) {
        at = end;
    }
    if at == packets.len() && at > 0 { Ok(()) } else { Err(BadFrame) }
}

/// Where the packet whose length field is at `at` begins and ends.
fn packet_at(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let (&length, rest) = bytes.get(at..)?.split_first_chunk::<LENGTH>()?;
    let length = usize::from(u16::from_le_bytes(length));
    let fits = (1..=PACKET_MAX.min(rest.len())).contains(&length);
    fits.then_some((at + LENGTH, at + LENGTH + length))
}
