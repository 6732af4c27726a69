//! The view of a whole TCP or UDP packet that may be one of a run: packets that differ in nothing but what follows from
//! their place in it.
//!
//! It runs once for each packet that arrives, so it reads fixed places and compares words. It trusts no earlier parse:
//! a packet that continues another passes [`super::parse`] if the other does, with the same layout.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    TCP, UDP, checksum,
    ipv4::{self, DONT_FRAGMENT, HEADER_MIN as V4_HEADER_LEN},
    ipv6::{self, HEADER_LEN as V6_HEADER_LEN},
    tcp::{self, ACK, ECE, FLAGS_AT, PSH},
    udp,
};

/// Version 4, five words: no options.
const V4_PLAIN: u8 = 0x45;

/// What may differ in the first words of the headers of a run is zero here. IPv4: total length and id; checksum.
const V4_FIRST: u64 = u64::from_ne_bytes([0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff]);
const V4_SECOND: u64 = u64::from_ne_bytes([0xff, 0xff, 0, 0, 0xff, 0xff, 0xff, 0xff]);
/// IPv6: payload length.
const V6_FIRST: u64 = u64::from_ne_bytes([0xff, 0xff, 0xff, 0xff, 0, 0, 0xff, 0xff]);
/// TCP from the acknowledgement to the window: PSH.
const TCP_SECOND: u64 = u64::from_ne_bytes([0xff, 0xff, 0xff, 0xff, 0xff, !PSH, 0xff, 0xff]);

/// A packet that may be merged with its neighbours, as far as its headers tell. Its checksum was not looked at.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    packet: &'a [u8],
    protocol: u8,
    transport_at: usize,
    header_len: usize,
}

impl<'a> Segment<'a> {
    /// `None` for whatever must stay alone: other protocols, fragments, IP options and extension headers, no payload,
    /// TCP flags that open, end or mark one place of a stream. Also for lengths that lie and a wrong IPv4 header sum.
    pub fn of(packet: &'a [u8]) -> Option<Self> {
        let (protocol, transport_at) = match *packet.first()? {
            V4_PLAIN => (v4_protocol(packet)?, V4_HEADER_LEN),
            first if first >> 4 == 6 => (v6_protocol(packet)?, V6_HEADER_LEN),
            _ => return None,
        };
        let transport = packet.get(transport_at..)?;
        let transport_header_len = match protocol {
            TCP => tcp_header_len(transport)?,
            UDP => udp_header_len(transport)?,
            _ => return None,
        };
        let segment = Self { packet, protocol, transport_at, header_len: transport_at + transport_header_len };
        (packet.len() > segment.header_len).then_some(segment)
    }

    /// TCP or UDP.
    pub fn protocol(&self) -> u8 {
        self.protocol
    }

    pub fn is_v6(&self) -> bool {
        self.transport_at == V6_HEADER_LEN
    }

    pub fn packet(&self) -> &'a [u8] {
        self.packet
    }

    pub fn transport_at(&self) -> usize {
        self.transport_at
    }

    /// Of the IP header and the TCP or UDP header together.
    pub fn header_len(&self) -> usize {
        self.header_len
    }

    /// Never empty.
    pub fn payload(&self) -> &'a [u8] {
        self.packet.get(self.header_len..).unwrap_or_default()
    }

    /// Whether the sender wants it handed on at once: nothing is to follow it in a run.
    pub fn is_pushed(&self) -> bool {
        self.protocol == TCP && self.packet.get(self.transport_at + FLAGS_AT).is_some_and(|flags| flags & PSH != 0)
    }

    /// Whether this packet is the next after `previous`: the headers are equal but for lengths, checksums, the IPv4 id
    /// and PSH, and a TCP sequence number is the successor. Whether sizes fit is the run's matter.
    pub fn continues(&self, previous: &Segment<'_>) -> bool {
        if (self.protocol, self.header_len, self.transport_at)
            != (previous.protocol, previous.header_len, previous.transport_at)
        {
            return false;
        }
        let ip =
            if self.is_v6() { same_v6(self.packet, previous.packet) } else { same_v4(self.packet, previous.packet) };
        ip && match self.protocol {
            TCP => self.same_tcp(previous),
            _ => self.word(0) == previous.word(0),
        }
    }

    /// Whether the checksum field holds what the packet sums up to. A UDP packet without a checksum has no right one.
    pub fn is_sum_right(&self) -> bool {
        let transport = self.packet.get(self.transport_at..).unwrap_or_default();
        let absent = self.protocol == UDP && transport.get(udp::CHECKSUM_AT..udp::HEADER_LEN) == Some(&[0, 0]);
        let Some((src, dst)) = self.addresses() else { return false };
        let Ok(len) = u16::try_from(transport.len()) else { return false };
        !absent && checksum::pseudo(src, dst, self.protocol, len).plus(transport).finish() == 0
    }

    pub fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        if self.is_v6() {
            let addresses = self.packet.get(8..)?.first_chunk::<32>()?;
            let (src, dst) = (addresses.first_chunk::<16>()?, addresses.last_chunk::<16>()?);
            Some((Ipv6Addr::from(*src).into(), Ipv6Addr::from(*dst).into()))
        } else {
            let addresses = self.packet.get(12..)?.first_chunk::<8>()?;
            let (src, dst) = (addresses.first_chunk::<4>()?, addresses.last_chunk::<4>()?);
            Some((Ipv4Addr::from(*src).into(), Ipv4Addr::from(*dst).into()))
        }
    }

    fn same_tcp(&self, previous: &Segment<'_>) -> bool {
        let at = self.transport_at;
        // A payload is below 64 KiB.
        let skipped = u32::try_from(previous.payload().len()).unwrap_or_default();
        let follows = match (self.word(4), previous.word(4)) {
            (Some(seq), Some(before)) => seq == before.wrapping_add(skipped),
            (Some(_) | None, _) => false,
        };
        follows
            && self.word(0) == previous.word(0)
            && same(self.packet, previous.packet, at + 8, TCP_SECOND)
            && self.packet.get(at + 18..self.header_len) == previous.packet.get(at + 18..self.header_len)
    }

    /// Four bytes of the transport header.
    fn word(&self, at: usize) -> Option<u32> {
        Some(u32::from_be_bytes(*self.packet.get(self.transport_at + at..)?.first_chunk::<4>()?))
    }
}

