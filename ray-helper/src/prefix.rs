//! An IP network: an address without host bits and a prefix length.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// All that a mesh may use of IPv4. A policy may narrow it.
pub const MESH_V4: Prefix = Prefix { network: IpAddr::V4(Ipv4Addr::new(100, 64, 0, 0)), len: 10 };
/// All that a mesh may use of IPv6.
pub const MESH_V6: Prefix = Prefix { network: IpAddr::V6(Ipv6Addr::new(0x200, 0, 0, 0, 0, 0, 0, 0)), len: 7 };

/// A network. Only networks exist: host bits are zero and the length fits the family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix {
    network: IpAddr,
    len: u8,
}

impl Prefix {
    /// The network `network/len`; `None` where the length is too long or host bits are set.
    pub fn new(network: IpAddr, len: u8) -> Option<Self> {
        let fits = u32::from(len) <= family_bits(network) && left_aligned(network) & !mask(len) == 0;
        fits.then_some(Self { network, len })
    }

    pub fn network(&self) -> IpAddr {
        self.network
    }

    pub fn len_bits(&self) -> u8 {
        self.len
    }

    /// Whether `address` lies inside.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.network.is_ipv4() == address.is_ipv4()
            && left_aligned(address) & mask(self.len) == left_aligned(self.network)
    }

    /// Whether all of `other` lies inside.
    pub fn covers(&self, other: &Prefix) -> bool {
        other.len >= self.len && self.contains(other.network)
    }

    /// Whether `address` is the first or the last inside: the names of the network itself and of its broadcast.
    pub fn is_extreme(&self, address: IpAddr) -> bool {
        let host_mask = !mask(self.len) & family_mask(address);
        let host = left_aligned(address) & host_mask;
        self.contains(address) && (host == 0 || host == host_mask)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.len)
    }
}

/// Text that is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAPrefix;

impl FromStr for Prefix {
    type Err = NotAPrefix;

    fn from_str(text: &str) -> Result<Self, NotAPrefix> {
        let (network, len) = text.split_once('/').ok_or(NotAPrefix)?;
        if len.is_empty() || !len.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotAPrefix);
        }
        let network = network.parse().map_err(|_| NotAPrefix)?;
        Self::new(network, len.parse().map_err(|_| NotAPrefix)?).ok_or(NotAPrefix)
    }
}

fn family_bits(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Both families in one number, most significant bit first, so that one mask serves both.
fn left_aligned(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)) << 96,
        IpAddr::V6(v6) => u128::from(v6),
    }
}

fn family_mask(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(_) => u128::MAX << 96,
        IpAddr::V6(_) => u128::MAX,
    }
}

fn mask(len: u8) -> u128 {
    u128::MAX.checked_shl(128_u32.saturating_sub(len.into())).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_host_bits_and_long_lengths() {
        for text in
            ["100.64.0.1/10", "100.64.0.0/33", "200::1/7", "200::/129", "100.64.0.0", "100.64.0.0/", "1.2.3.4/+8"]
        {
            assert_eq!(text.parse::<Prefix>(), Err(NotAPrefix), "{text}");
        }
    }

    #[test]
    fn knows_the_borders_of_both_mesh_prefixes() {
        let (v4, v6) = (prefix("100.64.0.0/10"), prefix("200::/7"));
        for inside in ["100.64.0.0", "100.127.255.255"] {
            assert!(v4.contains(address(inside)), "{inside}");
        }
        for outside in ["100.63.255.255", "100.128.0.0", "200::1", "0.0.0.0"] {
            assert!(!v4.contains(address(outside)), "{outside}");
        }
        for inside in ["200::", "3ff:ffff::1"] {
            assert!(v6.contains(address(inside)), "{inside}");
        }
        for outside in ["1ff:ffff::", "400::", "::", "100.64.0.1"] {
            assert!(!v6.contains(address(outside)), "{outside}");
        }
    }

    #[test]
    fn a_shorter_prefix_is_never_covered() {
        assert!(!prefix("100.64.0.0/10").covers(&prefix("100.0.0.0/8")));
        assert!(!prefix("100.64.0.0/10").covers(&prefix("0.0.0.0/0")));
        assert!(prefix("100.64.0.0/10").covers(&prefix("100.64.0.0/10")));
        assert!(prefix("0.0.0.0/0").covers(&prefix("100.64.0.0/10")));
    }

    #[test]
    fn extremes_are_the_first_and_the_last() {
        let v4 = prefix("100.64.0.0/10");
        assert!(v4.is_extreme(address("100.64.0.0")) && v4.is_extreme(address("100.127.255.255")));
        assert!(!v4.is_extreme(address("100.64.0.1")) && !v4.is_extreme(address("100.128.0.0")));
        assert!(prefix("200::/7").is_extreme(address("200::")) && !prefix("200::/7").is_extreme(address("200::1")));
    }

    #[test]
    fn contains_what_a_comparison_of_bits_says_at_every_length() {
        for text in
            ["0.0.0.0", "100.64.0.0", "255.255.255.255", "::", "200::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]
        {
            let address: IpAddr = text.parse().unwrap();
            for len in 0..=u8::MAX {
                let bits = bits_of(address);
                let network = usize::from(len) <= bits.len() && !bits[usize::from(len)..].contains(&true);
                let Some(prefix) = Prefix::new(address, len) else {
                    assert!(!network, "{text}/{len}");
                    continue;
                };
                assert!(network, "{text}/{len}");
                for turned in 0..bits.len() {
                    let inside = turned >= usize::from(len);
                    assert_eq!(prefix.contains(with_bit_turned(address, turned)), inside, "{text}/{len}, bit {turned}");
                }
                for other in (0..=128).filter_map(|other| Prefix::new(address, other)) {
                    assert_eq!(prefix.covers(&other), other.len_bits() >= len, "{prefix} {other}");
                }
            }
        }
    }

    fn bits_of(address: IpAddr) -> Vec<bool> {
        let octets = match address {
            IpAddr::V4(v4) => v4.octets().to_vec(),
            IpAddr::V6(v6) => v6.octets().to_vec(),
        };
        octets.iter().flat_map(|octet| (0..8).map(move |bit| octet & (0x80 >> bit) != 0)).collect()
    }

    fn with_bit_turned(address: IpAddr, bit: usize) -> IpAddr {
        match address {
            IpAddr::V4(v4) => Ipv4Addr::from(u32::from(v4) ^ (0x8000_0000 >> bit)).into(),
            IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) ^ ((1 << 127) >> bit)).into(),
        }
    }

    fn prefix(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }
}
