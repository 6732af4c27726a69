//! What the plane refuses in either direction.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use super::*;
use crate::{
    dns::{Host, Zone},
    firewall::{Action, Denied, Firewall, Members, Party, Posture, Ruleset, Standing, seeded},
    ident::{MAGIC_V4, MAGIC_V6, PeerId, RoomId, UnixTime},
    packet::{
        self, Checksum, Malformed, icmp,
        samples::{ACK, Tcp, ip, tcp_segment},
        udp,
    },
    route::RouteTable,
};

#[test]
fn refuses_a_source_that_belongs_to_another_peer() {
    for (bobs, ours) in [(BOB_V4, OWN_V4), (BOB_V6, OWN_V6)] {
        assert_eq!(refused_in(ALICE, &packet(bobs, ours)), DropReason::SourceOfAnother);
        assert!(judged_in(&snapshot(), BOB, &packet(bobs, ours)).is_ok());
    }
}

#[test]
fn refuses_a_source_that_belongs_to_nobody() {
    for src in ["100.64.9.9", "8.8.8.8", "0.0.0.0", "255.255.255.255", "127.0.0.1", "100.100.100.53"] {
        assert_eq!(refused_in(ALICE, &packet(src, OWN_V4)), DropReason::SourceOfAnother, "{src}");
    }
    for src in ["200::9", "::", "::1", "fe80::1", "200::53", "::ffff:100.64.0.2"] {
        assert_eq!(refused_in(ALICE, &packet(src, OWN_V6)), DropReason::SourceOfAnother, "{src}");
    }
}

#[test]
fn refuses_our_own_address_as_a_source() {
    assert_eq!(refused_in(ALICE, &packet(OWN_V4, OWN_V4)), DropReason::SourceOfAnother);
    assert_eq!(refused_in(ALICE, &packet(OWN_V6, OWN_V6)), DropReason::SourceOfAnother);
}

#[test]
fn refuses_a_stranger() {
    assert_eq!(refused_in(STRANGER, &packet(ALICE_V4, OWN_V4)), DropReason::SourceOfAnother);
    assert_eq!(refused_in(STRANGER, &packet("100.64.7.7", OWN_V4)), DropReason::SourceOfAnother);
}

#[test]
fn refuses_a_packet_that_is_not_for_us() {
    for dst in [
        "8.8.8.8",
        "192.168.1.1",
        "10.0.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "224.0.0.1",
        "239.255.255.250",
        "255.255.255.255",
        "100.127.255.255",
        "0.0.0.0",
        BOB_V4,
        ALICE_V4,
        "100.100.100.53",
    ] {
        assert_eq!(refused_in(ALICE, &packet(ALICE_V4, dst)), DropReason::NotForUs, "{dst}");
    }
    for dst in ["2001:db8::1", "::1", "fe80::1", "ff02::1", "ff05::2", "fd00::1", "::", BOB_V6, ALICE_V6, "200::53"] {
        assert_eq!(refused_in(ALICE, &packet(ALICE_V6, dst)), DropReason::NotForUs, "{dst}");
    }
}

#[test]
fn refuses_a_peers_query_to_the_resolver() {
    for (src, magic) in [(ALICE_V4, IpAddr::V4(MAGIC_V4)), (ALICE_V6, IpAddr::V6(MAGIC_V6))] {
        let query = udp::build((ip(src), 5000).into(), (magic, 53).into(), &query()).unwrap();
        assert_eq!(refused_in(ALICE, &query), DropReason::NotForUs);
    }
}

#[test]
fn refuses_ipv4_on_a_host_without_an_ipv4_address() {
    let mut snapshot = snapshot();
    snapshot.own_v4 = None;
    for dst in [OWN_V4, "0.0.0.0"] {
        let refused = judged_in(&snapshot, ALICE, &packet(ALICE_V4, dst)).unwrap_err();
        assert_eq!(refused, DropReason::NotForUs);
        let refused = judged_out(&snapshot, &packet(dst, ALICE_V4)).unwrap_err();
        assert_eq!(refused, DropReason::ForeignSource);
    }
}

#[test]
fn refuses_malformed_packets_before_it_looks_at_addresses() {
    let mut cut = packet(ALICE_V4, OWN_V4);
    cut.pop();
    assert_eq!(refused_in(ALICE, &cut), DropReason::Malformed(Malformed::TotalLength));
    assert_eq!(refused_out(&cut), DropReason::Malformed(Malformed::TotalLength));
}

