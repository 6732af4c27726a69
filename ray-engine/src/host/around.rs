//! Routes into the mesh around addresses that the host keeps for itself. The helper says which; the engine makes way.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ray_ipc::{
    helper::{Refusal, Route},
    limits::ROUTES_MAX,
};

use super::{Client, HostError};

/// A host has a gateway or two, a few resolvers, and what its administrator names.
const KEPT_MAX: usize = 32;

/// Makes the device's routes `routes`, less the addresses that the helper refuses to take from the host. Returns those.
pub fn replace_routes_around(client: &Client, mut routes: Vec<Route>) -> Result<Vec<IpAddr>, HostError> {
    let mut outside = Vec::new();
    while outside.len() <= KEPT_MAX {
        if routes.len() > ROUTES_MAX {
            return Err(HostError::Around { outside, max: ROUTES_MAX });
        }
        match client.replace_routes(routes.clone()) {
            Err(HostError::Refused(Refusal::RouteTaken { address })) => {
                tracing::warn!(%address, "the host reaches this address elsewhere; it stays outside the tunnel");
                let around: Vec<Route> = routes.iter().flat_map(|route| without(*route, address)).collect();
                if around == routes {
                    return Err(HostError::Refused(Refusal::RouteTaken { address }));
                }
                routes = around;
                outside.push(address);
            }
            Err(HostError::Refused(Refusal::RouteCount { max })) if !outside.is_empty() => {
                return Err(HostError::Around { outside, max: max.into() });
            }
            other => return other.map(|()| outside),
        }
    }
    Err(HostError::Around { outside, max: ROUTES_MAX })
}

/// The fewest routes that cover `route` but not `address`: the other half at each length.
fn without(route: Route, address: IpAddr) -> Vec<Route> {
    if !contains(route, address) {
        return vec![route];
    }
    let bits = bits(address);
    (route.prefix.saturating_add(1)..=bits)
        .map(|length| {
            let sibling = (number(address) & mask(length, bits)) ^ (1 << (bits - length));
            Route { destination: back(sibling, address), prefix: length }
        })
        .collect()
}

fn contains(route: Route, address: IpAddr) -> bool {
    let bits = bits(address);
    route.destination.is_ipv4() == address.is_ipv4()
        && route.prefix <= bits
        && (number(address) ^ number(route.destination)) & mask(route.prefix, bits) == 0
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The network's part of a number of `bits` bits.
fn mask(length: u8, bits: u8) -> u128 {
    u128::MAX.checked_shl(u32::from(bits.saturating_sub(length))).unwrap_or(0)
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u32::from(v4).into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

/// The address of `number`, in the family of `like`.
fn back(number: u128, like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => u32::try_from(number).map_or(like, |number| Ipv4Addr::from(number).into()),
        IpAddr::V6(_) => Ipv6Addr::from(number).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_out_one_address_and_nothing_else() {
        for (route, address) in [
            (route("100.64.0.0", 10), "100.100.2.136"),
            (route("100.64.0.0", 10), "100.64.0.0"),
            (route("100.64.0.0", 10), "100.127.255.255"),
            (route("200::", 7), "200::53"),
            (route("200::", 7), "3ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ] {
            let address: IpAddr = address.parse().unwrap();
            let around = without(route, address);
            assert_eq!(around.len(), usize::from(bits(address) - route.prefix), "one for each length");
            assert!(!around.iter().any(|part| contains(*part, address)), "{address}");
            for bit in 0..bits(address) - route.prefix {
                let neighbour = back(number(address) ^ (1 << bit), address);
                assert_eq!(around.iter().filter(|part| contains(**part, neighbour)).count(), 1, "{neighbour}");
            }
            let sizes: u128 = around.iter().map(|part| 1u128 << (bits(address) - part.prefix)).sum();
            assert_eq!(sizes, (1u128 << (bits(address) - route.prefix)) - 1, "all but one");
        }
    }

    #[test]
    fn leaves_a_route_beside_the_address_as_it_is() {
        for (beside, address) in [(route("100.64.0.0", 11), "100.100.2.136"), (route("200::", 7), "100.64.0.1")] {
            assert_eq!(without(beside, address.parse().unwrap()), [beside]);
        }
        assert_eq!(without(route("100.64.0.1", 32), "100.64.0.1".parse().unwrap()), [], "nothing is left of it");
    }

    fn route(destination: &str, prefix: u8) -> Route {
        Route { destination: destination.parse().unwrap(), prefix }
    }
}
