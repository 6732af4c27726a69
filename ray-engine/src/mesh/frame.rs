//! Datagram frames: inner packets on their way over a link.
//!
//! ```text
//! packets    0x01 | handle u16 | { length u16 | packet }…            until the end of the datagram
//! fragment   0x02 | handle u16 | id u32 | index u8 | count u8 | part
//! ```
//!
//! Integers are little endian. The handle names the network, in the receiver's numbering. Small packets share a datagram
//! but none waits for another. A packet that does not fit one datagram is split into `count` parts, since the size of a
//! datagram moves up and down during a connection and a dropped packet would be a black hole for IPv6.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};

const KIND_PACKETS: u8 = 0x01;
const KIND_FRAGMENT: u8 = 0x02;
const HEADER: usize = 3;
const LENGTH: usize = 2;
const FRAGMENT_HEADER: usize = HEADER + 6;

/// Longest inner packet: the largest MTU the settings allow, with room to spare.
pub const PACKET_MAX: usize = 2048;
/// Smallest datagram that a QUIC path offers (1200-byte packets less overhead), with room to spare.
pub const DATAGRAM_MIN: usize = 1100;
/// Parts of one packet. Two suffice for every path; four allow for odd sizes.
const PARTS_MAX: usize = 4;
/// Packets under reassembly per peer, oldest out. Parts travel together, so few are open at a time.
const OPEN_MAX: usize = 32;

const _: () = assert!(PARTS_MAX * (DATAGRAM_MIN - FRAGMENT_HEADER) >= PACKET_MAX);

/// Fills datagrams of one link with packets.
#[derive(Debug, Default)]
pub struct Packer {
    datagrams: Vec<Bytes>,
    open: BytesMut,
    handle: u16,
    next_fragment: u32,
}

impl Packer {
    /// Adds a packet for datagrams of at most `datagram_max` bytes. Whether it could be taken: longer packets than
    /// [`PACKET_MAX`], or datagrams too small for [`PARTS_MAX`] parts, cannot.
    #[must_use]
    pub fn push(&mut self, handle: u16, packet: &[u8], datagram_max: usize) -> bool {
        let Ok(length) = u16::try_from(packet.len()) else { return false };
        if packet.len() > PACKET_MAX {
            return false;
        }
        if HEADER + LENGTH + packet.len() > datagram_max {
            return self.push_fragments(handle, packet, datagram_max);
        }
        let fits = self.handle == handle && self.open.len() + LENGTH + packet.len() <= datagram_max;
        if self.open.is_empty() || !fits {
            self.close_open();
            self.open.reserve(datagram_max);
            self.open.put_u8(KIND_PACKETS);
            self.open.put_u16_le(handle);
            self.handle = handle;
        }
        self.open.put_u16_le(length);
        self.open.put_slice(packet);
        true
    }

    /// The datagrams so far.
    pub fn finished(&mut self) -> &[Bytes] {
        self.close_open();
        &self.datagrams
    }

    fn push_fragments(&mut self, handle: u16, packet: &[u8], datagram_max: usize) -> bool {
        let Some(part_max) = datagram_max.checked_sub(FRAGMENT_HEADER).filter(|room| *room > 0) else { return false };
        let count = packet.len().div_ceil(part_max);
        let Some(count_field) = u8::try_from(count).ok().filter(|_| count <= PARTS_MAX) else { return false };
        self.close_open();
        let id = self.next_fragment;
        self.next_fragment = self.next_fragment.wrapping_add(1);
        // Parts of equal size: a run of equal datagrams leaves the host as one GSO send.
        for (index, part) in (0..count_field).zip(packet.chunks(packet.len().div_ceil(count))) {
            self.open.reserve(FRAGMENT_HEADER + part.len());
            self.open.put_u8(KIND_FRAGMENT);
            self.open.put_u16_le(handle);
            self.open.put_u32_le(id);
            self.open.put_u8(index);
            self.open.put_u8(count_field);
            self.open.put_slice(part);
            self.close_open();
        }
        true
    }

