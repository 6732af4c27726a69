//! Sample traffic: a large network seen from one of its members, and packets between two of them.

use std::{net::IpAddr, sync::Arc};

use ray_engine::{
    dns::{Host, Zone},
    firewall::{Action, Firewall, Members, Party, Posture, Ruleset, Standing},
    ident::{Hostname, NetworkName, PeerId, RoomId, UnixTime, mesh_v4, mesh_v6},
    packet::{TCP, UDP, checksum},
    plane::Snapshot,
    route::RouteTable,
};

/// A large network; no cost may depend on it.
pub const PEERS: u32 = 1000;
pub const HOME: RoomId = RoomId([8; 32]);
/// The handle of that network, on both sides.
pub const HANDLE: u16 = 1;
/// Any time: the flows of the samples stay young.
pub const NOW: u64 = 1000;

/// Of the device.
pub const MTU: u16 = 1400;
/// What a datagram holds on a path of 1452 bytes.
pub const DATAGRAM: usize = 1414;

/// Payload of a full TCP segment with timestamps.
pub const SEGMENT: usize = 1348;
/// Segments of the longest super-packet.
pub const SEGMENTS: usize = 46;
/// Payload of a small packet, and how many there are in a batch.
pub const SMALL: usize = 64;
pub const SMALLS: usize = 32;
/// Payload of a packet that takes two datagrams, and how many there are in a batch.
pub const LONG: usize = 1600;
pub const LONGS: usize = 16;

const IPV4_HEADER: usize = 20;
const TCP_HEADER: usize = 32;
const UDP_HEADER: usize = 8;
/// IPv4 and TCP with timestamps.
pub const HEADERS: usize = IPV4_HEADER + TCP_HEADER;

/// From linux/virtio_net.h.
pub const VIRTIO_HEADER: usize = 10;
const NEEDS_CHECKSUM: u8 = 1;
const GSO_TCPV4: u8 = 1;

/// A node of a network of [`PEERS`] others, with a firewall that lets everything in.
#[derive(Debug)]
pub struct Node {
    pub snapshot: Snapshot,
    pub firewall: Firewall,
}

impl Node {
    /// The node of peer `own`.
    pub fn new(own: u32) -> Option<Self> {
        let others: Vec<PeerId> = (0..=PEERS).filter(|n| *n != own).map(peer).collect();
        Some(Self { snapshot: snapshot(peer(own), &others)?, firewall: Firewall::default() })
    }
}

/// A peer of the network, in it.
pub fn party(n: u32) -> Party {
    Party { peer: peer(n), network: HOME }
}

/// The address of a peer.
pub fn address(n: u32) -> Option<IpAddr> {
    mesh_v4(&peer(n), 0).map(IpAddr::V4)
}

/// An acknowledging TCP segment between two peers, with a right checksum. A payload beyond the MTU makes it a super-packet.
pub fn tcp(from: u32, to: u32, sequence: u32, payload_len: usize) -> Option<Vec<u8>> {
    let mut message = Vec::with_capacity(TCP_HEADER + payload_len);
    message.extend_from_slice(&ports());
    message.extend_from_slice(&sequence.to_be_bytes());
    message.extend_from_slice(&1u32.to_be_bytes());
    // Eight words of header; ACK; a window; no checksum yet, nothing urgent; two fillers and the timestamps.
    message.extend_from_slice(&[0x80, 0x10, 0x80, 0, 0, 0, 0, 0, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
    message.resize(TCP_HEADER + payload_len, 7);
    ipv4(from, to, TCP, message, 16)
}

/// A SYN that asks for segments of this size.
pub fn syn(from: u32, to: u32, mss: u16) -> Option<Vec<u8>> {
    let mut message = ports().to_vec();
    // Six words of header; SYN; a window.
    message.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 0, 0x60, 0x02, 0xff, 0xff, 0, 0, 0, 0, 2, 4]);
    message.extend_from_slice(&mss.to_be_bytes());
    ipv4(from, to, TCP, message, 16)
}

/// A UDP datagram between two peers, with a right checksum.
pub fn udp(from: u32, to: u32, payload_len: usize) -> Option<Vec<u8>> {
    let mut message = ports().to_vec();
    message.extend_from_slice(&u16::try_from(UDP_HEADER + payload_len).ok()?.to_be_bytes());
    message.resize(UDP_HEADER + payload_len, 7);
    message.get_mut(6..UDP_HEADER)?.fill(0);
    ipv4(from, to, UDP, message, 6)
}

/// The segments of one flow, one after the other.
pub fn tcp_segments(from: u32, to: u32) -> Option<Vec<Vec<u8>>> {
    let first = 1u32;
    (0..u32::try_from(SEGMENTS).ok()?)
        .map(|n| tcp(from, to, first + n * u32::try_from(SEGMENT).ok()?, SEGMENT))
        .collect()
}

/// The same segments as the kernel hands them out together: a `virtio_net_hdr`, then a super-packet with the sum of the
/// pseudo header in place of the checksum.
pub fn tcp_read(from: u32, to: u32) -> Option<Vec<u8>> {
    let mut packet = tcp(from, to, 1, SEGMENT * SEGMENTS)?;
    let transport_len = u16::try_from(packet.len() - IPV4_HEADER).ok()?;
    let partial = checksum::pseudo(address(from)?, address(to)?, TCP, transport_len).folded();
    packet.get_mut(IPV4_HEADER + 16..IPV4_HEADER + 18)?.copy_from_slice(&partial.to_be_bytes());
    let mut read = virtio(GSO_TCPV4, HEADERS, SEGMENT, 16)?;
    read.append(&mut packet);
    Some(read)
}

