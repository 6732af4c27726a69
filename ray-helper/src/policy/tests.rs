//! Tests of the policy.

use ray_ipc::helper::LinkState;

use super::*;
use crate::config;

const V6: &str = "200::1234";

#[test]
fn refuses_no_queue_and_one_too_many() {
    for queues in [0, 9, 255] {
        assert_eq!(open(queues, 1280), Err(Refusal::QueueCount { max: 8 }), "{queues}");
        let returned = HelperRequest::ReturnTun { queues };
        assert_eq!(judge(&policy(""), returned), Err(Refusal::QueueCount { max: 8 }), "{queues}");
    }
    assert!(open(1, 1280).is_ok() && open(8, 1280).is_ok());
}

#[test]
fn refuses_an_mtu_outside_the_range() {
    for mtu in [0, 1279, 9001, u16::MAX] {
        assert_eq!(open(1, mtu), Err(Refusal::Mtu { min: 1280, max: 9000 }), "{mtu}");
    }
    assert!(open(1, 9000).is_ok());
}

#[test]
fn refuses_addresses_outside_the_mesh_prefixes() {
    for v4 in ["10.0.0.1", "100.63.255.255", "100.128.0.1", "0.0.0.0", "255.255.255.255", "127.0.0.1", "224.0.0.1"] {
        assert_eq!(addresses(Some(v4), V6), Err(Refusal::Address), "{v4}");
    }
    for v6 in ["::", "::1", "fe80::1", "fd00::1", "1ff::1", "400::1", "ff02::1", "::ffff:100.64.0.9"] {
        assert_eq!(addresses(None, v6), Err(Refusal::Address), "{v6}");
    }
}

#[test]
fn refuses_addresses_that_no_node_may_hold() {
    for v4 in ["100.64.0.0", "100.127.255.255", "100.100.100.53", "100.100.100.100", "100.100.100.200"] {
        assert_eq!(addresses(Some(v4), V6), Err(Refusal::Address), "{v4}");
    }
    for v6 in ["200::", "200::53", "3ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"] {
        assert_eq!(addresses(None, v6), Err(Refusal::Address), "{v6}");
    }
}

#[test]
fn refuses_ipv4_where_the_policy_has_none() {
    let config = policy("prefix_v4 = \"none\"");
    let v4 = HelperRequest::SetAddresses { v4: Some(Ipv4Addr::new(100, 64, 0, 9)), v6: V6.parse().unwrap() };
    assert_eq!(judge(&config, v4), Err(Refusal::Ipv4Disabled));
    let route = Route { destination: Ipv4Addr::new(100, 64, 0, 9).into(), prefix: 32 };
    assert_eq!(judge(&config, HelperRequest::ReplaceRoutes { routes: vec![route] }), Err(Refusal::Ipv4Disabled));
}

#[test]
fn refuses_more_routes_than_the_policy_allows() {
    let config = policy("routes_max = 2");
    let routes = vec![Route { destination: V6.parse().unwrap(), prefix: 128 }; 3];
    assert_eq!(judge(&config, HelperRequest::ReplaceRoutes { routes }), Err(Refusal::RouteCount { max: 2 }));
}

#[test]
fn refuses_a_route_outside_the_mesh_prefixes() {
    let outside = [
        ("0.0.0.0", 0),
        ("0.0.0.0", 1),
        ("128.0.0.0", 1),
        ("100.0.0.0", 8),
        ("169.254.169.254", 32),
        ("::", 0),
        ("8000::", 1),
        ("::", 6),
        ("fe80::", 10),
        ("ff00::", 8),
    ];
    for (destination, prefix) in outside {
        assert_eq!(route(destination, prefix), Err(Refusal::RouteOutsideMesh), "{destination}/{prefix}");
    }
}

#[test]
fn refuses_a_route_that_is_no_network() {
    for (destination, prefix) in [("100.64.0.1", 10), ("100.64.0.0", 33), ("200::1", 7), ("200::", 129), ("200::", 255)]
    {
        assert_eq!(route(destination, prefix), Err(Refusal::RouteMalformed), "{destination}/{prefix}");
    }
}

#[test]
fn permits_what_a_mesh_needs() {
    for (destination, prefix) in [("100.64.0.0", 10), ("100.100.100.53", 32), ("200::", 7), ("200::53", 128)] {
        assert!(route(destination, prefix).is_ok(), "{destination}/{prefix}");
    }
    assert!(addresses(Some("100.64.0.1"), V6).is_ok());
    let link = HelperRequest::SetLink { state: LinkState::Up };
    assert_eq!(judge(&policy(""), link), Ok(Op::SetLink(LinkState::Up)));
}

#[test]
fn permits_no_route_at_any_length_around_any_border_but_those_inside() {
    let mut permitted = 0;
    for border in borders() {
        for length in 0..=u8::MAX {
            let asked = Route { destination: border, prefix: length };
            let bits = if border.is_ipv4() { 32 } else { 128 };
            let (first, last) = span(border, length.min(bits));
            let network = length <= bits && first == number(border);
            let inside = mesh_span(border.is_ipv4());
            let expected = match (network, first >= inside.0 && last <= inside.1) {
                (false, _) => Err(Refusal::RouteMalformed),
                (true, false) => Err(Refusal::RouteOutsideMesh),
                (true, true) => Ok(()),
            };
            let judged = judge(&policy(""), HelperRequest::ReplaceRoutes { routes: vec![asked] });
            assert_eq!(judged.map(drop), expected, "{border}/{length}");
            permitted += usize::from(expected.is_ok());
        }
    }
    assert!(permitted > 100, "{permitted} of them are inside");
}

