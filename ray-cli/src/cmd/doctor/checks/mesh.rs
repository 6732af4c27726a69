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
    covers(V4.0.into(), V4.1, address) || covers(V6.0.into(), V6.1, address)
}

/// Whether an address lies inside a prefix.
pub(super) fn covers(destination: IpAddr, prefix: u8, address: IpAddr) -> bool {
    // A prefix of no bits covers the whole family, and shifts everything out.
    match (destination, address) {
        (IpAddr::V4(prefixed), IpAddr::V4(address)) => {
            let differing = u32::from(prefixed) ^ u32::from(address);
            differing.checked_shr(32 - u32::from(prefix.min(32))).unwrap_or(0) == 0
        }
        (IpAddr::V6(prefixed), IpAddr::V6(address)) => {
            let differing = u128::from(prefixed) ^ u128::from(address);
            differing.checked_shr(128 - u32::from(prefix.min(128))).unwrap_or(0) == 0
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
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
    fn a_prefix_covers_what_lies_inside_and_nothing_of_the_other_family() {
        let covers = |destination: &str, prefix, address: &str| {
            covers(destination.parse().unwrap(), prefix, address.parse().unwrap())
        };
        assert!(covers("100.64.0.0", 16, "100.64.255.1") && !covers("100.64.0.0", 16, "100.65.0.1"));
        assert!(covers("100.64.0.9", 32, "100.64.0.9") && !covers("100.64.0.9", 32, "100.64.0.8"));
        assert!(covers("0.0.0.0", 0, "203.0.113.7") && covers("::", 0, "200::1"));
        assert!(covers("200::", 128, "200::") && !covers("200::", 128, "200::1"));
        assert!(!covers("0.0.0.0", 0, "200::1") && !covers("::", 0, "203.0.113.7"));
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
