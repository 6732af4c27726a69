//! Every refusal by name: a typed answer, and nothing changes.

use std::{
    fs,
    net::{IpAddr, UdpSocket},
    os::unix::fs::MetadataExt,
    time::{Duration, Instant},
};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressMessage},
    link::{AfSpecInet6, AfSpecUnspec, In6AddrGenMode, LinkAttribute, LinkFlags, LinkMessage},
    route::{RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteScope, RouteType},
};
use nix::{errno::Errno, net::if_::if_nametoindex};
use ray_engine::host;
use ray_ipc::helper::{HelperReply, HelperRequest, LinkState, Refusal};
use ray_tests::live_helper::{
    Answer, Client, ENGINE_UID, LOOPBACK, LiveHelper, Namespace, OTHER_UID, addresses, attach_queue, eventually,
    open_driver, route,
};

#[test]
fn refuses_no_queue_and_too_many() {
    let helper = LiveHelper::start("queues_max = 2");
    let client = greeted(&helper);
    for queues in [0, 3, 255] {
        let request = HelperRequest::OpenTun { queues, mtu: 1280 };
        assert_refused(&helper, &client, &request, Refusal::QueueCount { max: 2 });
    }
    client.open(2);
}

#[test]
fn refuses_an_mtu_outside_the_policy() {
    let helper = LiveHelper::start("mtu_min = 1300\nmtu_max = 1400");
    let client = greeted(&helper);
    for mtu in [0, 1280, 1299, 1401, u16::MAX] {
        let request = HelperRequest::OpenTun { queues: 1, mtu };
        assert_refused(&helper, &client, &request, Refusal::Mtu { min: 1300, max: 1400 });
    }
}

#[test]
fn refuses_an_address_outside_the_mesh_prefixes() {
    let helper = LiveHelper::start("");
    let client = greeted(&helper);
    client.open(1);
    for (v4, v6) in [
        ("10.0.0.1", "200::1234"),
        ("100.63.255.255", "200::1234"),
        ("100.128.0.1", "200::1234"),
        ("127.0.0.1", "200::1234"),
        ("100.64.1.2", "fe80::1"),
        ("100.64.1.2", "400::1"),
    ] {
        assert_refused(&helper, &client, &addresses(v4, v6), Refusal::Address);
    }
}

#[test]
fn refuses_an_address_that_no_node_may_hold() {
    let helper = LiveHelper::start("");
    let client = greeted(&helper);
    client.open(1);
    for v4 in ["100.64.0.0", "100.127.255.255", "100.100.100.53", "100.100.100.100"] {
        assert_refused(&helper, &client, &addresses(v4, "200::1234"), Refusal::Address);
    }
    for v6 in ["200::", "200::53"] {
        assert_refused(&helper, &client, &addresses("100.64.1.2", v6), Refusal::Address);
    }
}

#[test]
fn refuses_ipv4_where_the_policy_has_none() {
    let helper = LiveHelper::start("prefix_v4 = \"none\"");
    let client = greeted(&helper);
    let (tun, _queues) = client.open(1);
    assert_refused(&helper, &client, &addresses("100.64.1.2", "200::1234"), Refusal::Ipv4Disabled);
    client.done(&HelperRequest::SetAddresses { v4: None, v6: "200::1234".parse().unwrap() });
    client.done(&HelperRequest::SetLink { state: LinkState::Up });
    let routes = vec![route("100.64.0.0", 10)];
    assert_refused(&helper, &client, &HelperRequest::ReplaceRoutes { routes }, Refusal::Ipv4Disabled);
    assert!(helper.state().has_addresses(tun.ifindex, &["200::1234/128"]));
    assert_eq!(helper.state().helper_rules(), 1, "100.64.0.0/10 is somebody else's there");
}

#[test]
fn refuses_more_routes_than_the_policy_allows() {
    let helper = LiveHelper::start("routes_max = 2");
    let client = helper.connect();
    client.bring_up(1);
    let routes = vec![route("100.64.0.1", 32), route("100.64.0.2", 32), route("100.64.0.3", 32)];
    assert_refused(&helper, &client, &HelperRequest::ReplaceRoutes { routes }, Refusal::RouteCount { max: 2 });
}

