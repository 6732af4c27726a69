//! Decides what goes into one write to the device, and makes the headers of it. Pure: packets in, slices out.
//!
//! Safe because: only packets that [`Segment`] tells to be of one run are merged, only where their checksums are right or
//! left to us, and every field of the header that goes before the result is computed here; no byte of it is a peer's.
#![forbid(unsafe_code)]

use std::io::IoSlice;

use super::{
    split::{length, put},
    vnet,
};
use crate::packet::{Checksum, Fragment, Layout, Malformed, Segment, TCP, checksum, ipv4, ipv6, tcp, udp};

/// Longest result: what an IPv4 length field can say, and what every kernel takes for IPv6.
const RUN_MAX: usize = 65_535;
/// A run of full segments has 54; more only stand for little.
const TCP_SEGMENTS_MAX: usize = 128;
/// As many as the kernel's own merging ever gives a program at once (`UDP_GRO_CNT_MAX`), whose buffers are made for it.
/// A sender's limit (`UDP_MAX_SEGMENTS`) is 64 before Linux 6.9, and 128 since.
const UDP_SEGMENTS_MAX: usize = 64;
/// Our own bytes, then a payload each.
const PARTS_MAX: usize = 1 + TCP_SEGMENTS_MAX;
/// What `writev` takes.
const IOV_MAX: usize = 1024;
const _: () = assert!(PARTS_MAX <= IOV_MAX && UDP_SEGMENTS_MAX <= TCP_SEGMENTS_MAX);

/// An IPv6 header without extensions, and the longest TCP header.
const HEADERS_MAX: usize = ipv6::HEADER_LEN + tcp::HEADER_MAX;
const OWN_MAX: usize = vnet::LEN + HEADERS_MAX;

/// A packet for the host. `layout` is its own, and a packet whose checksum is left is a whole TCP or UDP packet.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    pub bytes: &'a [u8],
    pub layout: Layout,
    pub checksum: Checksum,
}

/// What the kernel may be asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    pub split_tcp: bool,
    pub split_udp: bool,
    pub checksum: bool,
    /// A segment that is longer was not made for this device, and the kernel must not be told to make such.
    pub mtu: u16,
}

impl Allowed {
    pub(super) const NOTHING: Self = Self { split_tcp: false, split_udp: false, checksum: false, mtu: 0 };
}

/// What a write asks the kernel to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    Nothing,
    Checksum,
    SplitTcp,
    SplitUdp,
}

/// What is written at once: the first packets of a batch.
#[derive(Debug)]
pub struct Unit {
    packets: usize,
    ask: Ask,
    /// The `virtio_net` header and what else is of our making: the headers of a run, or a sum.
    own: [u8; OWN_MAX],
    own_len: usize,
    cut: Cut,
}

/// How the bytes of the packets join our own.
#[derive(Debug, Clone, Copy)]
enum Cut {
    /// The packet as it is.
    Whole,
    /// The packet with the two bytes at this place replaced.
    Around(usize),
    /// What stands behind so many bytes of headers, of each packet.
    Behind(usize),
}

/// The slices of one write.
#[derive(Debug)]
pub struct Parts<'a> {
    slices: [IoSlice<'a>; PARTS_MAX],
    len: usize,
}

impl Unit {
    /// Takes as many of `packets` as one write can stand for. `None` where there is none. An error is about the first
    /// packet alone.
    pub fn next<'a>(
        mut packets: impl Iterator<Item = Packet<'a>>,
        allowed: &Allowed,
    ) -> Option<Result<Self, Malformed>> {
        let first = packets.next()?;
        let head = Segment::of(first.bytes).filter(|segment| match segment.protocol() {
            TCP => allowed.split_tcp,
            _ => allowed.split_udp,
        });
        let head = head.filter(|_| first.bytes.len() <= usize::from(allowed.mtu));
        let merged = head.and_then(|head| Run::of(first, head, packets)).map(|run| run.unit());
        Some(merged.unwrap_or_else(|| Self::alone(&first, allowed.checksum)))
    }

    /// One packet as it is. A sum that was left is asked of the kernel where `ask` is set, or else made here.
    pub fn alone(packet: &Packet<'_>, ask: bool) -> Result<Self, Malformed> {
        let mut unit = Self { packets: 1, ask: Ask::Nothing, own: [0; OWN_MAX], own_len: vnet::LEN, cut: Cut::Whole };
        if packet.checksum == Checksum::Left {
            let (at, offset) = place_of_sum(&packet.layout)?;
            let message = packet.bytes.get(at..).ok_or(Malformed::Offload)?;
            let (before, behind) = message.split_at_checked(offset).ok_or(Malformed::Offload)?;
            let behind = behind.get(2..).ok_or(Malformed::Offload)?;
            let (src, dst) = (packet.layout.src, packet.layout.dst);
            let pseudo = checksum::pseudo(src, dst, packet.layout.protocol, length(message.len())?);
            let sum = if ask {
                unit.ask = Ask::Checksum;
                unit.set_header(&vnet::summed(length(at)?, length(offset)?))?;
                pseudo.folded()
            } else {
                checksum::nonzero(pseudo.plus(before).plus(behind).finish())
            };
            put(&mut unit.own, vnet::LEN, sum)?;
            unit.own_len += 2;
            unit.cut = Cut::Around(at + offset);
        }
        Ok(unit)
    }

    /// How many packets it stands for.
    pub fn packets(&self) -> usize {
        self.packets
    }

    pub fn ask(&self) -> Ask {
        self.ask
    }

    /// What to write. `packets` are those that the unit was made of.
    pub fn parts<'s, 'a: 's>(&'s self, packets: impl Iterator<Item = Packet<'a>>) -> Parts<'s> {
        let mut parts = Parts { slices: [IoSlice::new(&[]); PARTS_MAX], len: 0 };
        let (header, sum) = self.own.split_at(vnet::LEN);
        match self.cut {
            Cut::Around(field) => {
                parts.push(header);
                for packet in packets.take(1) {
                    parts.push(packet.bytes.get(..field).unwrap_or_default());
                    parts.push(sum.get(..2).unwrap_or_default());
                    parts.push(packet.bytes.get(field + 2..).unwrap_or_default());
                }
            }
            Cut::Whole | Cut::Behind(_) => {
                let from = if let Cut::Behind(from) = self.cut { from } else { 0 };
                parts.push(self.own.get(..self.own_len).unwrap_or_default());
                for packet in packets.take(self.packets) {
                    parts.push(packet.bytes.get(from..).unwrap_or_default());
                }
            }
        }
        parts
    }

    fn set_header(&mut self, header: &[u8; vnet::LEN]) -> Result<(), Malformed> {
        *self.own.first_chunk_mut().ok_or(Malformed::Offload)? = *header;
        Ok(())
    }
}

