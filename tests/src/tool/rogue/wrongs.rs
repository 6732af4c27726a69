//! Packets and frames that a member must not send, each with the reason for which it has to be dropped.

use std::net::{IpAddr, Ipv4Addr};

use ray_engine::packet::udp;

use super::super::{ToolError, ping::checksum};

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const IP_HEADER_LEN: usize = 20;

pub(super) struct Wrong {
    pub(super) reason: &'static str,
    pub(super) bytes: Vec<u8>,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// A packet to put into a frame with the handle that the victim gave.
    Packet,
    /// A packet to put into a frame with the handle behind that: the victim counts its networks up.
    NextHandle,
    /// A packet to put into a frame with a handle that nobody has.
    NoHandle,
    /// A whole datagram.
    Datagram,
}

/// `own` is the sender's mesh address, `theirs` the victim's, `other` that of a third member.
pub(super) fn wrongs(own: IpAddr, theirs: IpAddr, other: IpAddr) -> Result<Vec<Wrong>, ToolError> {
    let packet = |from: IpAddr, to: IpAddr| {
        udp::build((from, 7).into(), (to, 9).into(), b"rogue")
            .ok_or_else(|| ToolError::new("addresses of two families"))
    };
    let outside: IpAddr = IpAddr::from([8, 8, 8, 8]);
    let lan: IpAddr = IpAddr::from([10, 77, 0, 1]);
    let loopback: IpAddr = IpAddr::from([127, 0, 0, 1]);
    let metadata: IpAddr = IpAddr::from([169, 254, 169, 254]);
    let mut list = vec![
        Wrong { reason: "source_of_another", bytes: packet(other, theirs)?, kind: Kind::Packet },
        Wrong { reason: "source_of_another", bytes: packet(theirs, theirs)?, kind: Kind::Packet },
        Wrong { reason: "source_of_another", bytes: packet(outside, theirs)?, kind: Kind::Packet },
        Wrong { reason: "unknown_network", bytes: packet(own, theirs)?, kind: Kind::NextHandle },
        Wrong { reason: "unknown_network", bytes: packet(own, theirs)?, kind: Kind::NoHandle },
        Wrong { reason: "bad_frame", bytes: b"\xff\0\0no frame".to_vec(), kind: Kind::Datagram },
        Wrong { reason: "firewall_default_in", bytes: packet(own, theirs)?, kind: Kind::Packet },
    ];
    for destination in [other, outside, lan, loopback, metadata] {
        list.push(Wrong { reason: "not_for_us", bytes: packet(own, destination)?, kind: Kind::Packet });
    }
    if let (IpAddr::V4(own), IpAddr::V4(theirs)) = (own, theirs) {
        let packets = malformed(own, theirs).into_iter().chain(out_of_nothing(own, theirs));
        list.extend(packets.map(|(reason, bytes)| Wrong { reason, bytes, kind: Kind::Packet }));
    }
    Ok(list)
}

/// What no honest host sends, and what would slip by a rule if it were taken at its word.
fn malformed(own: Ipv4Addr, theirs: Ipv4Addr) -> Vec<(&'static str, Vec<u8>)> {
    let ip = |head: Head, payload: &[u8]| ipv4(own, theirs, head, payload);
    let datagram = [0, 7, 0, 9, 0, 12, 0, 0, 1, 2, 3, 4];
    let plain = || ip(Head::of(UDP), &datagram);
    let altered = |at: usize, value: u8| {
        let mut packet = plain();
        packet.iter_mut().skip(at).take(1).for_each(|byte| *byte = value);
        packet
    };
    // A way over one host, from its first hop on, and the end of the options.
    let route = [131, 7, 4, 8, 8, 8, 8, 0];
    let syn_fin = segment(0x03);
    vec![
        ("malformed_short_header", plain().into_iter().take(IP_HEADER_LEN - 1).collect()),
        ("malformed_version", altered(0, 0x75)),
        ("malformed_header_length", altered(0, 0x44)),
        ("malformed_total_length", altered(3, 33)),
        ("malformed_header_checksum", altered(8, 63)),
        ("malformed_source_route", ip(Head { options: &route, ..Head::of(UDP) }, &datagram)),
        ("malformed_udp_length", ip(Head::of(UDP), &[0, 7, 0, 9, 0, 40, 0, 0, 1, 2, 3, 4])),
        ("malformed_short_transport", ip(Head::of(UDP), &[0, 7, 0, 9])),
        // The flags of TCP would come with the next fragment.
        ("malformed_tiny_fragment", ip(Head { fragment: 0x2000, ..Head::of(TCP) }, &[0, 7, 0, 22, 0, 0, 0, 1])),
        ("malformed_tcp_flags", ip(Head::of(TCP), &syn_fin)),
    ]
}

/// What belongs to a connection, an echo or a datagram that nobody here began.
fn out_of_nothing(own: Ipv4Addr, theirs: Ipv4Addr) -> Vec<(&'static str, Vec<u8>)> {
    let ip = |head: Head, payload: &[u8]| ipv4(own, theirs, head, payload);
    let timestamp_request = icmp(13, &[0; 16]);
    let echo_reply = icmp(0, b"\0\x01\0\x01nothing");
    vec![
        ("firewall_lone_fragment", ip(Head { fragment: 100, ..Head::of(UDP) }, &[0; 32])),
        ("firewall_no_flow", ip(Head::of(TCP), &segment(0x12))),
        ("firewall_no_flow", ip(Head::of(ICMP), &echo_reply)),
        ("firewall_reset", ip(Head::of(TCP), &segment(0x04))),
        ("firewall_icmp_type", ip(Head::of(ICMP), &timestamp_request)),
    ]
}

struct Head<'a> {
    protocol: u8,
    /// Flags and offset.
    fragment: u16,
    options: &'a [u8],
}

impl Head<'_> {
    fn of(protocol: u8) -> Self {
        Self { protocol, fragment: 0, options: &[] }
    }
}

fn ipv4(from: Ipv4Addr, to: Ipv4Addr, head: Head<'_>, payload: &[u8]) -> Vec<u8> {
    let header_len = IP_HEADER_LEN + head.options.len();
    let total = u16::try_from(header_len + payload.len()).unwrap_or(u16::MAX).to_be_bytes();
    let [high, low] = head.fragment.to_be_bytes();
    let words = u8::try_from(header_len / 4).unwrap_or_default();
    let before = [0x40 | words, 0, total[0], total[1], 0x12, 0x34, high, low, 64, head.protocol];
    let after = [&from.octets()[..], &to.octets(), head.options].concat();
    let sum = checksum(&[&before[..], &[0, 0], &after].concat()).to_be_bytes();
    [&before[..], &sum, &after, payload].concat()
}

/// A segment to the ssh port without options and without data. Its checksum is the receiving kernel's business.
fn segment(flags: u8) -> [u8; 20] {
    let mut segment = [0, 7, 0, 22, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0];
    if flags & 0x10 == 0 {
        segment[8..12].fill(0);
    }
    segment
}

fn icmp(kind: u8, rest: &[u8]) -> Vec<u8> {
    let sum = checksum(&[&[kind, 0, 0, 0], rest].concat()).to_be_bytes();
    [&[kind, 0], &sum[..], rest].concat()
}
