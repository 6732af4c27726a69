//! What kind of device the helper makes, and who can do what with it.

use std::{
    net::{IpAddr, UdpSocket},
    os::fd::{AsFd, AsRawFd},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, FdFlag, OFlag, fcntl},
    unistd::read,
};
use ray_tests::live_helper::{ENGINE_UID, LiveHelper, OTHER_UID, attach_queue, is_attached, open_driver};

#[test]
fn nobody_but_root_can_attach_a_queue() {
    let helper = LiveHelper::start("");
    let client = helper.connect();
    let _held = client.bring_up(2);
    for uid in [OTHER_UID, ENGINE_UID] {
        let driver = helper.namespace.enter(open_driver);
        let attached = helper.namespace.enter_as(uid, || attach_queue(driver, "ray0").map(drop));
        assert_eq!(attached, Err(Errno::EPERM), "uid {uid}");
    }
    // The same act with the right to do it: it was the right that was missing.
    let driver = helper.namespace.enter(open_driver);
    helper.namespace.enter(|| attach_queue(driver, "ray0")).expect("attaching a queue as root");
}

#[test]
fn hands_over_as_many_live_queues_as_were_asked_for() {
    let helper = LiveHelper::start("");
    let client = helper.connect();
    let (tun, queues) = client.bring_up(8);
    assert_eq!((tun.queues, queues.len(), tun.ifname.as_str()), (8, 8, "ray0"));
    for queue in &queues {
        assert!(is_attached(queue.as_fd()));
        let status = OFlag::from_bits_retain(fcntl(queue, FcntlArg::F_GETFL).unwrap());
        assert!(status.contains(OFlag::O_NONBLOCK));
        let flags = FdFlag::from_bits_retain(fcntl(queue, FcntlArg::F_GETFD).unwrap());
        assert!(flags.contains(FdFlag::FD_CLOEXEC), "{}", queue.as_raw_fd());
    }
}

#[test]
fn packets_carry_the_header_that_the_engine_expects() {
    let helper = LiveHelper::start("");
    let client = helper.connect();
    let (_, queues) = client.bring_up(1);
    helper.namespace.enter_as(OTHER_UID, || {
        UdpSocket::bind("0.0.0.0:0").unwrap().send_to(b"ping", "100.64.9.9:9").unwrap();
    });
    let packet = read_ipv4_packet(&queues[0]);
    // Ten bytes of virtio-net header, then IPv4 with its whole length.
    assert_eq!(packet.len(), 10 + 20 + 8 + 4);
    assert_eq!((packet[10], &packet[10 + 16..10 + 20]), (0x45, &[100, 64, 9, 9][..]));
}

#[test]
fn the_engines_own_packets_never_enter_the_mesh() {
    let helper = LiveHelper::start("");
    let client = helper.connect();
    let _held = client.bring_up(1);
    for (any, mesh) in [("0.0.0.0", "100.64.9.9"), ("::", "200::9")] {
        let engine = helper.namespace.enter_as(ENGINE_UID, || send(any, mesh));
        assert_eq!(engine, Err(std::io::ErrorKind::PermissionDenied), "{mesh}");
        assert_eq!(helper.namespace.enter_as(OTHER_UID, || send(any, mesh)), Ok(()), "{mesh}");
    }
}

#[test]
fn the_engine_still_reaches_this_nodes_own_addresses() {
    let helper = LiveHelper::start("");
    let client = helper.connect();
    let _held = client.bring_up(1);
    helper.state();
    for own in ["100.64.1.2", "200::1234"] {
        helper.namespace.enter_as(ENGINE_UID, || assert_eq!(send(own, own), Ok(()), "{own}"));
    }
}

#[test]
fn the_rules_are_there_before_the_link_is_up() {
    let helper = LiveHelper::start("");
    let client = helper.connect();
    client.greet();
    let (tun, _queues) = client.open(1);
    let state = helper.state();
    assert_eq!(state.helper_rules(), 2, "{state:#?}");
    assert!(state.links.contains(&format!("if{} ray0 mtu 1280 up false", tun.ifindex)), "{state:#?}");
}

#[test]
fn holds_the_addresses_and_routes_asked_for_and_no_others() {
    let helper = LiveHelper::start("");
    let client = helper.connect();
    let (tun, _queues) = client.bring_up(1);
    let state = helper.state();
    assert!(state.has_addresses(tun.ifindex, &["100.64.1.2/32", "200::1234/128"]), "no link-local one: {state:#?}");
    let expected = [format!("100.64.0.0/10 if{}", tun.ifindex), format!("200::/7 if{}", tun.ifindex)];
    assert_eq!(state.helper_routes(), expected.iter().map(String::as_str).collect());
}

/// The next IPv4 packet of the queue; the kernel may send multicast reports of its own before it.
fn read_ipv4_packet(queue: &impl AsFd) -> Vec<u8> {
    let mut packet = Vec::new();
    ray_tests::live_helper::eventually("the packet comes out of the queue", || {
        let mut buffer = vec![0; 2048];
        match read(queue, &mut buffer) {
            Ok(len) => {
                packet = buffer[..len].to_vec();
                packet.get(10).is_some_and(|first| first >> 4 == 4)
            }
            Err(Errno::EAGAIN) => false,
            Err(errno) => panic!("reading a queue: {errno}"),
        }
    });
    packet
}

fn send(from: &str, to: &str) -> Result<(), std::io::ErrorKind> {
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    let socket = UdpSocket::bind((address(from), 0)).unwrap();
    socket.send_to(b"ping", (address(to), 9)).map(drop).map_err(|error| error.kind())
}
