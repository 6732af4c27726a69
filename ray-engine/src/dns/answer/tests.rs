//! What is answered, what is denied, and what is refused.
#![allow(clippy::cast_possible_truncation, reason = "test data is small")]

use std::net::IpAddr;

use simple_dns::{Packet, PacketFlag};

use super::*;
use crate::dns::Host;

const A: u16 = 1;
const PTR: u16 = 12;
const AAAA: u16 = 28;
const SOA: u16 = 6;

#[test]
fn answers_full_and_flat_names_in_any_case() {
    for name in ["nas.home.ray", "nas.ray", "NAS.Home.RAY", "nAs.rAy"] {
        assert_eq!(addresses(name, A), ["100.64.0.2"], "{name}");
        assert_eq!(addresses(name, AAAA), ["200::2"], "{name}");
        assert_eq!(addresses(name, QTYPE_ANY).len(), 2, "{name}");
    }
}

#[test]
fn an_ambiguous_flat_name_means_the_first_network_by_name() {
    assert_eq!(addresses("alice.ray", A), ["100.64.0.9"]);
    assert_eq!(addresses("alice.home.ray", A), ["100.64.0.3"]);
    assert_eq!(addresses("alice.attic.ray", A), ["100.64.0.9"]);
    let mut hosts = hosts();
    hosts.reverse();
    let (one, other) = (Zone::new(hosts), zone());
    for name in ["alice.ray", "nas.ray", "3.0.64.100.in-addr.arpa"] {
        let query = query(name, QTYPE_ANY, 1);
        assert_eq!(answer(&one, &query), answer(&other, &query), "the order of members does not matter");
    }
}

#[test]
fn echoes_the_question_as_it_was_asked() {
    let query = query("NAS.home.RAY", A, 1);
    let reply = answer(&zone(), &query).unwrap();
    assert_eq!(reply[12..query.len()], query[12..]);
    assert_eq!(reply[..2], query[..2]);
    let packet = Packet::parse(&reply).unwrap();
    assert!(packet.has_flags(PacketFlag::RESPONSE | PacketFlag::AUTHORITATIVE_ANSWER | PacketFlag::RECURSION_DESIRED));
    assert!(!packet.has_flags(PacketFlag::RECURSION_AVAILABLE));
    assert_eq!(packet.answers[0].ttl, 1);
}

#[test]
fn denies_names_that_do_not_exist() {
    for name in ["bob.home.ray", "bob.ray", "nas.attic.ray", "x.nas.home.ray", "na.ray", "nas.home.home.ray"] {
        assert_negative(name, A, RCODE::NameError, "ray");
    }
}

#[test]
fn a_missing_family_or_type_is_no_data() {
    for (name, qtype) in [("v6only.home.ray", A), ("nas.home.ray", 16), ("nas.home.ray", 65), ("nas.ray", 52)] {
        assert_negative(name, qtype, RCODE::NoError, "ray");
    }
    for name in ["home.ray", "ray"] {
        assert_negative(name, A, RCODE::NoError, "ray");
    }
    assert_eq!(addresses("v6only.ray", AAAA), ["200::4"]);
}

#[test]
fn refuses_names_outside_our_zones() {
    for name in ["example.com", "ray.com", "com", "nas.home.rays", "xray", "nas.local", "localhost", ""] {
        assert_eq!(rcode(name, A, 1), RCODE::Refused, "{name}");
    }
    for name in [
        "1.0.0.127.in-addr.arpa",
        "1.1.168.192.in-addr.arpa",
        "2.0.63.100.in-addr.arpa",
        "2.0.128.100.in-addr.arpa",
        "100.in-addr.arpa",
        "in-addr.arpa",
        "arpa",
        "ip6.arpa",
        "0.ip6.arpa",
        "+2.0.64.100.in-addr.arpa",
        "4.0.ip6.arpa",
        "8.b.d.0.1.0.0.2.ip6.arpa",
    ] {
        assert_eq!(rcode(name, PTR, 1), RCODE::Refused, "{name}");
    }
}

#[test]
fn refuses_other_classes_and_zone_transfers() {
    for class in [3, 4, 254, 255, 0x8001] {
        assert_eq!(rcode("nas.ray", A, class), RCODE::Refused, "class {class}");
    }
    for qtype in [QTYPE_AXFR, QTYPE_IXFR] {
        assert_eq!(rcode("ray", qtype, 1), RCODE::Refused);
    }
}