/// A small UDP datagram as the kernel hands it out, its sum left to the device.
pub fn udp_read(from: u32, to: u32, payload_len: usize) -> Option<Vec<u8>> {
    let mut packet = udp(from, to, payload_len)?;
    let transport_len = u16::try_from(packet.len() - IPV4_HEADER).ok()?;
    let partial = checksum::pseudo(address(from)?, address(to)?, UDP, transport_len).folded();
    packet.get_mut(IPV4_HEADER + 6..IPV4_HEADER + 8)?.copy_from_slice(&partial.to_be_bytes());
    let mut read = virtio(0, 0, 0, 6)?;
    read.append(&mut packet);
    Some(read)
}

fn virtio(gso: u8, header_len: usize, size: usize, checksum_offset: usize) -> Option<Vec<u8>> {
    let mut header = vec![NEEDS_CHECKSUM, gso];
    for field in [header_len, size, IPV4_HEADER, checksum_offset] {
        header.extend_from_slice(&u16::try_from(field).ok()?.to_ne_bytes());
    }
    (header.len() == VIRTIO_HEADER).then_some(header)
}

fn ipv4(from: u32, to: u32, protocol: u8, mut message: Vec<u8>, checksum_at: usize) -> Option<Vec<u8>> {
    let (src, dst) = (address(from)?, address(to)?);
    let (IpAddr::V4(src4), IpAddr::V4(dst4)) = (src, dst) else { return None };
    let message_len = u16::try_from(message.len()).ok()?;
    let sum = checksum::pseudo(src, dst, protocol, message_len).plus(&message).finish();
    message.get_mut(checksum_at..checksum_at + 2)?.copy_from_slice(&sum.to_be_bytes());
    let mut packet = vec![0x45, 0];
    packet.extend_from_slice(&(message_len + u16::try_from(IPV4_HEADER).ok()?).to_be_bytes());
    // No id, not to be fragmented, 64 hops, no checksum yet.
    packet.extend_from_slice(&[0, 0, 0x40, 0, 64, protocol, 0, 0]);
    packet.extend_from_slice(&src4.octets());
    packet.extend_from_slice(&dst4.octets());
    let sum = checksum::of(&packet);
    packet.get_mut(10..12)?.copy_from_slice(&sum.to_be_bytes());
    packet.append(&mut message);
    Some(packet)
}

fn ports() -> [u8; 4] {
    let ([a, b], [c, d]) = (4000u16.to_be_bytes(), 5000u16.to_be_bytes());
    [a, b, c, d]
}

fn snapshot(own: PeerId, others: &[PeerId]) -> Option<Snapshot> {
    let claims = others.iter().flat_map(|peer| {
        let v4 = mesh_v4(peer, 0).map(|v4| (IpAddr::V4(v4), *peer));
        v4.into_iter().chain([(IpAddr::V6(mesh_v6(peer)), *peer)])
    });
    let network: NetworkName = "home".parse().ok()?;
    let hosts = others.iter().enumerate().map(|(n, peer)| Host {
        host: Hostname::from_system(&format!("host{n}")),
        network: network.clone(),
        v4: mesh_v4(peer, 0),
        v6: mesh_v6(peer),
    });
    Some(Snapshot {
        own_v4: mesh_v4(&own, 0),
        own_v6: mesh_v6(&own),
        routes: RouteTable::new(claims),
        zone: Zone::new(hosts),
        rules: Arc::new(rules(others)),
        handles: [(HANDLE, HOME)].into(),
        shared: others.iter().map(|peer| (*peer, vec![HOME])).collect(),
    })
}

fn rules(others: &[PeerId]) -> Ruleset {
    let members: Members =
        others.iter().map(|peer| (Party { peer: *peer, network: HOME }, Standing::default())).collect();
    let open = Posture { inbound: Action::Allow, ..Posture::default() };
    Ruleset::compile(Vec::new(), open, members, UnixTime(0))
}

fn peer(n: u32) -> PeerId {
    let mut id = [9; 32];
    id[..4].copy_from_slice(&n.to_be_bytes());
    PeerId(id)
}

#[cfg(test)]
mod tests {
    use ray_engine::packet;

    use super::*;

    #[test]
    fn the_sample_packets_are_what_they_say() {
        for (bytes, protocol) in [(tcp(0, 7, 1, 100), TCP), (udp(0, 7, 100), UDP)] {
            let bytes = bytes.unwrap();
            let parsed = packet::parse(&bytes).unwrap();
            let len = u16::try_from(parsed.transport().len()).unwrap();
            assert_eq!(parsed.protocol(), protocol);
            assert_eq!(
                checksum::pseudo(parsed.src(), parsed.dst(), protocol, len).plus(parsed.transport()).finish(),
                0
            );
        }
        assert_eq!(tcp_read(0, 7).unwrap().len(), VIRTIO_HEADER + HEADERS + SEGMENT * SEGMENTS);
        assert_eq!(tcp_segments(0, 7).unwrap().len(), SEGMENTS);
    }
}
