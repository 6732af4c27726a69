//! The addresses that a mesh may have.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ray_ipc::control::TunStatus;

use crate::cmd::doctor::look::route::Route;

/// Where nodes have their IPv4 addresses: 100.64.0.0/10.
pub(super) const V4: (Ipv4Addr, u8) = (Ipv4Addr::new(100, 64, 0, 0), 10);
/// Where nodes have their IPv6 addresses: 200::/7.
pub(super) const V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x0200, 0, 0, 0, 0, 0, 0, 0), 7);
/// Where the engine answers DNS.
pub(super) const RESOLVER_V4: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 53);
pub(super) const RESOLVER_V6: Ipv6Addr = Ipv6Addr::new(0x0200, 0, 0, 0, 0, 0, 0, 0x53);

pub(super) fn contains(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => u32::from(v4) >> (32 - V4.1) == u32::from(V4.0) >> (32 - V4.1),
        IpAddr::V6(v6) => u128::from(v6) >> (128 - V6.1) == u128::from(V6.0) >> (128 - V6.1),
    }
}

/// Whether a route goes to a part of the mesh's addresses, or to all of them, and to nothing else.
pub(super) fn contains_route(route: &Route) -> bool {
    let least = if route.destination.is_ipv4() { V4.1 } else { V6.1 };
    route.prefix >= least && contains(route.destination)
}

/// The addresses that the device shall have.
pub(super) fn own(tun: &TunStatus) -> Vec<IpAddr> {
    tun.v4.map(IpAddr::from).into_iter().chain([IpAddr::from(tun.v6)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_borders_of_both_ranges() {
        for (address, inside) in [
            ("100.63.255.255", false),
            ("100.64.0.0", true),
            ("100.127.255.255", true),
            ("100.128.0.0", false),
            ("1ff:ffff::", false),
            ("200::", true),
            ("3ff:ffff::1", true),
            ("400::", false),
            ("fe80::1", false),
        ] {
            assert_eq!(contains(address.parse().unwrap()), inside, "{address}");
        }
    }

    #[test]
    fn a_route_to_more_than_the_mesh_is_none_of_it() {
        let route = |destination: &str, prefix| Route {
            destination: destination.parse().unwrap(),
            prefix,
            interface: "eth0".into(),
        };
        assert!(contains_route(&route("100.64.0.0", 10)) && contains_route(&route("100.64.7.0", 24)));
        assert!(contains_route(&route("200::", 7)) && contains_route(&route("234::", 64)));
        assert!(!contains_route(&route("0.0.0.0", 0)) && !contains_route(&route("100.64.0.0", 9)));
        assert!(!contains_route(&route("::", 0)) && !contains_route(&route("10.77.0.0", 16)));
    }
}