#[test]
fn drops_what_the_host_sends_from_a_foreign_source() {
    for src in ["192.168.1.2", "127.0.0.1", "0.0.0.0", "100.64.9.9", BOB_V4] {
        assert_eq!(refused_out(&packet(src, ALICE_V4)), DropReason::ForeignSource, "{src}");
    }
    for src in ["fe80::1", "::", "2001:db8::1", BOB_V6] {
        assert_eq!(refused_out(&packet(src, ALICE_V6)), DropReason::ForeignSource, "{src}");
    }
    let mut query = udp::build((ip("192.168.1.2"), 5000).into(), (MAGIC_V4, 53).into(), &query()).unwrap();
    assert_eq!(refused_out(&query), DropReason::ForeignSource);
    query.truncate(0);
    assert_eq!(refused_out(&query), DropReason::Malformed(Malformed::ShortHeader));
}

#[test]
fn drops_what_the_host_sends_to_nobody() {
    for dst in ["100.64.9.9", "8.8.8.8", "224.0.0.1", "255.255.255.255", "127.0.0.1"] {
        assert_eq!(refused_out(&packet(OWN_V4, dst)), DropReason::NoRoute, "{dst}");
    }
    for dst in ["200::9", "ff02::2", "2001:db8::1"] {
        assert_eq!(refused_out(&packet(OWN_V6, dst)), DropReason::NoRoute, "{dst}");
    }
    assert_eq!(refused_out(&packet(OWN_V4, OWN_V4)), DropReason::ToSelf);
}

#[test]
fn drops_what_is_no_query_at_the_resolver() {
    let from: SocketAddr = (ip(OWN_V4), 5000).into();
    let other_port = udp::build(from, (MAGIC_V4, 54).into(), &query()).unwrap();
    assert_eq!(refused_out(&other_port), DropReason::NotADnsQuery);
    let tcp = Tcp { src: OWN_V4, dst: "100.100.100.53", seq: 1, flags: ACK, payload: b"x" }.build();
    assert_eq!(refused_out(&tcp), DropReason::NotADnsQuery);
    let echo = packet(OWN_V6, "200::53");
    assert_eq!(refused_out(&echo), DropReason::NotADnsQuery);
}

#[test]
fn routes_to_the_peer_that_holds_the_address() {
    for (own, dst, peer) in [(OWN_V4, ALICE_V4, ALICE), (OWN_V6, ALICE_V6, ALICE), (OWN_V4, BOB_V4, BOB)] {
        match judged_out(&snapshot(), &packet(own, dst)).unwrap() {
            Outbound::Peer(routed) => assert_eq!(routed.peer(), peer),
            Outbound::Dns(_) | Outbound::DnsStream => panic!("{dst} is a peer"),
        }
    }
}

#[test]
fn judges_a_super_packet_as_one() {
    let payload = vec![0; 60_000];
    let packet = Tcp { src: OWN_V4, dst: BOB_V4, seq: 1, flags: ACK, payload: &payload }.build();
    assert!(matches!(judged_out(&snapshot(), &packet), Ok(Outbound::Peer(routed)) if routed.peer() == BOB));
}

#[test]
fn answers_the_hosts_query_from_the_address_that_it_asked() {
    for (own, magic) in [(OWN_V4, IpAddr::V4(MAGIC_V4)), (OWN_V6, IpAddr::V6(MAGIC_V6))] {
        let packet = udp::build((ip(own), 5000).into(), (magic, 53).into(), &query()).unwrap();
        let snapshot = snapshot();
        let Outbound::Dns(question) = judged_out(&snapshot, &packet).unwrap() else { panic!("a query is for us") };
        let reply = question.reply(&snapshot.zone).unwrap();
        let parsed = packet::parse(reply.packet()).unwrap();
        assert_eq!((parsed.src(), parsed.dst()), (magic, ip(own)));
        let datagram = udp::datagram_of(&parsed).unwrap();
        assert_eq!((datagram.src_port, datagram.dst_port), (53, 5000));
        assert!(datagram.payload.windows(4).any(|bytes| bytes == [100, 64, 0, 2]), "the reply holds alice's address");
    }
}

#[test]
fn knows_a_segment_to_the_resolver_and_hands_it_to_no_peer() {
    for (own, magic) in [(OWN_V4, MAGIC_V4.to_string()), (OWN_V6, MAGIC_V6.to_string())] {
        let segment = |port| tcp_segment((own, 5000), (&magic, port), ACK, 1, 1, b"x");
        assert!(matches!(judged_out(&snapshot(), &segment(53)), Ok(Outbound::DnsStream)));
        assert!(matches!(judged_out(&snapshot(), &segment(54)), Err(DropReason::NotADnsQuery)), "another port");
    }
}