impl<'a> Parts<'a> {
    pub fn slices(&self) -> &[IoSlice<'a>] {
        self.slices.get(..self.len).unwrap_or_default()
    }

    fn push(&mut self, bytes: &'a [u8]) {
        if let Some(slice) = self.slices.get_mut(self.len) {
            *slice = IoSlice::new(bytes);
            self.len += 1;
        }
    }
}

/// Two packets or more that the kernel is to split again.
struct Run<'a> {
    head: Segment<'a>,
    /// Payload of every segment but the last.
    size: usize,
    packets: usize,
    total: usize,
    pushed: bool,
}

impl<'a> Run<'a> {
    /// `None` where `first` stays alone.
    fn of(first: Packet<'a>, head: Segment<'a>, following: impl Iterator<Item = Packet<'a>>) -> Option<Self> {
        let size = head.payload().len();
        let packets_max = if head.protocol() == TCP { TCP_SEGMENTS_MAX } else { UDP_SEGMENTS_MAX };
        let (mut packets, mut total, mut last) = (1, first.bytes.len(), head);
        for packet in following {
            // A short segment ends a run, since the kernel splits at equal distances.
            if packets == packets_max || last.is_pushed() || last.payload().len() < size {
                break;
            }
            let Some(segment) = Segment::of(packet.bytes) else { break };
            let len = segment.payload().len();
            let fits = len <= size && total + len <= RUN_MAX && segment.continues(&last);
            // A wrong sum must stay visible to the receiver, so it is not replaced by one that the kernel makes.
            if !fits || (packets == 1 && !is_trusted(&first, &head)) || !is_trusted(&packet, &segment) {
                break;
            }
            (packets, total, last) = (packets + 1, total + len, segment);
        }
        (packets > 1).then_some(Self { head, size, packets, total, pushed: last.is_pushed() })
    }

    fn unit(&self) -> Result<Unit, Malformed> {
        let (head, at, header_len) = (&self.head, self.head.transport_at(), self.head.header_len());
        let mut own = [0; OWN_MAX];
        let (virtio, headers) = own.split_first_chunk_mut().ok_or(Malformed::Offload)?;
        let headers = headers.get_mut(..header_len).ok_or(Malformed::Offload)?;
        headers.copy_from_slice(head.packet().get(..header_len).ok_or(Malformed::Offload)?);
        if head.is_v6() {
            put(headers, ipv6::PAYLOAD_LEN_AT, length(self.total - ipv6::HEADER_LEN)?)?;
        } else {
            put(headers, ipv4::TOTAL_LEN_AT, length(self.total)?)?;
            put(headers, ipv4::CHECKSUM_AT, 0)?;
            let sum = checksum::of(headers.get(..at).ok_or(Malformed::Offload)?);
            put(headers, ipv4::CHECKSUM_AT, sum)?;
        }
        let transport_len = length(self.total - at)?;
        let (src, dst) = head.addresses().ok_or(Malformed::Offload)?;
        let sum = checksum::pseudo(src, dst, head.protocol(), transport_len).folded();
        let (start, size) = (length(at)?, length(self.size)?);
        let ask = if head.protocol() == TCP {
            let flags = headers.get_mut(at + tcp::FLAGS_AT).ok_or(Malformed::Offload)?;
            *flags |= if self.pushed { tcp::PSH } else { 0 };
            *virtio = vnet::tcp(head.is_v6(), start, length(header_len)?, size);
            Ask::SplitTcp
        } else {
            put(headers, at + udp::LENGTH_AT, transport_len)?;
            *virtio = vnet::udp(start, length(header_len)?, size);
            Ask::SplitUdp
        };
        put(headers, at + checksum::place_in(head.protocol()).ok_or(Malformed::Offload)?, sum)?;
        let own_len = vnet::LEN + header_len;
        Ok(Unit { packets: self.packets, ask, own, own_len, cut: Cut::Behind(header_len) })
    }
}

fn is_trusted(packet: &Packet<'_>, segment: &Segment<'_>) -> bool {
    match packet.checksum {
        Checksum::Left => true,
        Checksum::Complete => segment.is_sum_right(),
    }
}

fn place_of_sum(layout: &Layout) -> Result<(usize, usize), Malformed> {
    let offset = checksum::place_in(layout.protocol).filter(|_| layout.fragment == Fragment::Whole);
    Ok((layout.transport_at, offset.ok_or(Malformed::Offload)?))
}

#[cfg(test)]
mod tests;