fn v4_protocol(packet: &[u8]) -> Option<u8> {
    let header = packet.first_chunk()?;
    let honest = ipv4::total_len(header) == packet.len();
    let whole = ipv4::fragment_field(header) & !DONT_FRAGMENT == 0;
    (honest && whole && checksum::of(header) == 0).then_some(header[9])
}

fn v6_protocol(packet: &[u8]) -> Option<u8> {
    let header = packet.first_chunk()?;
    let honest = ipv6::payload_len(header) + V6_HEADER_LEN == packet.len();
    honest.then_some(header[6])
}

fn tcp_header_len(transport: &[u8]) -> Option<usize> {
    let header = transport.first_chunk()?;
    let len = tcp::header_len(header);
    // ECE says the same on every segment, unlike CWR. The low bits of the byte before are flags too.
    let plain = header[FLAGS_AT] & !(PSH | ECE) == ACK && header[FLAGS_AT - 1] & 0x0f == 0;
    (plain && len >= tcp::HEADER_MIN).then_some(len)
}

fn udp_header_len(transport: &[u8]) -> Option<usize> {
    (udp::length(transport.first_chunk()?) == transport.len()).then_some(udp::HEADER_LEN)
}

/// With "don't fragment" the id means nothing (RFC 6864) and may be any; a receiver cannot tell. Without it a fragment
/// on the way is put together by its id, and whoever splits the run again counts up from the first: so must these.
fn same_v4(packet: &[u8], previous: &[u8]) -> bool {
    let (Some(own), Some(other)) = (packet.first_chunk::<V4_HEADER_LEN>(), previous.first_chunk::<V4_HEADER_LEN>())
    else {
        return false;
    };
    let follows = ipv4::id(own) == ipv4::id(other).wrapping_add(1);
    let id_fits = follows || ipv4::fragment_field(own) & DONT_FRAGMENT != 0;
    id_fits
        && same(own, other, 0, V4_FIRST)
        && same(own, other, 8, V4_SECOND)
        && own.last_chunk::<4>() == other.last_chunk()
}

fn same_v6(packet: &[u8], previous: &[u8]) -> bool {
    let (Some(own), Some(other)) = (packet.first_chunk::<V6_HEADER_LEN>(), previous.first_chunk::<V6_HEADER_LEN>())
    else {
        return false;
    };
    same(own, other, 0, V6_FIRST) && own.last_chunk::<32>() == other.last_chunk()
}

/// Whether eight bytes from `at` on are equal where `mask` has ones.
fn same(own: &[u8], other: &[u8], at: usize, mask: u64) -> bool {
    let word = |bytes: &[u8]| Some(u64::from_ne_bytes(*bytes.get(at..)?.first_chunk::<8>()?));
    match (word(own), word(other)) {
        (Some(own), Some(other)) => (own ^ other) & mask == 0,
        (Some(_) | None, _) => false,
    }
}

#[cfg(test)]
mod tests;