#[test]
fn the_resolvers_own_segments_go_to_this_host_alone() {
    let magic = MAGIC_V4.to_string();
    let segment = |src: &str, dst: &str, port| tcp_segment((src, port), (dst, 5000), ACK, 1, 1, b"x");
    assert!(dns_segment(&snapshot(), segment(&magic, OWN_V4, 53)).is_some());
    for (what, packet) in [
        ("to a peer", segment(&magic, ALICE_V4, 53)),
        ("from a peer", segment(ALICE_V4, OWN_V4, 53)),
        ("from this host", segment(OWN_V4, OWN_V4, 53)),
        ("from another port", segment(&magic, OWN_V4, 54)),
        ("not TCP", udp::build((MAGIC_V4, 53).into(), (ip(OWN_V4), 5000).into(), b"x").unwrap()),
        ("nothing", Vec::new()),
    ] {
        assert!(dns_segment(&snapshot(), packet).is_none(), "{what}");
    }
}

#[test]
fn a_reply_is_no_query_worth_an_answer() {
    let mut reply = query();
    reply[2] |= 0x80;
    let packet = udp::build((ip(OWN_V4), 5000).into(), (MAGIC_V4, 53).into(), &reply).unwrap();
    let snapshot = snapshot();
    let Outbound::Dns(question) = judged_out(&snapshot, &packet).unwrap() else { panic!("port 53 is for us") };
    assert!(question.reply(&snapshot.zone).is_none());
}

#[test]
fn what_no_rule_allows_stays_out_and_answers_come_in() {
    let snapshot = Snapshot { rules: rules(Posture::default()), ..snapshot() };
    let firewall = Firewall::default();
    let alice = Party { peer: ALICE, network: HOME };
    let unasked = udp_packet((ALICE_V4, 53), (OWN_V4, 5000));
    let refused = inbound(&snapshot, &firewall, alice, &unasked, Checksum::Complete, 0).unwrap_err();
    assert_eq!(refused.reason, DropReason::Firewall(Denied::DefaultIn));
    assert!(refused.answer.is_none(), "nobody is told unless it is asked for");
    assert!(outbound(&snapshot, &firewall, &udp_packet((OWN_V4, 5000), (ALICE_V4, 53)), 1).is_ok());
    assert!(inbound(&snapshot, &firewall, alice, &unasked, Checksum::Complete, 2).is_ok());
    assert!(
        inbound(&snapshot, &firewall, alice, packet(ALICE_V6, OWN_V6), Checksum::Complete, 3).is_ok(),
        "pings are let in"
    );
}

#[test]
fn a_refused_sender_is_told_on_its_own_side_if_so_wished() {
    let told = Posture { reject: true, outbound: Action::Deny, ..Posture::default() };
    let snapshot = Snapshot { rules: rules(told), ..snapshot() };
    let firewall = Firewall::default();
    let bob = Party { peer: BOB, network: HOME };
    let refused = inbound(&snapshot, &firewall, bob, udp_packet((BOB_V4, 53), (OWN_V4, 5000)), Checksum::Complete, 0)
        .unwrap_err();
    let reply = refused.answer.unwrap();
    assert_eq!((reply.routed().peer(), reply.routed().network()), (BOB, HOME));
    let parsed = packet::parse(reply.packet()).unwrap();
    assert_eq!((parsed.src(), parsed.dst()), (ip(OWN_V4), ip(BOB_V4)));
    let refused = outbound(&snapshot, &firewall, &udp_packet((OWN_V6, 5000), (BOB_V6, 53)), 0).unwrap_err();
    assert_eq!(refused.reason, DropReason::Firewall(Denied::DefaultOut));
    let answer = refused.answer.unwrap();
    let parsed = packet::parse(answer.packet()).unwrap();
    assert_eq!((parsed.src(), parsed.dst()), (ip(BOB_V6), ip(OWN_V6)));
    let spoofed = inbound(&snapshot, &firewall, bob, udp_packet((ALICE_V4, 53), (OWN_V4, 5000)), Checksum::Complete, 0)
        .unwrap_err();
    assert!(spoofed.answer.is_none(), "who is not who it says is told nothing");
}