    fn close_open(&mut self) {
        if !self.open.is_empty() {
            self.datagrams.push(self.open.split().freeze());
        }
    }
}

/// A datagram that is no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadFrame;

/// Takes packets out of the datagrams of one link.
#[derive(Debug, Default)]
pub struct Unpacker {
    open: VecDeque<Partial>,
}

#[derive(Debug)]
struct Partial {
    handle: u16,
    id: u32,
    parts: [Option<Bytes>; PARTS_MAX],
    count: u8,
}

impl Unpacker {
    /// Calls `deliver` with the handle and the bytes of each packet that `datagram` completes.
    pub fn unpack(&mut self, datagram: &Bytes, mut deliver: impl FnMut(u16, Bytes)) -> Result<(), BadFrame> {
        let (&[kind, low, high], _) = datagram.split_first_chunk::<HEADER>().ok_or(BadFrame)?;
        let handle = u16::from_le_bytes([low, high]);
        match kind {
            KIND_PACKETS => unpack_packets(&datagram.slice(HEADER..), |packet| deliver(handle, packet)),
            KIND_FRAGMENT => {
                if let Some(packet) = self.collect(handle, datagram)? {
                    deliver(handle, packet);
                }
                Ok(())
            }
            _ => Err(BadFrame),
        }
    }

    fn collect(&mut self, handle: u16, datagram: &Bytes) -> Result<Option<Bytes>, BadFrame> {
        let head = datagram.get(HEADER..FRAGMENT_HEADER).ok_or(BadFrame)?;
        let &[a, b, c, d, index, count] = head else { return Err(BadFrame) };
        let id = u32::from_le_bytes([a, b, c, d]);
        let part = datagram.slice(FRAGMENT_HEADER..);
        let counts = 2..=PARTS_MAX;
        if part.is_empty() || part.len() > PACKET_MAX || index >= count || !counts.contains(&usize::from(count)) {
            return Err(BadFrame);
        }
        let known = self.open.iter().position(|p| p.id == id && p.handle == handle && p.count == count);
        let at = known.unwrap_or_else(|| {
            if self.open.len() == OPEN_MAX {
                self.open.pop_front();
            }
            self.open.push_back(Partial { handle, id, parts: Default::default(), count });
            self.open.len() - 1
        });
        let Some(partial) = self.open.get_mut(at) else { return Err(BadFrame) };
        if let Some(slot) = partial.parts.get_mut(usize::from(index)) {
            *slot = Some(part);
        }
        let complete = partial.parts.iter().take(usize::from(count)).all(Option::is_some);
        if !complete {
            return Ok(None);
        }
        let Some(whole) = self.open.remove(at) else { return Err(BadFrame) };
        let mut packet = BytesMut::with_capacity(PACKET_MAX);
        for part in whole.parts.into_iter().flatten() {
            if packet.len() + part.len() > PACKET_MAX {
                return Err(BadFrame);
            }
            packet.put_slice(&part);
        }
        Ok(Some(packet.freeze()))
    }
}