#[test]
fn refuses_a_route_outside_the_mesh_prefixes() {
    let helper = LiveHelper::start("");
    let client = helper.connect();
    client.bring_up(1);
    for outside in [route("0.0.0.0", 0), route("::", 0), route("128.0.0.0", 1), route("10.0.0.0", 8), route("::", 6)] {
        let routes = vec![route("100.64.0.7", 32), outside];
        assert_refused(&helper, &client, &HelperRequest::ReplaceRoutes { routes }, Refusal::RouteOutsideMesh);
    }
}

#[test]
fn refuses_a_route_that_is_no_network() {
    let helper = LiveHelper::start("");
    let client = helper.connect();
    client.bring_up(1);
    for malformed in [route("100.64.0.1", 31), route("100.64.0.0", 33), route("200::1", 64), route("200::", 255)] {
        let routes = vec![route("100.64.0.7", 32), malformed];
        assert_refused(&helper, &client, &HelperRequest::ReplaceRoutes { routes }, Refusal::RouteMalformed);
    }
}

#[test]
fn refuses_a_route_that_would_take_an_address_that_root_keeps() {
    let helper = LiveHelper::start("keep = \"100.100.100.200, 200::7\"");
    let client = up(&helper);
    for (kept, taking) in [
        ("100.100.100.200", route("100.64.0.0", 10)),
        ("100.100.100.200", route("100.100.100.200", 32)),
        ("200::7", route("200::", 7)),
        ("200::7", route("200::", 64)),
    ] {
        let refusal = Refusal::RouteTaken { address: kept.parse().unwrap() };
        let routes = vec![route("100.64.0.7", 32), taking];
        assert_refused(&helper, &client, &HelperRequest::ReplaceRoutes { routes }, refusal);
    }
    assert_refused(&helper, &client, &addresses("100.100.100.200", "200::1234"), Refusal::Address);
    let beside = vec![route("100.100.100.201", 32), route("100.64.0.0", 11), route("201::", 16)];
    client.done(&HelperRequest::ReplaceRoutes { routes: beside });
}

#[test]
fn refuses_a_route_that_would_take_the_default_gateway() {
    for (gateway, taking, beside) in [
        ("100.64.3.3", route("100.64.0.0", 10), route("100.65.0.0", 16)),
        ("200::77", route("200::", 7), route("201::", 16)),
    ] {
        let namespace = Namespace::new();
        let _uplink = namespace.enter(|| attach_queue(open_driver(), "wan0").unwrap());
        add_default_route(&namespace, "wan0", gateway.parse().unwrap());
        let helper = LiveHelper::start_in(namespace, "");
        let client = up(&helper);
        let refusal = Refusal::RouteTaken { address: gateway.parse().unwrap() };
        assert_refused(&helper, &client, &HelperRequest::ReplaceRoutes { routes: vec![taking] }, refusal);
        client.done(&HelperRequest::ReplaceRoutes { routes: vec![beside] });
    }
}

