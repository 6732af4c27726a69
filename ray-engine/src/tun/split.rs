//! Splits a super-packet into the packets that would go over a wire, and completes checksums or leaves them.
#![forbid(unsafe_code)]

use std::net::IpAddr;

use crate::packet::{
    self, Checksum, Layout, Malformed, Parsed, TCP,
    checksum::{self, Sum, nonzero},
    ipv4, ipv6, tcp, udp,
};

/// Room for an IP header with options or extensions and a full TCP header; more is not what hosts send.
const HEADERS_MAX: usize = 256;

/// Puts the sum from `start` on at `start + offset`, as the kernel asks for. With `leave`, that of a whole TCP or UDP
/// packet is not made: its field is zero then.
pub(super) fn complete(packet: &mut [u8], start: usize, offset: usize, leave: bool) -> Result<Checksum, Malformed> {
    let parsed = packet::parse(packet)?;
    let layout = parsed.layout();
    let own = start == layout.transport_at && !parsed.is_fragment();
    let place = checksum::place_in(layout.protocol).filter(|_| own);
    let fits = match (own, place) {
        (true, Some(place)) => offset == place,
        (true, None) => true,
        // That of a packet inside the packet.
        (false, _) => start >= layout.transport_at + transport_header_len(&parsed),
    };
    if !fits {
        return Err(Malformed::Offload);
    }
    let field = start.checked_add(offset).ok_or(Malformed::Offload)?;
    if leave && place.is_some() {
        put(packet, field, 0)?;
        return Ok(Checksum::Left);
    }
    let sum = Sum::default().plus(packet.get(start..).ok_or(Malformed::Offload)?).finish();
    put(packet, field, nonzero(sum))?;
    Ok(Checksum::Complete)
}

/// Hands each segment to `f`, in order. Splits in place and copies no payload: the headers of a segment are written
/// over the end of the one before, which `f` is done with. With `leave`, no payload is summed and the field is zero.
pub(super) fn split(
    packet: &mut [u8],
    protocol: u8,
    size: usize,
    leave: bool,
    f: impl FnMut(&[u8]),
) -> Result<(), Malformed> {
    cut(packet, protocol, size, 1, leave, f)
}

/// As [`split`], but hands over super-packets of at most `len` bytes and at least one segment each, without sums.
pub(super) fn parts(
    packet: &mut [u8],
    protocol: u8,
    size: usize,
    len: usize,
    f: impl FnMut(&[u8]),
) -> Result<(), Malformed> {
    let segments = len.checked_div(size).ok_or(Malformed::Offload)?.max(1);
    cut(packet, protocol, size, segments, true, f)
}

/// Cuts the payload into pieces of so many segments.
fn cut(
    packet: &mut [u8],
    protocol: u8,
    size: usize,
    segments: usize,
    leave: bool,
    mut f: impl FnMut(&[u8]),
) -> Result<(), Malformed> {
    let head = Head::read(packet, protocol, leave)?;
    let (payload_len, piece_len) = (packet.len() - head.len, size * segments);
    if piece_len == 0 || payload_len == 0 {
        return Err(Malformed::Offload);
    }
    let count = payload_len.div_ceil(piece_len);
    for index in 0..count {
        let start = index * piece_len;
        let end = packet.len().min(start + head.len + piece_len);
        let piece = packet.get_mut(start..end).ok_or(Malformed::Offload)?;
        head.write(piece, index * segments, start, index + 1 == count)?;
        f(piece);
    }
    Ok(())
}

/// How many packets [`split`] makes; `None` where it refuses.
pub(super) fn count(packet: &[u8], protocol: u8, size: usize) -> Option<u64> {
    let parsed = packet::parse(packet).ok().filter(|parsed| parsed.protocol() == protocol && size > 0)?;
    let header_len = parsed.layout().transport_at + transport_header_len(&parsed);
    Some(packet.len().saturating_sub(header_len).div_ceil(size) as u64)
}

/// The headers that all segments share, and the sums over what does not change between them.
struct Head {
    bytes: [u8; HEADERS_MAX],
    len: usize,
    layout: Layout,
    /// Where in the transport header the sum stands.
    sum_at: usize,
    /// `None` where the sums are left.
    pseudo: Option<Sum>,
}

