//! Merges consecutive TCP segments of one flow into one super-packet for the kernel.
//!
//! Safe because: only segments with a right checksum are merged, only where a receiver could not tell the difference,
//! and every field of the header that goes before the result is computed here.
#![forbid(unsafe_code)]

use std::net::IpAddr;

use super::{PACKET_MAX, vnet};
use crate::packet::{Fragment, Layout, TCP, checksum};

/// Longest result: what an IPv4 length field can say.
const RUN_MAX: usize = 65_535;
const IPV4_HEADER_LEN: usize = 20;
const IPV6_HEADER_LEN: usize = 40;
const TCP_HEADER_MIN: usize = 20;

const FLAGS_AT: usize = 13;
const FLAG_PSH: u8 = 0x08;
const FLAG_ACK: u8 = 0x10;

/// A TCP segment that may be merged with its neighbours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment<'a> {
    packet: &'a [u8],
    layout: Layout,
    header_len: usize,
    seq: u32,
    push: bool,
}

impl<'a> Segment<'a> {
    /// `None` for whatever must be written alone: other protocols, fragments, IP options, any flag but ACK and PSH,
    /// no payload, a wrong checksum.
    pub(super) fn of(packet: &'a [u8], layout: Layout) -> Option<Self> {
        let plain_header_len = match layout.src {
            IpAddr::V4(_) => IPV4_HEADER_LEN,
            IpAddr::V6(_) => IPV6_HEADER_LEN,
        };
        let mergeable =
            layout.protocol == TCP && layout.fragment == Fragment::Whole && layout.transport_at == plain_header_len;
        if !mergeable || packet.len() > RUN_MAX {
            return None;
        }
        let transport = packet.get(layout.transport_at..)?;
        let tcp = transport.first_chunk::<TCP_HEADER_MIN>()?;
        let header_len = layout.transport_at + usize::from(tcp[12] >> 4) * 4;
        let flags = tcp[FLAGS_AT];
        // The low bits of byte 12 are flags too.
        let plain_flags = flags & !FLAG_PSH == FLAG_ACK && tcp[12] & 0x0f == 0;
        if !plain_flags || packet.len() <= header_len {
            return None;
        }
        let transport_len = u16::try_from(transport.len()).ok()?;
        if checksum::pseudo(layout.src, layout.dst, TCP, transport_len).plus(transport).finish() != 0 {
            return None;
        }
        let seq = u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]);
        Some(Self { packet, layout, header_len, seq, push: flags & FLAG_PSH != 0 })
    }

    fn payload(&self) -> &'a [u8] {
        self.packet.get(self.header_len..).unwrap_or_default()
    }

    /// Whether the headers equal `other`'s but for lengths, sums, IPv4 id, sequence number and PSH.
    fn resembles(&self, other: &[u8]) -> bool {
        let at = self.layout.transport_at;
        let (ip, tcp): (&[(usize, usize)], _) = match self.layout.src {
            IpAddr::V4(_) => (&[(0, 2), (6, 10), (12, 20)], at),
            IpAddr::V6(_) => (&[(0, 4), (6, 40)], at),
        };
        let parts = [(tcp, tcp + 4), (tcp + 8, tcp + 13), (tcp + 14, tcp + 16), (tcp + 18, self.header_len)];
        ip.iter().chain(&parts).all(|&(from, to)| match (self.packet.get(from..to), other.get(from..to)) {
            (Some(own), Some(others)) => own == others,
            (Some(_) | None, _) => false,
        })
    }
}

/// Segments that were merged so far, after their `virtio_net` header.
#[derive(Debug)]
pub(super) struct Run {
    buffer: Vec<u8>,
    first: Option<First>,
}

#[derive(Debug, Clone, Copy)]
struct First {
    layout: Layout,
    header_len: usize,
    /// Payload of every segment but the last.
    size: usize,
    segments: usize,
    next_seq: u32,
    /// The last segment was short or pushed: nothing may follow it.
    closed: bool,
}

impl Run {
    pub(super) fn new() -> Self {
        Self { buffer: Vec::with_capacity(vnet::LEN + PACKET_MAX), first: None }
    }

    /// Adds a segment. `false` where it does not continue the run, which is unchanged then.
    pub(super) fn push(&mut self, segment: &Segment<'_>) -> bool {
        let payload = segment.payload();
        let Some(first) = &mut self.first else {
            self.first = Some(First {
                layout: segment.layout,
                header_len: segment.header_len,
                size: payload.len(),
                segments: 1,
                next_seq: after(segment),
                closed: segment.push,
            });
            self.buffer.clear();
            self.buffer.extend_from_slice(&vnet::PLAIN);
            self.buffer.extend_from_slice(segment.packet);
            return true;
        };
        let fits = !first.closed
            && segment.seq == first.next_seq
            && payload.len() <= first.size
            && segment.header_len == first.header_len
            && self.buffer.len() - vnet::LEN + payload.len() <= RUN_MAX
            && segment.resembles(self.buffer.get(vnet::LEN..).unwrap_or_default());
        if !fits {
            return false;
        }
        self.buffer.extend_from_slice(payload);
        first.segments += 1;
        first.next_seq = after(segment);
        first.closed = segment.push || payload.len() < first.size;
        if segment.push
            && let Some(flags) = self.buffer.get_mut(vnet::LEN + first.layout.transport_at + FLAGS_AT)
        {
            *flags |= FLAG_PSH;
        }
        true
    }

    /// The bytes to write, header included, and how many segments they stand for. Leaves the run empty.
    pub(super) fn take(&mut self) -> Option<(&[u8], usize)> {
        let first = self.first.take()?;
        if first.segments > 1 {
            self.finish(&first)?;
        }
        Some((&self.buffer, first.segments))
    }

    fn finish(&mut self, first: &First) -> Option<()> {
        let at = first.layout.transport_at;
        let v6 = first.layout.src.is_ipv6();
        let (header, packet) = self.buffer.split_at_mut_checked(vnet::LEN)?;
        let total = u16::try_from(packet.len()).ok()?;
        let transport_len = u16::try_from(packet.len() - at).ok()?;
        header.copy_from_slice(&vnet::tcp(
            v6,
            u16::try_from(at).ok()?,
            u16::try_from(first.header_len).ok()?,
            u16::try_from(first.size).ok()?,
        ));
        if v6 {
            packet.get_mut(4..6)?.copy_from_slice(&transport_len.to_be_bytes());
        } else {
            packet.get_mut(2..4)?.copy_from_slice(&total.to_be_bytes());
            packet.get_mut(10..12)?.fill(0);
            let sum = checksum::of(packet.get(..at)?);
            packet.get_mut(10..12)?.copy_from_slice(&sum.to_be_bytes());
        }
        let partial = checksum::pseudo(first.layout.src, first.layout.dst, TCP, transport_len).folded();
        packet.get_mut(at + 16..at + 18)?.copy_from_slice(&partial.to_be_bytes());
        Some(())
    }
}

fn after(segment: &Segment<'_>) -> u32 {
    // A payload is below 64 KiB.
    segment.seq.wrapping_add(u32::try_from(segment.payload().len()).unwrap_or_default())
}

#[cfg(test)]
mod tests;
