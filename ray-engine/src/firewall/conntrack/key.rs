//! What names a flow among those of one peer: the network and the five values, seen from this host.

use std::{
    hash::{Hash, Hasher},
    net::IpAddr,
};

use super::super::rule::Direction;
use crate::{
    ident::RoomId,
    packet::{Cited, CitedKind, Flow, Parsed},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::firewall) struct Key {
    network: RoomId,
    local: [u8; 16],
    remote: [u8; 16],
    local_port: u16,
    remote_port: u16,
    protocol: u8,
    /// Who asked, for echoes: both ends may use one identifier at once.
    asked_by_peer: bool,
}

impl Key {
    pub(in crate::firewall) fn of_ports(network: RoomId, sent: Direction, flow: &Flow) -> Self {
        let key = Self::new(network, sent, flow.src, flow.dst, flow.protocol);
        key.with_ports(sent, flow.src_port, flow.dst_port)
    }

    pub(in crate::firewall) fn of_echo(
        network: RoomId,
        sent: Direction,
        packet: &Parsed<'_>,
        id: u16,
        asked: bool,
    ) -> Self {
        Self::new(network, sent, packet.src(), packet.dst(), packet.protocol()).with_echo(sent, id, asked)
    }

    /// Of a protocol without ports.
    pub(in crate::firewall) fn of_hosts(network: RoomId, sent: Direction, packet: &Parsed<'_>) -> Self {
        Self::new(network, sent, packet.src(), packet.dst(), packet.protocol())
    }

    /// The flow that a cited packet belonged to, which was sent in this direction.
    pub(in crate::firewall) fn of_cited(network: RoomId, sent: Direction, cited: &Cited) -> Self {
        let key = Self::new(network, sent, cited.src, cited.dst, cited.protocol);
        match cited.kind {
            CitedKind::Ports { src, dst } => key.with_ports(sent, src, dst),
            CitedKind::Echo { id, request } => key.with_echo(sent, id, request),
            CitedKind::Other => key,
        }
    }

    fn new(network: RoomId, sent: Direction, src: IpAddr, dst: IpAddr, protocol: u8) -> Self {
        let (local, remote) = match sent {
            Direction::In => (dst, src),
            Direction::Out => (src, dst),
        };
        let (local, remote) = (octets(local), octets(remote));
        Self { network, local, remote, local_port: 0, remote_port: 0, protocol, asked_by_peer: false }
    }

    fn with_ports(self, sent: Direction, src: u16, dst: u16) -> Self {
        let (local_port, remote_port) = match sent {
            Direction::In => (dst, src),
            Direction::Out => (src, dst),
        };
        Self { local_port, remote_port, ..self }
    }

    fn with_echo(self, sent: Direction, id: u16, asks: bool) -> Self {
        Self { local_port: id, asked_by_peer: asks == (sent == Direction::In), ..self }
    }

    /// The port at the end that a flow's opener reached.
    pub(in crate::firewall) fn reached_port(&self, opener: Direction) -> u16 {
        match opener {
            Direction::In => self.local_port,
            Direction::Out => self.remote_port,
        }
    }

    pub(in crate::firewall) fn protocol(&self) -> u8 {
        self.protocol
    }
}

impl Hash for Key {
    /// Words instead of fields: the network's key is random by itself, so that half of it tells networks apart.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.network.0.get(..16).unwrap_or_default());
        state.write(&self.local);
        state.write(&self.remote);
        let ports = u64::from(self.local_port) << 16 | u64::from(self.remote_port);
        state.write_u64(ports << 16 | u64::from(self.protocol) << 8 | u64::from(self.asked_by_peer));
    }
}

/// The two families share no flow: their protocols' packets have addresses of one.
fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}
