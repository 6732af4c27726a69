//! Which peer an address leads to, and which peer an address belongs to: one table answers both. Layer 2: no IO.
#![forbid(unsafe_code)]

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
};

use crate::ident::{MAGIC_V4, MAGIC_V6, PeerId, is_mesh_address};

/// Immutable once built. The hasher is the standard, keyed one: a peer chooses its own address by choosing its key.
#[derive(Debug, Clone, Default)]
pub struct RouteTable {
    peers: HashMap<IpAddr, PeerId>,
    refused: Vec<(IpAddr, PeerId)>,
}

impl RouteTable {
    /// The first claim to an address stands. Later claims by others, addresses outside the mesh prefixes and the
    /// magic addresses are refused and kept for the status.
    pub fn new(claims: impl IntoIterator<Item = (IpAddr, PeerId)>) -> Self {
        let mut table = Self::default();
        for (address, peer) in claims {
            if !is_mesh_address(address) || address == IpAddr::V4(MAGIC_V4) || address == IpAddr::V6(MAGIC_V6) {
                table.refused.push((address, peer));
                continue;
            }
            match table.peers.entry(address) {
                Entry::Vacant(entry) => {
                    entry.insert(peer);
                }
                Entry::Occupied(entry) if *entry.get() == peer => {}
                Entry::Occupied(_) => table.refused.push((address, peer)),
            }
        }
        table
    }

    pub fn lookup(&self, dst: IpAddr) -> Option<PeerId> {
        self.peers.get(&dst).copied()
    }

    pub fn owns(&self, peer: PeerId, src: IpAddr) -> bool {
        self.lookup(src) == Some(peer)
    }

    pub fn refused(&self) -> &[(IpAddr, PeerId)] {
        &self.refused
    }

    pub fn len(&self) -> usize {
        self.peers.len()
    }

    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }
}

impl FromIterator<(IpAddr, PeerId)> for RouteTable {
    fn from_iter<T: IntoIterator<Item = (IpAddr, PeerId)>>(claims: T) -> Self {
        Self::new(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_second_peer_that_claims_a_taken_address() {
        let table = RouteTable::new([(ip("100.64.0.2"), ALICE), (ip("100.64.0.2"), BOB), (ip("100.64.0.2"), ALICE)]);
        assert_eq!(table.lookup(ip("100.64.0.2")), Some(ALICE));
        assert!(!table.owns(BOB, ip("100.64.0.2")));
        assert_eq!(table.refused(), [(ip("100.64.0.2"), BOB)]);
    }

    #[test]
    fn refuses_a_route_outside_the_mesh_prefixes() {
        for text in ["8.8.8.8", "192.168.0.1", "127.0.0.1", "0.0.0.0", "fe80::1", "ff02::1", "2001:db8::1", "::1"] {
            let table = RouteTable::new([(ip(text), ALICE)]);
            assert_eq!(table.lookup(ip(text)), None, "{text}");
            assert_eq!(table.refused().len(), 1, "{text}");
        }
    }

    #[test]
    fn refuses_a_peer_that_claims_a_magic_address() {
        let table = RouteTable::new([(IpAddr::V4(MAGIC_V4), ALICE), (IpAddr::V6(MAGIC_V6), ALICE)]);
        assert!(table.is_empty());
        assert_eq!(table.refused().len(), 2);
    }

    #[test]
    fn an_address_belongs_to_one_peer_and_to_no_stranger() {
        let table = RouteTable::new([(ip("100.64.0.2"), ALICE), (ip("200::2"), ALICE), (ip("100.64.0.3"), BOB)]);
        assert!(table.owns(ALICE, ip("100.64.0.2")));
        assert!(table.owns(ALICE, ip("200::2")));
        assert!(!table.owns(ALICE, ip("100.64.0.3")));
        assert!(!table.owns(ALICE, ip("100.64.0.4")));
    }

    const ALICE: PeerId = PeerId([1; 32]);
    const BOB: PeerId = PeerId([2; 32]);

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }
}
