//! Reads one IP packet strictly and says what is in it. Layer 1: bytes in, values out; no IO, no clock.
#![forbid(unsafe_code)]

pub mod checksum;
mod cited;
pub mod ecn;
mod emit;
mod flow;
pub mod icmp;
pub(crate) mod ipv4;
pub(crate) mod ipv6;
mod malformed;
pub mod mss;
mod segment;
pub mod tcp;
mod transport;
pub mod udp;

use std::net::IpAddr;

pub use self::{
    cited::{Cited, CitedKind},
    flow::flow_hash,
    malformed::Malformed,
    segment::Segment,
    transport::{ICMP, ICMPV6, TCP, UDP},
};

/// A packet that passed every check of [`parse`].
#[derive(Debug, Clone, Copy)]
pub struct Parsed<'a> {
    bytes: &'a [u8],
    layout: Layout,
}

/// What [`parse`] found out; it refers to the packet by offsets, so that it can be kept beside an owned packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    pub(crate) src: IpAddr,
    pub(crate) dst: IpAddr,
    /// The upper-layer protocol, behind any IPv6 extension headers.
    pub(crate) protocol: u8,
    /// Where the upper-layer header begins; never beyond the packet's end.
    pub(crate) transport_at: usize,
    pub(crate) fragment: Fragment,
    /// Where a fragment belongs; `None` for a whole datagram.
    pub(crate) piece: Option<Piece>,
    /// Source and destination port, where the packet carries them.
    pub(crate) ports: Option<(u16, u16)>,
}

/// Which part of a datagram a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fragment {
    Whole,
    /// Carries the upper-layer header, and more follows.
    First,
    /// Carries no upper-layer header.
    Later,
}

/// Which bytes of which datagram a fragment carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The datagram, among those of the same two hosts and, in IPv4, the same protocol.
    pub(crate) id: u32,
    /// In units of eight bytes; the parser has checked that the end is within a datagram.
    pub(crate) start: u16,
    pub(crate) end: u16,
    /// Whether further pieces follow.
    pub(crate) more: bool,
}

/// Whether the checksum of the TCP or UDP header stands in the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    Complete,
    /// Left to whoever hands the packet to a host. Only for whole TCP and UDP packets whose integrity the link vouches for.
    Left,
}

/// The five values that name a TCP or UDP flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flow {
    pub src: IpAddr,
    pub dst: IpAddr,
    pub protocol: u8,
    pub src_port: u16,
    pub dst_port: u16,
}

/// Reads a packet that begins with its IP header and ends with its last byte. A GSO super-packet is one packet here:
/// its IP length is that of the whole.
pub fn parse(bytes: &[u8]) -> Result<Parsed<'_>, Malformed> {
    let layout = match bytes.first().map(|byte| byte >> 4) {
        None => return Err(Malformed::ShortHeader),
        Some(4) => ipv4::read(bytes)?,
        Some(6) => ipv6::read(bytes)?,
        Some(_) => return Err(Malformed::Version),
    };
    Ok(Parsed { bytes, layout })
}

impl<'a> Parsed<'a> {
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub fn layout(&self) -> Layout {
        self.layout
    }

    pub fn src(&self) -> IpAddr {
        self.layout.src
    }

    pub fn dst(&self) -> IpAddr {
        self.layout.dst
    }

    pub fn protocol(&self) -> u8 {
        self.layout.protocol
    }

    /// `None` for other protocols than TCP and UDP, and for fragments without ports.
    pub fn flow(&self) -> Option<Flow> {
        self.layout.flow()
    }

    pub fn is_fragment(&self) -> bool {
        self.layout.fragment != Fragment::Whole
    }

    /// Whether it may not be cut into fragments on its way: its sender wants to be told of a link that it does not fit.
    pub fn is_unfragmentable(&self) -> bool {
        match self.layout.src {
            IpAddr::V4(_) => {
                self.bytes.first_chunk().is_some_and(|header| ipv4::fragment_field(header) & ipv4::DONT_FRAGMENT != 0)
            }
            IpAddr::V6(_) => true,
        }
    }

    /// The upper-layer header and what follows it.
    pub fn transport(&self) -> &'a [u8] {
        self.bytes.get(self.layout.transport_at..).unwrap_or_default()
    }
}

impl Piece {
    fn new(id: u32, start: u16, len: usize, more: bool) -> Self {
        let units = u16::try_from(len.div_ceil(8)).unwrap_or(u16::MAX);
        Self { id, start, end: start.saturating_add(units), more }
    }
}

impl Layout {
    pub fn flow(&self) -> Option<Flow> {
        let (src_port, dst_port) = self.ports?;
        Some(Flow { src: self.src, dst: self.dst, protocol: self.protocol, src_port, dst_port })
    }
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