#[test]
fn what_belongs_to_a_flow_stays_in_its_network() {
    let snapshot = Snapshot { rules: rules(Posture { inbound: Action::Allow, ..Posture::default() }), ..snapshot() };
    let firewall = Firewall::default();
    let network_of = |packet: &[u8]| match outbound(&snapshot, &firewall, packet, 1).unwrap() {
        Outbound::Peer(routed) => routed.network(),
        Outbound::Dns(_) | Outbound::DnsStream => panic!("alice is a peer"),
    };
    let at_work = Party { peer: ALICE, network: WORK };
    inbound(&snapshot, &firewall, at_work, udp_packet((ALICE_V4, 900), (OWN_V4, 5000)), Checksum::Complete, 0).unwrap();
    assert_eq!(network_of(&udp_packet((OWN_V4, 5000), (ALICE_V4, 900))), WORK);
    assert_eq!(network_of(&udp_packet((OWN_V4, 5000), (ALICE_V4, 901))), HOME, "what we begin goes through the first");
}

#[test]
fn refuses_a_network_that_the_peer_is_not_in() {
    let at_work = Party { peer: BOB, network: WORK };
    let refused =
        inbound(&snapshot(), &Firewall::default(), at_work, packet(BOB_V4, OWN_V4), Checksum::Complete, 0).unwrap_err();
    assert_eq!(refused.reason, DropReason::Firewall(Denied::Stranger));
    assert_eq!((snapshot().network(7), snapshot().network(9)), (Some(HOME), None));
    let mut shares_nothing = snapshot();
    shares_nothing.shared.clear();
    assert_eq!(judged_out(&shares_nothing, &packet(OWN_V4, BOB_V4)).unwrap_err(), DropReason::NoRoute);
}

#[test]
fn refuses_a_packet_without_a_sum_that_nobody_can_make() {
    let (snapshot, firewall) = (snapshot(), Firewall::default());
    let from = Party { peer: ALICE, network: HOME };
    let echo = packet(ALICE_V4, OWN_V4);
    let refused = inbound(&snapshot, &firewall, from, &echo, Checksum::Left, 0).unwrap_err();
    assert_eq!(refused.reason, Malformed::Offload.into());
    assert_eq!(
        inbound(&snapshot, &firewall, from, &echo, Checksum::Complete, 0).unwrap().checksum(),
        Checksum::Complete
    );
}

#[test]
fn the_rest_of_a_run_has_the_verdict_of_its_first() {
    for (src, dst) in [(ALICE_V4, OWN_V4), (ALICE_V6, OWN_V6)] {
        for [first, second, third] in [runs(src, dst), datagrams(src, dst)] {
            let first = judged(&Firewall::default(), first, Checksum::Left);
            let (layout, expected) = (first.layout(), second.clone());
            let second = first.follow(second).unwrap();
            assert_eq!((second.packet(), second.layout(), second.checksum()), (&expected[..], layout, Checksum::Left));
            assert!(second.follow(third).is_ok(), "what has followed leads too");
        }
    }
}

#[test]
fn what_could_be_judged_otherwise_does_not_follow() {
    for (src, other, dst) in [(ALICE_V4, BOB_V4, OWN_V4), (ALICE_V6, BOB_V6, OWN_V6)] {
        let [first, _, third] = runs(src, dst);
        let segment = |src, dst, seq, flags| Tcp { src, dst, seq, flags, payload: b"data" }.build();
        let first = judged(&Firewall::default(), first, Checksum::Left);
        for (what, packet) in [
            ("a gap", third),
            ("another source", segment(other, dst, 4, ACK)),
            ("another destination", segment(src, other, 4, ACK)),
            ("the end of a connection", segment(src, dst, 4, ACK | 0x01)),
            ("a reset", segment(src, dst, 4, 0x04)),
            ("another protocol", packet(src, dst)),
            ("no packet", vec![0x45]),
        ] {
            assert_eq!(first.follow(packet.clone()).unwrap_err(), packet, "{what} comes back as it was");
        }
        let [datagram, ..] = datagrams(src, dst);
        let datagram = judged(&Firewall::default(), datagram, Checksum::Left);
        assert!(datagram.follow(udp_packet((src, 7), (dst, 9))).is_err(), "another port");
    }
}

#[test]
fn nothing_follows_a_packet_whose_verdict_is_its_own() {
    for (src, dst) in [(ALICE_V4, OWN_V4), (ALICE_V6, OWN_V6)] {
        for [first, second, _] in [runs(src, dst), datagrams(src, dst)] {
            let complete = judged(&Firewall::default(), first.clone(), Checksum::Complete);
            assert!(complete.follow(second.clone()).is_err(), "the next one's sum may be wrong");
            let firewall = Firewall::default();
            firewall.resume(1);
            assert!(judged(&firewall, first.clone(), Checksum::Left).follow(second.clone()).is_err(), "a stray");
            let own = Deliverable::for_host(first).unwrap();
            assert!(own.follow(second).is_err(), "what the engine made");
        }
    }
}