#[test]
fn permits_no_address_around_any_border_but_those_inside() {
    let reserved = ["100.64.0.0", "100.127.255.255", "100.100.100.53", "100.100.100.100", "100.100.100.200"];
    let reserved6 = ["200::", "200::53", "3ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"];
    let reserved: Vec<IpAddr> = reserved.iter().chain(&reserved6).map(|text| text.parse().unwrap()).collect();
    for border in borders().into_iter().chain(reserved.clone()) {
        let inside = mesh_span(border.is_ipv4());
        let holdable = (inside.0..=inside.1).contains(&number(border)) && !reserved.contains(&border);
        let judged = match border {
            IpAddr::V4(v4) => {
                let v6 = V6.parse().unwrap();
                judge(&policy(""), HelperRequest::SetAddresses { v4: Some(v4), v6 })
            }
            IpAddr::V6(v6) => judge(&policy(""), HelperRequest::SetAddresses { v4: None, v6 }),
        };
        let expected = if holdable { Ok(()) } else { Err(Refusal::Address) };
        assert_eq!(judged.map(drop), expected, "{border}");
    }
}

#[test]
fn no_route_takes_an_address_that_the_host_reaches_elsewhere() {
    let kept: [IpAddr; 2] = ["100.100.2.136".parse().unwrap(), "300::1".parse().unwrap()];
    let config = policy("keep = \"100.100.2.136, 300::1\"");
    for address in kept {
        let bits: u8 = if address.is_ipv4() { 32 } else { 128 };
        let shortest: u8 = if address.is_ipv4() { 10 } else { 7 };
        for length in shortest..=bits {
            let (first, last) = span(address, length);
            let taking = Route { destination: back(first, address.is_ipv4()), prefix: length };
            let refused = Err(Refusal::RouteTaken { address });
            let judged = |config: &Config| judge(config, HelperRequest::ReplaceRoutes { routes: vec![taking] });
            assert_eq!(judged(&config).map(drop), refused, "{taking:?}");
            // By what the host reaches at the moment, the same.
            let Ok(Op::ReplaceRoutes(routes)) = judged(&policy("")) else { panic!("{taking:?}") };
            assert_eq!(judge_against_host(&routes, &kept), refused, "{taking:?}");
            assert_eq!(judge_against_host(&routes, &[]), Ok(()));
            // Its sibling of the same length is free.
            if length > shortest {
                let sibling = number(back(first, address.is_ipv4())) ^ (last - first + 1);
                let beside = Route { destination: back(sibling, address.is_ipv4()), prefix: length };
                let judged = judge(&config, HelperRequest::ReplaceRoutes { routes: vec![beside] });
                assert!(judged.is_ok(), "{beside:?}: {judged:?}");
            }
        }
    }
}

#[test]
fn another_version_does_not_agree() {
    let greeting = |version| judge(&policy(""), HelperRequest::Hello { version });
    assert_eq!(greeting(VERSION), Ok(Op::Greet(Greeting::new(true))));
    assert_eq!(greeting(VERSION + 1), Ok(Op::Greet(Greeting::new(false))));
}

/// The first and last of both mesh prefixes and of every length inside them, and their neighbours.
fn borders() -> BTreeSet<IpAddr> {
    let mut borders = BTreeSet::new();
    for is_v4 in [true, false] {
        let (first, last) = mesh_span(is_v4);
        let end = if is_v4 { u128::from(u32::MAX) } else { u128::MAX };
        let mut add = |value: u128| {
            for near in [value.wrapping_sub(1), value, value.wrapping_add(1)] {
                borders.insert(back(near & end, is_v4));
            }
        };
        for value in [0, first, last, end] {
            add(value);
            for bit in 0..if is_v4 { 32 } else { 128 } {
                add(value ^ (1 << bit));
            }
        }
    }
    borders
}

/// Both mesh prefixes as numbers, written out.
fn mesh_span(is_v4: bool) -> (u128, u128) {
    if is_v4 { (0x6440_0000, 0x647f_ffff) } else { (0x0200 << 112, (0x0400 << 112) - 1) }
}

/// The first and last address of the network of `length` bits around `address`.
fn span(address: IpAddr, length: u8) -> (u128, u128) {
    let host_bits = if address.is_ipv4() { 32 } else { 128 } - u32::from(length);
    let hosts = if host_bits == 128 { u128::MAX } else { (1 << host_bits) - 1 };
    (number(address) & !hosts, number(address) | hosts)
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u32::from(v4).into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

fn back(number: u128, is_v4: bool) -> IpAddr {
    if is_v4 { Ipv4Addr::from(u32::try_from(number).unwrap()).into() } else { Ipv6Addr::from(number).into() }
}

fn open(queues: u8, mtu: u16) -> Result<Op, Refusal> {
    judge(&policy(""), HelperRequest::OpenTun { queues, mtu })
}

fn addresses(v4: Option<&str>, v6: &str) -> Result<Op, Refusal> {
    let v4 = v4.map(|v4| v4.parse().unwrap());
    judge(&policy(""), HelperRequest::SetAddresses { v4, v6: v6.parse().unwrap() })
}

fn route(destination: &str, prefix: u8) -> Result<Op, Refusal> {
    let routes = vec![Route { destination: destination.parse().unwrap(), prefix }];
    judge(&policy(""), HelperRequest::ReplaceRoutes { routes })
}

fn policy(line: &str) -> Config {
    config::parse(&format!("engine_user = \"rayfish\"\n{line}")).unwrap()
}