#[test]
fn a_dot_inside_a_label_does_not_name_a_host() {
    let mut bytes = query("", A, 1)[..12].to_vec();
    bytes.extend_from_slice(b"\x08nas.home\x03ray\x00\x00\x01\x00\x01");
    let reply = answer(&zone(), &bytes).unwrap();
    assert_eq!(Packet::parse(&reply).unwrap().rcode(), RCODE::NameError);
}

#[test]
fn answers_reverse_names() {
    for name in ["2.0.64.100.in-addr.arpa", "2.0.64.100.IN-ADDR.ARPA", &reverse_v6("200::2")] {
        let bytes = answer(&zone(), &query(name, PTR, 1)).unwrap();
        let packet = Packet::parse(&bytes).unwrap();
        match &packet.answers[0].rdata {
            RData::PTR(pointer) => assert_eq!(pointer.to_string(), "nas.home.ray"),
            other => panic!("{other:?}"),
        }
        assert_negative(name, A, RCODE::NoError, &apex_of(name));
    }
}

#[test]
fn denies_reverse_names_of_nobody() {
    let nobody = reverse_v6("200::8");
    let too_long = format!("0.{}", reverse_v6("200::2"));
    for name in [
        "8.0.64.100.in-addr.arpa",
        "02.0.64.100.in-addr.arpa",
        "256.0.64.100.in-addr.arpa",
        "9.2.0.64.100.in-addr.arpa",
        "x.64.100.in-addr.arpa",
        "65.100.in-addr.arpa.64.100.in-addr.arpa",
        "7.64.100.in-addr.arpa",
        &nobody,
        &too_long,
    ] {
        assert_eq!(rcode(name, PTR, 1), RCODE::NameError, "{name}");
    }
}

#[test]
fn the_space_between_reverse_names_exists() {
    for name in ["64.100.in-addr.arpa", "0.64.100.in-addr.arpa", "127.100.in-addr.arpa", "2.0.ip6.arpa", "3.0.ip6.arpa"]
    {
        assert_negative(name, PTR, RCODE::NoError, &apex_of(name));
    }
}

#[test]
fn every_zone_has_an_soa() {
    for name in ["ray", "64.100.in-addr.arpa", "2.0.ip6.arpa"] {
        let bytes = answer(&zone(), &query(name, SOA, 1)).unwrap();
        let packet = Packet::parse(&bytes).unwrap();
        assert!(matches!(packet.answers[0].rdata, RData::SOA(_)), "{name}");
    }
    assert_negative("nas.ray", SOA, RCODE::NoError, "ray");
}

#[test]
fn is_silent_where_no_reply_makes_sense() {
    assert_eq!(answer(&zone(), &[]), None);
    assert_eq!(answer(&zone(), &[0; 11]), None);
    let mut response = query("nas.ray", A, 1);
    response[2] |= 0x80;
    assert_eq!(answer(&zone(), &response), None);
}

#[test]
fn names_what_is_wrong_with_a_query() {
    let good = query("nas.ray", A, 1);
    type Damage = dyn Fn(&mut Vec<u8>);
    let cases: [(&str, &Damage); 9] = [
        ("no question", &|q| q[5] = 0),
        ("two questions", &|q| q[5] = 2),
        ("an answer", &|q| q[7] = 1),
        ("an authority", &|q| q[9] = 1),
        ("a missing record", &|q| q[11] = 1),
        ("many records", &|q| q[10] = 255),
        ("a pointer", &|q| q[12] = 0xc0),
        ("a long label", &|q| q[12] = 64),
        ("trailing bytes", &|q| q.push(0)),
    ];
    for (what, damage) in cases {
        let mut bytes = good.clone();
        damage(&mut bytes);
        let reply = answer(&zone(), &bytes).unwrap();
        assert_eq!((reply.len(), reply[3] & 0x0f), (12, 1), "{what}");
    }
    for len in 12..good.len() {
        assert_eq!(answer(&zone(), &good[..len]).unwrap()[3] & 0x0f, 1, "{len} bytes");
    }
    for len in [64, 0x80, 0xc0] {
        let mut bytes = good[..12].to_vec();
        bytes.push(len);
        bytes.extend(vec![b'a'; len.into()]);
        bytes.extend_from_slice(b"\x03ray\x00\x00\x01\x00\x01");
        assert_eq!(answer(&zone(), &bytes).unwrap()[3] & 0x0f, 1, "a label of {len} bytes");
    }
    for opcode in 1..16 {
        let mut bytes = good.clone();
        bytes[2] = opcode << 3;
        let reply = answer(&zone(), &bytes).unwrap();
        assert_eq!((reply[3] & 0x0f, reply[2] >> 3 & 0x0f), (4, opcode));
    }
}