pub(super) const HOME: RoomId = RoomId([8; 32]);
const WORK: RoomId = RoomId([9; 32]);
pub(super) const ALICE: PeerId = PeerId([1; 32]);
pub(super) const BOB: PeerId = PeerId([2; 32]);
pub(super) const STRANGER: PeerId = PeerId([3; 32]);
pub(super) const OWN_V4: &str = "100.64.0.1";
pub(super) const OWN_V6: &str = "200::1";
pub(super) const ALICE_V4: &str = "100.64.0.2";
pub(super) const ALICE_V6: &str = "200::2";
pub(super) const BOB_V4: &str = "100.64.0.3";
pub(super) const BOB_V6: &str = "200::3";

pub(super) fn snapshot() -> Snapshot {
    Snapshot {
        own_v4: Some("100.64.0.1".parse().unwrap()),
        own_v6: "200::1".parse().unwrap(),
        routes: RouteTable::new([(ip(ALICE_V4), ALICE), (ip(ALICE_V6), ALICE), (ip(BOB_V4), BOB), (ip(BOB_V6), BOB)]),
        zone: Zone::new([Host {
            host: "alice".parse().unwrap(),
            network: "home".parse().unwrap(),
            v4: Some(ALICE_V4.parse().unwrap()),
            v6: ALICE_V6.parse().unwrap(),
        }]),
        rules: rules(Posture { inbound: Action::Allow, ..Posture::default() }),
        handles: [(7, HOME), (8, WORK)].into(),
        shared: [(ALICE, vec![HOME, WORK]), (BOB, vec![HOME])].into(),
    }
}

fn rules(posture: Posture) -> Arc<Ruleset> {
    let parties = [(ALICE, HOME), (ALICE, WORK), (BOB, HOME)];
    let members: Members =
        parties.map(|(peer, network)| (Party { peer, network }, Standing::default())).into_iter().collect();
    Arc::new(Ruleset::compile(seeded(), posture, members, UnixTime(0)))
}

pub(super) fn query() -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    bytes.extend_from_slice(b"\x05alice\x04home\x03ray\x00\x00\x01\x00\x01");
    bytes
}

pub(super) fn packet(src: &str, dst: &str) -> Vec<u8> {
    icmp::echo_request(ip(src), ip(dst), 1, 1, b"ping").unwrap()
}

fn udp_packet(from: (&str, u16), to: (&str, u16)) -> Vec<u8> {
    udp::build((ip(from.0), from.1).into(), (ip(to.0), to.1).into(), b"data").unwrap()
}

fn refused_in(from: PeerId, packet: &[u8]) -> DropReason {
    judged_in(&snapshot(), from, packet).expect_err("the packet must be dropped")
}

fn refused_out(packet: &[u8]) -> DropReason {
    judged_out(&snapshot(), packet).map(|_| ()).expect_err("the packet must be dropped")
}

pub(super) fn judged_in(snapshot: &Snapshot, from: PeerId, packet: &[u8]) -> Result<(), DropReason> {
    let from = Party { peer: from, network: HOME };
    inbound(snapshot, &Firewall::default(), from, packet, Checksum::Complete, 0)
        .map(|_| ())
        .map_err(|refused| refused.reason)
}

pub(super) fn judged_out<'a>(snapshot: &Snapshot, packet: &'a [u8]) -> Result<Outbound<'a>, DropReason> {
    outbound(snapshot, &Firewall::default(), packet, 0).map_err(|refused| refused.reason)
}

/// What ALICE's packet is to a host that lets it in.
fn judged(firewall: &Firewall, packet: Vec<u8>, checksum: Checksum) -> Deliverable<Vec<u8>> {
    inbound(&snapshot(), firewall, Party { peer: ALICE, network: HOME }, packet, checksum, 0).unwrap()
}

/// Three segments of a connection that continue each other.
fn runs(src: &str, dst: &str) -> [Vec<u8>; 3] {
    [0, 4, 8].map(|seq| Tcp { src, dst, seq, flags: ACK, payload: b"data" }.build())
}

fn datagrams(src: &str, dst: &str) -> [Vec<u8>; 3] {
    [(); 3].map(|()| udp_packet((src, 7), (dst, 8)))
}