#[test]
fn the_engine_goes_around_what_the_host_keeps_and_may_still_reach_it() {
    let namespace = Namespace::new();
    let _uplink = namespace.enter(|| attach_queue(open_driver(), "wan0").unwrap());
    for gateway in ["192.168.7.1", "fd77::1"] {
        add_default_route(&namespace, "wan0", gateway.parse().unwrap());
    }
    let helper = LiveHelper::start_in(namespace, "keep = \"100.100.2.136, 200::7\"");
    let engine = helper.namespace.enter_as(ENGINE_UID, || host::Client::connect(&helper.socket_path()).unwrap());
    let opened = engine.open_tun(1, 1280).unwrap();
    engine.set_addresses(Some("100.64.1.2".parse().unwrap()), "200::1234".parse().unwrap()).unwrap();
    engine.set_link(LinkState::Up).unwrap();
    let outside = host::replace_routes_around(&engine, vec![route("100.64.0.0", 10), route("200::", 7)]).unwrap();
    assert_eq!(outside, ["100.100.2.136", "200::7"].map(|address| address.parse::<IpAddr>().unwrap()));
    let state = helper.state();
    assert_eq!(state.helper_routes().len(), 22 + 121, "{state:#?}");
    assert_eq!(state.helper_rules(), 2 + 2, "{state:#?}");
    for (uid, to, expected) in [
        (ENGINE_UID, "100.100.2.136:53", None),
        (OTHER_UID, "100.100.2.136:53", None),
        (ENGINE_UID, "[200::7]:53", None),
        (ENGINE_UID, "100.100.2.137:53", Some(Errno::EACCES)),
        (ENGINE_UID, "[200::8]:53", Some(Errno::EACCES)),
    ] {
        let any = if to.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" };
        let connected = helper.namespace.enter_as(uid, || UdpSocket::bind(any).unwrap().connect(to));
        let found = connected.err().and_then(|error| error.raw_os_error()).map(Errno::from_raw);
        assert_eq!(found, expected, "uid {uid} to {to}");
    }
    engine.release().unwrap();
    assert_eq!(helper.state().helper_rules(), 0);
    drop(opened);
}

#[test]
fn the_engine_says_when_the_host_keeps_more_than_the_routes_go_around() {
    let eight = "keep = \"200::7, 210::7, 220::7, 230::7, 240::7, 250::7, 260::7, 270::7\"";
    for (policy, gateway, max, named) in
        [(eight, "280::7", 1024, 9), ("keep = \"200::7\"\nroutes_max = 16", "fd77::1", 16, 1)]
    {
        let namespace = Namespace::new();
        let _uplink = namespace.enter(|| attach_queue(open_driver(), "wan0").unwrap());
        add_default_route(&namespace, "wan0", gateway.parse().unwrap());
        let helper = LiveHelper::start_in(namespace, policy);
        let engine = helper.namespace.enter_as(ENGINE_UID, || host::Client::connect(&helper.socket_path()).unwrap());
        let opened = engine.open_tun(1, 1280).unwrap();
        engine.set_addresses(None, "200::1234".parse().unwrap()).unwrap();
        engine.set_link(LinkState::Up).unwrap();
        let error = host::replace_routes_around(&engine, vec![route("200::", 7)]).unwrap_err();
        assert!(error.is_lasting(), "{error}");
        let words = error.to_string();
        assert!(words.contains(&format!("more than {max} routes")), "{words}");
        assert_eq!(words.matches("::7").count(), named, "{words}");
        assert_eq!(helper.state().helper_routes().len(), 0);
        drop(opened);
    }
}

#[test]
fn refuses_a_route_over_an_address_that_another_interface_came_to_hold() {
    let helper = LiveHelper::start("");
    let client = helper.connect();
    client.bring_up(1);
    for (address, taking) in [("100.100.9.9", route("100.64.0.0", 10)), ("201::9", route("200::", 7))] {
        add_to_loopback(&helper.namespace, address.parse().unwrap());
        let refusal = Refusal::RouteTaken { address: address.parse().unwrap() };
        let routes = vec![route("100.64.5.5", 32), taking];
        assert_refused(&helper, &client, &HelperRequest::ReplaceRoutes { routes }, refusal);
    }
    client.done(&HelperRequest::ReplaceRoutes { routes: vec![route("100.64.5.5", 32)] });
}

#[test]
fn never_touches_an_interface_that_somebody_else_made_under_its_name() {
    let helper = LiveHelper::start("");
    let client = helper.connect();
    let (tun, _queues) = client.bring_up(1);
    let mut link = LinkMessage::default();
    link.header.index = tun.ifindex;
    helper.namespace.change(RouteNetlinkMessage::DelLink(link), 0);
    let _foreign = helper.namespace.enter(|| attach_queue(open_driver(), "ray0").unwrap());
    set_up(&helper.namespace, "ray0");
    let before = helper.state();
    for request in [
        addresses("100.64.1.9", "200::9"),
        HelperRequest::ReplaceRoutes { routes: vec![route("100.64.0.0", 10)] },
        HelperRequest::SetLink { state: LinkState::Down },
    ] {
        assert!(matches!(client.reply(&request), HelperReply::Failed { .. }), "{request:?}");
        assert_eq!(helper.state(), before, "{request:?}");
    }
    client.done(&HelperRequest::Release);
    assert!(helper.state().has_link("ray0"), "releasing our device leaves theirs");
}