impl Head {
    fn read(packet: &[u8], protocol: u8, leave: bool) -> Result<Self, Malformed> {
        let parsed = packet::parse(packet)?;
        let layout = parsed.layout();
        if layout.protocol != protocol || parsed.is_fragment() {
            return Err(Malformed::Offload);
        }
        let sum_at = checksum::place_in(protocol).ok_or(Malformed::Offload)?;
        let len = layout.transport_at + transport_header_len(&parsed);
        let mut bytes = [0; HEADERS_MAX];
        let kept = bytes.get_mut(..len).ok_or(Malformed::Offload)?;
        kept.copy_from_slice(packet.get(..len).ok_or(Malformed::Offload)?);
        put(&mut bytes, layout.transport_at + sum_at, 0)?;
        let pseudo = (!leave).then(|| checksum::pseudo(layout.src, layout.dst, protocol, 0));
        Ok(Self { bytes, len, layout, sum_at, pseudo })
    }

    /// Makes `segment`, whose payload is in place, a packet of its own. `index` counts the segments before it, `skipped` their
    /// payload.
    fn write(&self, segment: &mut [u8], index: usize, skipped: usize, last: bool) -> Result<(), Malformed> {
        let total = segment.len();
        let headers = segment.get_mut(..self.len).ok_or(Malformed::Offload)?;
        headers.copy_from_slice(self.bytes.get(..self.len).ok_or(Malformed::Offload)?);
        match self.layout.src {
            IpAddr::V4(_) => {
                let id = u16_at(headers, ipv4::ID_AT)?.wrapping_add(length(index)?);
                put(headers, ipv4::TOTAL_LEN_AT, length(total)?)?;
                put(headers, ipv4::ID_AT, id)?;
                put(headers, ipv4::CHECKSUM_AT, 0)?;
                let sum = checksum::of(headers.get(..self.layout.transport_at).ok_or(Malformed::Offload)?);
                put(headers, ipv4::CHECKSUM_AT, sum)?;
            }
            IpAddr::V6(_) => put(headers, ipv6::PAYLOAD_LEN_AT, length(total.saturating_sub(ipv6::HEADER_LEN))?)?,
        }
        let transport = segment.get_mut(self.layout.transport_at..).ok_or(Malformed::Offload)?;
        let transport_len = length(transport.len())?;
        if self.layout.protocol == TCP {
            shape_tcp(transport, skipped, index == 0, last)?;
        } else {
            put(transport, udp::LENGTH_AT, transport_len)?;
        }
        let Some(pseudo) = self.pseudo else { return Ok(()) };
        let sum = pseudo.plus_u16(transport_len).plus(transport).finish();
        put(transport, self.sum_at, nonzero(sum))
    }
}

/// FIN and PSH belong to the last segment, CWR to the first.
fn shape_tcp(transport: &mut [u8], skipped: usize, first: bool, last: bool) -> Result<(), Malformed> {
    let header = transport.first_chunk_mut::<{ tcp::HEADER_MIN }>().ok_or(Malformed::Offload)?;
    let skipped = u32::try_from(skipped).map_err(|_| Malformed::Offload)?;
    let seq = u32::from_be_bytes([header[4], header[5], header[6], header[7]]).wrapping_add(skipped);
    header[4..8].copy_from_slice(&seq.to_be_bytes());
    if !first {
        header[tcp::FLAGS_AT] &= !tcp::CWR;
    }
    if !last {
        header[tcp::FLAGS_AT] &= !(tcp::FIN | tcp::PSH);
    }
    Ok(())
}

/// Of what has been parsed; the least where the protocol says no more.
fn transport_header_len(parsed: &Parsed<'_>) -> usize {
    match parsed.protocol() {
        TCP => parsed.transport().first_chunk().map_or(0, tcp::header_len),
        _ => udp::HEADER_LEN,
    }
}

pub(super) fn length(len: usize) -> Result<u16, Malformed> {
    u16::try_from(len).map_err(|_| Malformed::Offload)
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, Malformed> {
    let pair = bytes.get(at..).and_then(|rest| rest.first_chunk::<2>()).ok_or(Malformed::Offload)?;
    Ok(u16::from_be_bytes(*pair))
}

pub(super) fn put(bytes: &mut [u8], at: usize, value: u16) -> Result<(), Malformed> {
    let place = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<2>()).ok_or(Malformed::Offload)?;
    *place = value.to_be_bytes();
    Ok(())
}

#[cfg(test)]
mod tests;