#[test]
fn speaks_edns_to_those_who_do() {
    let mut bytes = query("nas.ray", A, 1);
    bytes[11] = 1;
    bytes.extend_from_slice(&[0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0]);
    let reply = answer(&zone(), &bytes).unwrap();
    let packet = Packet::parse(&reply).unwrap();
    assert_eq!(
        (packet.opt().unwrap().udp_packet_size, packet.rcode(), packet.answers.len()),
        (1232, RCODE::NoError, 1)
    );

    let version_at = bytes.len() - 5;
    bytes[version_at] = 1;
    let reply = answer(&zone(), &bytes).unwrap();
    assert_eq!(reply[reply.len() - 6], 1, "the upper bits of BADVERS");
    assert_eq!((reply[3] & 0x0f, reply[7]), (0, 0));

    bytes[version_at] = 0;
    bytes[11] = 2;
    bytes.extend_from_slice(&[0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(answer(&zone(), &bytes).unwrap()[3] & 0x0f, 1, "two OPT records");
}

fn zone() -> Zone {
    Zone::new(hosts())
}

fn hosts() -> Vec<Host> {
    let host = |host: &str, network: &str, v4: Option<&str>, v6: &str| Host {
        host: host.parse().unwrap(),
        network: network.parse().unwrap(),
        v4: v4.map(|v4| v4.parse().unwrap()),
        v6: v6.parse().unwrap(),
    };
    vec![
        host("nas", "home", Some("100.64.0.2"), "200::2"),
        host("alice", "home", Some("100.64.0.3"), "200::3"),
        host("v6only", "home", None, "200::4"),
        host("alice", "attic", Some("100.64.0.9"), "200::9"),
    ]
}

fn query(name: &str, qtype: u16, class: u16) -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(label.len() as u8);
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    bytes.extend_from_slice(&qtype.to_be_bytes());
    bytes.extend_from_slice(&class.to_be_bytes());
    bytes
}

fn rcode(name: &str, qtype: u16, class: u16) -> RCODE {
    let bytes = answer(&zone(), &query(name, qtype, class)).unwrap();
    // The low bits: the crate cannot read questions of every type.
    RCODE::from(u16::from(bytes[3] & 0x0f))
}

fn addresses(name: &str, qtype: u16) -> Vec<String> {
    let bytes = answer(&zone(), &query(name, qtype, 1)).unwrap();
    let packet = Packet::parse(&bytes).unwrap();
    packet
        .answers
        .iter()
        .map(|record| match &record.rdata {
            RData::A(a) => std::net::Ipv4Addr::from(a.address).to_string(),
            RData::AAAA(aaaa) => std::net::Ipv6Addr::from(aaaa.address).to_string(),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn assert_negative(name: &str, qtype: u16, rcode: RCODE, apex: &str) {
    let mut bytes = answer(&zone(), &query(name, qtype, 1)).unwrap();
    // The crate refuses to read query types that it does not know.
    let type_at = query(name, qtype, 1).len() - 4;
    bytes[type_at..type_at + 2].copy_from_slice(&A.to_be_bytes());
    let packet = Packet::parse(&bytes).unwrap();
    assert_eq!((packet.rcode(), packet.answers.len()), (rcode, 0), "{name}");
    let authority = &packet.name_servers[0];
    assert_eq!(authority.name.to_string().to_ascii_lowercase(), apex, "{name}");
    match &authority.rdata {
        RData::SOA(soa) => assert_eq!((authority.ttl, soa.minimum), (1, 1)),
        other => panic!("{other:?}"),
    }
}

fn reverse_v6(address: &str) -> String {
    let IpAddr::V6(v6) = address.parse().unwrap() else { panic!("{address}") };
    let digits: Vec<String> =
        v6.octets().iter().rev().map(|byte| format!("{:x}.{:x}", byte & 0x0f, byte >> 4)).collect();
    format!("{}.ip6.arpa", digits.join("."))
}

fn apex_of(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let labels: Vec<&str> = lower.split('.').collect();
    labels[labels.len() - 4..].join(".")
}