#[test]
fn refuses_a_name_that_another_interface_has() {
    let helper = LiveHelper::start("");
    let stranger = helper.namespace.enter(|| attach_queue(open_driver(), "ray0").unwrap());
    let client = greeted(&helper);
    assert_refused(&helper, &client, &open(1), Refusal::InterfaceTaken);
    drop(stranger);
    client.open(1);
}

#[test]
fn refuses_to_open_where_another_interface_holds_a_mesh_address() {
    for address in ["100.100.9.9", "201::9"] {
        let namespace = Namespace::new();
        add_to_loopback(&namespace, address.parse().unwrap());
        let helper = LiveHelper::start_in(namespace, "");
        let client = greeted(&helper);
        assert_refused(&helper, &client, &open(1), Refusal::PrefixTaken);
    }
}

#[test]
fn refuses_addresses_where_another_interface_came_to_hold_one() {
    let helper = LiveHelper::start("");
    let client = greeted(&helper);
    client.open(1);
    add_to_loopback(&helper.namespace, "100.100.9.9".parse().unwrap());
    assert_refused(&helper, &client, &addresses("100.64.1.2", "200::1234"), Refusal::PrefixTaken);
}

#[test]
fn refuses_to_resume_with_another_number_of_queues() {
    let helper = LiveHelper::start("");
    let client = helper.connect();
    client.bring_up(2);
    drop(client);
    let client = greeted(&helper);
    assert_refused(&helper, &client, &open(3), Refusal::QueuesDiffer { kept: 2 });
    assert!(client.open(2).0.resumed);
}

#[test]
fn a_route_of_somebody_else_is_a_failure_that_leaves_the_earlier_set() {
    let helper = LiveHelper::start("");
    let client = helper.connect();
    client.bring_up(1);
    add_route_through_loopback(&helper.namespace, "100.64.7.7".parse().unwrap());
    let before = helper.state();
    let routes = vec![route("100.64.5.5", 32), route("100.64.7.7", 32), route("100.64.9.9", 32)];
    let reply = client.reply(&HelperRequest::ReplaceRoutes { routes });
    assert!(matches!(reply, HelperReply::Failed { errno: 17, .. }), "{reply:?}");
    assert_eq!(helper.state(), before);
    client.done(&HelperRequest::ReplaceRoutes { routes: vec![route("100.64.5.5", 32)] });
}

#[test]
fn closes_every_connection_that_is_not_the_engines() {
    let helper = LiveHelper::start("");
    for uid in [OTHER_UID, 0, 65534] {
        // The helper may have closed before the hello is sent.
        let stranger = helper.connect_as(uid).unwrap();
        assert!(matches!(stranger.ask(&HelperRequest::Hello { version: 1 }), Answer::Closed), "uid {uid}");
        eventually("the stranger is named", || helper.log().contains(&format!("closed a connection of uid {uid} ")));
    }
    greeted(&helper);
}

#[test]
fn the_socket_is_roots_and_open_to_the_engines_group_alone() {
    let helper = LiveHelper::start("");
    let socket = fs::metadata(helper.socket_path()).unwrap();
    assert_eq!((socket.mode() & 0o7777, socket.uid(), socket.gid()), (0o660, 0, ENGINE_UID));
}

#[test]
fn a_flood_of_operations_is_slowed_down_and_still_served() {
    let helper = LiveHelper::start("");
    let client = up(&helper);
    let began = Instant::now();
    // Three have gone before; the burst is 50 and one more comes each 50 ms.
    for _ in 0..60 {
        client.done(&HelperRequest::SetLink { state: LinkState::Up });
    }
    assert!(began.elapsed() >= Duration::from_millis(400), "{:?}", began.elapsed());
}