fn unpack_packets(body: &Bytes, mut deliver: impl FnMut(Bytes)) -> Result<(), BadFrame> {
    let mut at = 0;
    while at < body.len() {
        let length = body.get(at..at + LENGTH).ok_or(BadFrame)?;
        let &[low, high] = length else { return Err(BadFrame) };
        let end = at + LENGTH + usize::from(u16::from_le_bytes([low, high]));
        if end > body.len() || end == at + LENGTH {
            return Err(BadFrame);
        }
        deliver(body.slice(at + LENGTH..end));
        at = end;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frozen_vectors() {
        let mut packer = Packer::default();
        assert!(packer.push(0x0102, b"ab", 1200));
        assert!(packer.push(0x0102, b"cde", 1200));
        assert!(packer.push(0x0103, b"f", 1200));
        assert_eq!(
            taken(&mut packer),
            [&b"\x01\x02\x01\x02\x00ab\x03\x00cde"[..], &b"\x01\x03\x01\x01\x00f"[..]].map(Bytes::from_static)
        );
        assert!(packer.push(0x0102, b"0123456789", 14));
        assert_eq!(
            taken(&mut packer),
            [&b"\x02\x02\x01\x00\x00\x00\x00\x00\x0201234"[..], &b"\x02\x02\x01\x00\x00\x00\x00\x01\x0256789"[..]]
                .map(Bytes::from_static)
        );
    }

    #[test]
    fn every_size_of_packet_crosses_every_size_of_datagram() {
        let packets: Vec<Vec<u8>> = (1..=PACKET_MAX).step_by(13).map(pattern).collect();
        for datagram_max in [DATAGRAM_MIN, 1162, 1362, 1414, 9000] {
            let (mut packer, mut unpacker) = (Packer::default(), Unpacker::default());
            let mut arrived = Vec::new();
            for packet in &packets {
                assert!(packer.push(7, packet, datagram_max), "{} in {datagram_max}", packet.len());
            }
            for datagram in taken(&mut packer) {
                assert!(datagram.len() <= datagram_max);
                unpacker.unpack(&datagram, |handle, packet| arrived.push((handle, packet.to_vec()))).unwrap();
            }
            assert_eq!(arrived, packets.iter().map(|p| (7, p.clone())).collect::<Vec<_>>());
        }
    }

    #[test]
    fn parts_may_arrive_in_any_order_and_twice() {
        let mut packer = Packer::default();
        assert!(packer.push(7, &pattern(1280), 1162));
        let parts = taken(&mut packer);
        let mut arrived = Vec::new();
        let mut unpacker = Unpacker::default();
        for at in [1, 1, 0] {
            unpacker.unpack(&parts[at], |_, packet| arrived.push(packet)).unwrap();
        }
        assert_eq!(arrived, [Bytes::from(pattern(1280))]);
    }

    #[test]
    fn holds_a_bounded_number_of_unfinished_packets() {
        let mut packer = Packer::default();
        let mut unpacker = Unpacker::default();
        for _ in 0..10 * OPEN_MAX {
            assert!(packer.push(7, &pattern(1280), 1162));
            let parts = taken(&mut packer);
            unpacker.unpack(&parts[0], |_, _| panic!("half a packet delivered")).unwrap();
        }
        assert_eq!(unpacker.open.len(), OPEN_MAX);
    }

    #[test]
    fn refuses_what_is_no_frame() {
        for bytes in [
            &b""[..],
            b"\x01",
            b"\x01\x00",
            b"\x00\x01\x00\x01\x00a",
            b"\x03\x01\x00\x01\x00a",
            b"\x01\x01\x00\x02\x00a",
            b"\x01\x01\x00\x01\x00a\x00",
            b"\x01\x01\x00\x00\x00",
            b"\x02\x01\x00\x00\x00\x00\x00\x00\x02",
            b"\x02\x01\x00\x00\x00\x00\x00\x02\x02x",
            b"\x02\x01\x00\x00\x00\x00\x00\x00\x01x",
            b"\x02\x01\x00\x00\x00\x00\x00\x00\x05x",
            b"\x02\x01\x00\x00\x00",
        ] {
            let result = Unpacker::default().unpack(&Bytes::from_static(bytes), |_, _| {});
            assert_eq!(result, Err(BadFrame), "{bytes:?}");
        }
    }

    #[test]
    fn refuses_a_packet_beyond_the_limit() {
        assert!(!Packer::default().push(1, &pattern(PACKET_MAX + 1), 9000));
        assert!(!Packer::default().push(1, &pattern(PACKET_MAX), 300));
    }

    fn taken(packer: &mut Packer) -> Vec<Bytes> {
        let datagrams = packer.finished().to_vec();
        packer.datagrams.clear();
        datagrams
    }

    fn pattern(len: usize) -> Vec<u8> {
        (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect()
    }
}
