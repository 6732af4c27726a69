//! Judges what the host sends into the tunnel.

use std::net::{IpAddr, SocketAddr};

use super::{Deliverable, DropReason, Refused, Snapshot};
use crate::{
    dns::{self, Response, Transport, Zone},
    firewall::{Direction, Firewall, Millis, Party, Verdict},
    ident::{MAGIC_V4, MAGIC_V6, PeerId, RoomId},
    packet::{self, Parsed, TCP, icmp, udp},
};

const DNS_PORT: u16 = 53;

/// Where a packet of the host goes.
#[derive(Debug, Clone, Copy)]
pub enum Outbound<'a> {
    Peer(Routed),
    Dns(DnsQuestion<'a>),
    /// A segment of a TCP connection to the mesh's resolver.
    DnsStream,
}

/// Proof that a packet comes from this host's own address, goes to one of this peer's, and no rule forbids it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Routed {
    to: Party,
}

impl Routed {
    pub(super) fn to(to: Party) -> Self {
        Self { to }
    }

    pub fn peer(&self) -> PeerId {
        self.to.peer
    }

    /// The network that the packet belongs to; its handle goes with it.
    pub fn network(&self) -> RoomId {
        self.to.network
    }
}

/// A query of the host to the mesh's resolver.
#[derive(Debug, Clone, Copy)]
pub struct DnsQuestion<'a> {
    client: DnsClient,
    query: &'a [u8],
}

/// Who asked, for an answer that comes later.
#[derive(Debug, Clone, Copy)]
pub struct DnsClient {
    client: SocketAddr,
    server: SocketAddr,
}

impl DnsQuestion<'_> {
    /// What to do about it.
    pub fn respond(&self, zone: &Zone) -> Response {
        dns::respond(zone, self.query, Transport::Udp)
    }

    /// The reply of a resolver that asks no other, or `None` where the query is not worth one.
    pub fn reply(&self, zone: &Zone) -> Option<Deliverable<Vec<u8>>> {
        self.client.deliver(&dns::answer(zone, self.query)?)
    }

    pub fn client(&self) -> DnsClient {
        self.client
    }
}

impl DnsClient {
    /// The reply as an IP packet for the host. `None` where it exceeds what a packet can hold.
    pub fn deliver(&self, reply: &[u8]) -> Option<Deliverable<Vec<u8>>> {
        Deliverable::for_host(udp::build(self.server, self.client, reply)?)
    }
}

/// A segment that the resolver's own TCP has made, if it goes from there to this host.
pub fn dns_segment(snapshot: &Snapshot, packet: Vec<u8>) -> Option<Deliverable<Vec<u8>>> {
    let parsed = packet::parse(&packet).ok()?;
    let flow = parsed.flow().filter(|flow| flow.src_port == DNS_PORT)?;
    let from_us = is_resolver(parsed.src()) && snapshot.is_own(parsed.dst());
    (from_us && flow.protocol == TCP).then_some(())?;
    Deliverable::for_host(packet)
}

/// The word to our own host that the way to `packet`'s destination takes `mtu` bytes.
pub fn too_big(packet: &Parsed<'_>, mtu: u16) -> Option<Deliverable<Vec<u8>>> {
    Deliverable::for_host(icmp::too_big(packet, mtu, packet.dst())?)
}

/// Judges one packet, or one GSO super-packet: all its segments share the addresses.
pub fn outbound<'a>(
    snapshot: &Snapshot,
    firewall: &Firewall,
    packet: &'a [u8],
    now: Millis,
) -> Result<Outbound<'a>, Refused<Deliverable<Vec<u8>>>> {
    let parsed = packet::parse(packet)?;
    if !snapshot.is_own(parsed.src()) {
        return Err(DropReason::ForeignSource.into());
    }
    if is_resolver(parsed.dst()) {
        return to_resolver(&parsed).ok_or(DropReason::NotADnsQuery.into());
    }
    if snapshot.is_own(parsed.dst()) {
        return Err(DropReason::ToSelf.into());
    }
    let peer = snapshot.routes.lookup(parsed.dst()).ok_or(DropReason::NoRoute)?;
    let to = party(snapshot, firewall, peer, &parsed, now).ok_or(DropReason::NoRoute)?;
    match firewall.judge(&snapshot.rules, &to, Direction::Out, &parsed, now) {
        Verdict::Allow => Ok(Outbound::Peer(Routed::to(to))),
        Verdict::Deny(denied) => Err(denied.into()),
        Verdict::Reject(denied) => {
            let answer = firewall.answer(&to, &parsed, now).and_then(Deliverable::for_host);
            Err(Refused { reason: denied.into(), answer })
        }
    }
}

/// The peer in the network that the packet's flow is in already, or else in the first that it shares with us.
fn party(snapshot: &Snapshot, firewall: &Firewall, peer: PeerId, packet: &Parsed<'_>, now: Millis) -> Option<Party> {
    let shared = snapshot.shared_with(&peer);
    let first = Party { peer, network: *shared.first()? };
    if shared.len() == 1 {
        return Some(first);
    }
    let known = shared.iter().map(|network| Party { peer, network: *network });
    known.into_iter().find(|party| firewall.knows(party, Direction::Out, packet, now)).or(Some(first))
}

fn is_resolver(address: IpAddr) -> bool {
    address == IpAddr::V4(MAGIC_V4) || address == IpAddr::V6(MAGIC_V6)
}

fn to_resolver<'a>(parsed: &Parsed<'a>) -> Option<Outbound<'a>> {
    if let Some(datagram) = udp::datagram_of(parsed).filter(|datagram| datagram.dst_port == DNS_PORT) {
        let client = SocketAddr::new(parsed.src(), datagram.src_port);
        let server = SocketAddr::new(parsed.dst(), datagram.dst_port);
        return Some(Outbound::Dns(DnsQuestion { client: DnsClient { client, server }, query: datagram.payload }));
    }
    let flow = parsed.flow().filter(|_| !parsed.is_fragment())?;
    (flow.protocol == TCP && flow.dst_port == DNS_PORT).then_some(Outbound::DnsStream)
}