#[test]
fn keeps_those_outside_the_engines_group_from_knocking() {
    let helper = LiveHelper::start("");
    let refused = Client::connect_as(&helper.socket_path(), OTHER_UID, OTHER_UID).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied);
}

#[test]
fn closes_a_connection_that_outlives_the_engine_that_made_it() {
    let helper = LiveHelper::start("");
    let kept = Client::outliving(&helper.socket_path(), ENGINE_UID, ENGINE_UID);
    assert!(matches!(kept.ask(&HelperRequest::Hello { version: 1 }), Answer::Closed));
    eventually("it is named", || helper.log().contains("outlived the engine"));
    greeted(&helper);
}

#[test]
fn closes_a_second_connection_and_keeps_the_first() {
    let helper = LiveHelper::start("");
    let first = helper.connect();
    first.bring_up(1);
    let before = helper.state();
    let second = helper.connect();
    assert!(matches!(second.ask(&HelperRequest::Hello { version: 1 }), Answer::Closed));
    assert_eq!(helper.state(), before);
    first.done(&HelperRequest::SetLink { state: LinkState::Up });
}

/// Asks, wants this refusal, and that the network is as it was and the connection goes on.
fn assert_refused(helper: &LiveHelper, client: &Client, request: &HelperRequest, refusal: Refusal) {
    let before = helper.state();
    assert_eq!(client.reply(request), HelperReply::Refused(refusal), "{request:?}");
    assert_eq!(helper.state(), before, "{request:?}");
}

fn greeted(helper: &LiveHelper) -> Client {
    let client = helper.connect();
    client.greet();
    client
}

/// A client whose link is up, without routes.
fn up(helper: &LiveHelper) -> Client {
    let client = greeted(helper);
    client.open(1);
    client.done(&addresses("100.64.1.2", "200::1234"));
    client.done(&HelperRequest::SetLink { state: LinkState::Up });
    client
}

fn open(queues: u8) -> HelperRequest {
    HelperRequest::OpenTun { queues, mtu: 1280 }
}

fn add_to_loopback(namespace: &Namespace, address: IpAddr) {
    let mut message = AddressMessage::default();
    message.header.index = LOOPBACK;
    (message.header.family, message.header.prefix_len) =
        if address.is_ipv4() { (AddressFamily::Inet, 32) } else { (AddressFamily::Inet6, 128) };
    message.attributes = vec![AddressAttribute::Local(address), AddressAttribute::Address(address)];
    namespace.change(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_EXCL);
}

fn add_route_through_loopback(namespace: &Namespace, destination: std::net::Ipv4Addr) {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.destination_prefix_length = 32;
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.scope = RouteScope::Link;
    message.header.kind = RouteType::Unicast;
    message.attributes =
        vec![RouteAttribute::Oif(LOOPBACK), RouteAttribute::Destination(RouteAddress::Inet(destination))];
    namespace.change(RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | NLM_F_EXCL);
}

fn set_up(namespace: &Namespace, name: &str) -> u32 {
    let index = namespace.enter(|| if_nametoindex(name).unwrap());
    // Without an address of its own making, which would come and go.
    let mut quiet = LinkMessage::default();
    quiet.header.index = index;
    let mode = AfSpecInet6::AddrGenMode(In6AddrGenMode::None);
    quiet.attributes.push(LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(vec![mode])]));
    let mut up = LinkMessage::default();
    up.header.index = index;
    up.header.flags = LinkFlags::Up;
    up.header.change_mask = LinkFlags::Up;
    for link in [quiet, up] {
        namespace.change(RouteNetlinkMessage::SetLink(link), 0);
    }
    index
}

fn add_default_route(namespace: &Namespace, name: &str, gateway: IpAddr) {
    let mut message = RouteMessage::default();
    message.header.address_family = if gateway.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.kind = RouteType::Unicast;
    // The gateway need not be inside a network of the interface.
    message.header.flags = RouteFlags::Onlink;
    let index = set_up(namespace, name);
    message.attributes = vec![RouteAttribute::Oif(index), RouteAttribute::Gateway(gateway.into())];
    namespace.change(RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | NLM_F_EXCL);
}
