//! Reverse names: `in-addr.arpa` and `ip6.arpa` inside the mesh prefixes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::ident::is_mesh_address;

/// A reverse name that is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reverse {
    /// Names one address.
    Address(IpAddr),
    /// Stops above an address.
    Partial(Prefix),
    /// Lies in our zone but can never name an address.
    Impossible,
}

/// The leading digits of an address: bytes for IPv4, half bytes for IPv6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Prefix {
    v6: bool,
    digits: Vec<u8>,
}

impl Prefix {
    pub(super) fn covers(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => !self.v6 && v4.octets().starts_with(&self.digits),
            IpAddr::V6(v6) => {
                let halves = v6.octets().into_iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
                self.v6 && self.digits.iter().copied().eq(halves.take(self.digits.len()))
            }
        }
    }
}

/// Reads lower-case labels, most significant last. `None` where the name lies outside our reverse zones.
/// The second value is how many labels the zone's own name has.
pub(super) fn read(labels: &[&str]) -> Option<(Reverse, usize)> {
    let (rest, v6) = match labels {
        [rest @ .., "in-addr", "arpa"] => (rest, false),
        [rest @ .., "ip6", "arpa"] => (rest, true),
        _ => return None,
    };
    let (digits_max, radix, label_max) = if v6 { (32, 16, 1) } else { (4, 10, 3) };
    let mut digits = Vec::with_capacity(digits_max);
    let mut possible = rest.len() <= digits_max;
    for label in rest.iter().rev().take(digits_max) {
        match u8::from_str_radix(label, radix) {
            Ok(digit) if label.len() <= label_max && is_canonical(label) => digits.push(digit),
            Ok(_) | Err(_) => {
                possible = false;
                break;
            }
        }
    }
    // The mesh prefixes end inside the second digit of either family: below it everything is ours or nothing is.
    let &[first, second, ..] = digits.as_slice() else { return None };
    let edge = if v6 {
        IpAddr::V6(Ipv6Addr::new(u16::from(first << 4 | second) << 8, 0, 0, 0, 0, 0, 0, 0))
    } else {
        IpAddr::V4(Ipv4Addr::new(first, second, 0, 0))
    };
    if !is_mesh_address(edge) {
        return None;
    }
    let reverse = match (possible, address(v6, &digits)) {
        (false, _) => Reverse::Impossible,
        (true, Some(address)) => Reverse::Address(address),
        (true, None) => Reverse::Partial(Prefix { v6, digits }),
    };
    Some((reverse, 4))
}

fn address(v6: bool, digits: &[u8]) -> Option<IpAddr> {
    if v6 {
        let (pairs, []) = digits.as_chunks::<2>() else { return None };
        let octets: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
        Some(IpAddr::from(<[u8; 16]>::try_from(octets).ok()?))
    } else {
        Some(IpAddr::from(<[u8; 4]>::try_from(digits).ok()?))
    }
}

/// Neither a sign nor a leading zero: one address has one name.
fn is_canonical(label: &str) -> bool {
    label.bytes().all(|byte| byte.is_ascii_alphanumeric()) && (label.len() == 1 || !label.starts_with('0'))
}
