//! Judges what the host sends into the tunnel.

use std::net::{IpAddr, SocketAddr};

use super::{Deliverable, DropReason, Snapshot};
use crate::{
    dns::{self, Zone},
    ident::{MAGIC_V4, MAGIC_V6, PeerId},
    packet::{self, Parsed, udp},
};

const DNS_PORT: u16 = 53;

/// Where a packet of the host goes.
#[derive(Debug, Clone, Copy)]
pub enum Outbound<'a> {
    Peer(Routed),
    Dns(DnsQuestion<'a>),
}

/// Proof that a packet comes from this host's own address and goes to one of this peer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Routed {
    peer: PeerId,
}

impl Routed {
    pub fn peer(&self) -> PeerId {
        self.peer
    }
}

/// A query of the host to the mesh's resolver.
#[derive(Debug, Clone, Copy)]
pub struct DnsQuestion<'a> {
    client: SocketAddr,
    server: SocketAddr,
    query: &'a [u8],
}

impl DnsQuestion<'_> {
    /// The reply as an IP packet for the host, or `None` where the query is not worth one.
    pub fn reply(&self, zone: &Zone) -> Option<Deliverable<Vec<u8>>> {
        let reply = dns::answer(zone, self.query)?;
        Deliverable::for_host(udp::build(self.server, self.client, &reply)?)
    }
}

/// Judges one packet, or one GSO super-packet: all its segments share the addresses.
pub fn outbound<'a>(snapshot: &Snapshot, packet: &'a [u8]) -> Result<Outbound<'a>, DropReason> {
    let parsed = packet::parse(packet)?;
    if !snapshot.is_own(parsed.src()) {
        return Err(DropReason::ForeignSource);
    }
    if parsed.dst() == IpAddr::V4(MAGIC_V4) || parsed.dst() == IpAddr::V6(MAGIC_V6) {
        return dns_question(&parsed).map(Outbound::Dns).ok_or(DropReason::NotADnsQuery);
    }
    if snapshot.is_own(parsed.dst()) {
        return Err(DropReason::ToSelf);
    }
    let peer = snapshot.routes.lookup(parsed.dst()).ok_or(DropReason::NoRoute)?;
    Ok(Outbound::Peer(Routed { peer }))
}

fn dns_question<'a>(parsed: &Parsed<'a>) -> Option<DnsQuestion<'a>> {
    let datagram = udp::datagram_of(parsed).filter(|datagram| datagram.dst_port == DNS_PORT)?;
    Some(DnsQuestion {
        client: SocketAddr::new(parsed.src(), datagram.src_port),
        server: SocketAddr::new(parsed.dst(), datagram.dst_port),
        query: datagram.payload,
    })
}
