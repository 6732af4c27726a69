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
    for v4 in ["100.64.0.0", "100.127.255.255", "100.100.100.53", "100.100.100.100"] {
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
fn another_version_does_not_agree() {
    let greeting = |version| judge(&policy(""), HelperRequest::Hello { version });
    assert_eq!(greeting(VERSION), Ok(Op::Greet(Greeting::new(true))));
    assert_eq!(greeting(VERSION + 1), Ok(Op::Greet(Greeting::new(false))));
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
