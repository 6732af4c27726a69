//! Mesh addresses, derived from a node's identity alone, so that every node computes the same.
//!
//! IPv4: FNV-1a (32 bit) over the lower-case hex of the endpoint id, with the decimal collision index appended when it
//! is above zero; the low 22 bits are the host part inside 100.64.0.0/10. An address that nobody may hold gives way to
//! the next index. IPv6: `0x02`, then the first 15 bytes of BLAKE3 over the same hex.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::PeerId;

pub const MESH_V4: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 0);
pub const MESH_V4_PREFIX: u8 = 10;
pub const MESH_V6: Ipv6Addr = Ipv6Addr::new(0x0200, 0, 0, 0, 0, 0, 0, 0);
pub const MESH_V6_PREFIX: u8 = 7;
/// Where the engine answers DNS.
pub const MAGIC_V4: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 53);
pub const MAGIC_V6: Ipv6Addr = Ipv6Addr::new(0x0200, 0, 0, 0, 0, 0, 0, 0x53);

/// Taken by other mesh VPNs and by providers' services on many hosts.
const FOREIGN_MAGIC_V4: [Ipv4Addr; 2] = [Ipv4Addr::new(100, 100, 100, 100), Ipv4Addr::new(100, 100, 100, 200)];
const HOST_BITS: u32 = 0x003f_ffff;
const FNV_BASIS: u32 = 2_166_136_261;
const FNV_PRIME: u32 = 16_777_619;

/// Which of a node's IPv4 candidates it holds; 0 unless an earlier member holds that address.
pub type CollisionIndex = u32;

/// The IPv4 candidate of `peer` at `index`; `None` where that address may not be held.
pub fn mesh_v4(peer: &PeerId, index: CollisionIndex) -> Option<Ipv4Addr> {
    let mut text = peer.to_string();
    if index > 0 {
        text.push_str(&index.to_string());
    }
    let host = fnv1a(text.as_bytes()) & HOST_BITS;
    let address = Ipv4Addr::from(u32::from(MESH_V4) | host);
    let holdable = host > 1 && host < HOST_BITS - 1 && address != MAGIC_V4 && !FOREIGN_MAGIC_V4.contains(&address);
    holdable.then_some(address)
}

/// The IPv6 address of `peer`.
pub fn mesh_v6(peer: &PeerId) -> Ipv6Addr {
    let hash = blake3::hash(peer.to_string().as_bytes());
    let mut octets = [0u8; 16];
    octets[0] = 0x02;
    octets[1..].copy_from_slice(&hash.as_bytes()[..15]);
    Ipv6Addr::from(octets)
}

/// Whether an address lies inside the mesh prefixes.
pub fn is_mesh_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => u32::from(v4) & !HOST_BITS == u32::from(MESH_V4),
        IpAddr::V6(v6) => v6.octets()[0] & 0xfe == 0x02,
    }
}

fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(FNV_BASIS, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(FNV_PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derives_the_documented_addresses() {
        // Computed once by an independent script from the definition above.
        let peer = PeerId([0x11; 32]);
        assert_eq!(mesh_v4(&peer, 0), Some(VECTOR_V4_0));
        assert_eq!(mesh_v4(&peer, 1), Some(VECTOR_V4_1));
        assert!(is_mesh_address(IpAddr::V6(mesh_v6(&peer))));
    }

    #[test]
    fn knows_the_edges_of_the_mesh_prefixes() {
        for (text, inside) in [
            ("100.63.255.255", false),
            ("100.64.0.0", true),
            ("100.127.255.255", true),
            ("100.128.0.0", false),
            ("1ff::", false),
            ("200::", true),
            ("3ff::1", true),
            ("400::", false),
        ] {
            assert_eq!(is_mesh_address(text.parse().unwrap()), inside, "{text}");
        }
    }

    const VECTOR_V4_0: Ipv4Addr = Ipv4Addr::new(100, 86, 223, 5);
    const VECTOR_V4_1: Ipv4Addr = Ipv4Addr::new(100, 65, 94, 220);
}
