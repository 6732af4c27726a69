//! What the parser refuses, and what it must let through.
#![allow(clippy::cast_possible_truncation, reason = "test data is small")]

use super::{
    icmp::Message::{EchoReply, EchoRequest, Error, Other},
    samples::{ACK, Tcp, ip, mend},
    *,
};

#[test]
fn refuses_short_headers() {
    assert_eq!(error(&[]), Malformed::ShortHeader);
    for sample in [v4(), v6()] {
        for len in 1..(if sample[0] >> 4 == 4 { 20 } else { 40 }) {
            assert_eq!(error(&sample[..len]), Malformed::ShortHeader, "{len} bytes");
        }
    }
    let mut options_missing = v4();
    options_missing[0] = 0x4f;
    options_missing.truncate(30);
    assert_eq!(error(&options_missing), Malformed::ShortHeader);
}

#[test]
fn refuses_other_versions() {
    for version in [0u8, 1, 5, 7, 15] {
        let mut packet = v4();
        packet[0] = version << 4 | 5;
        assert_eq!(error(&packet), Malformed::Version);
    }
}

#[test]
fn refuses_an_ipv4_header_shorter_than_its_minimum() {
    for words in 0..5 {
        let mut packet = v4();
        packet[0] = 0x40 | words;
        assert_eq!(error(&packet), Malformed::HeaderLength);
    }
}

#[test]
fn refuses_length_lies_in_both_directions() {
    for sample in [v4(), v6()] {
        let mut longer = sample.clone();
        longer.push(0);
        assert_eq!(error(&longer), Malformed::TotalLength);
        assert_eq!(error(&sample[..sample.len() - 1]), Malformed::TotalLength);
    }
    let mut zero = v4();
    zero[2..4].fill(0);
    mend(&mut zero);
    assert_eq!(error(&zero), Malformed::TotalLength);
}

#[test]
fn refuses_a_wrong_ipv4_header_checksum() {
    let mut packet = v4();
    packet[8] ^= 1;
    assert_eq!(error(&packet), Malformed::HeaderChecksum);
}

#[test]
fn refuses_source_routes() {
    for option in [131, 137] {
        assert_eq!(error(&with_options(&[option, 7, 4, 10, 0, 0, 1, 0])), Malformed::SourceRoute);
        assert_eq!(error(&with_options(&[1, 1, 1, option, 3, 4, 0, 0])), Malformed::SourceRoute);
    }
    for kind in [0, 2, 3, 4, 255] {
        let packet = with_extensions(43, &[&[58, 0, kind, 1, 0, 0, 0, 0]]);
        assert_eq!(error(&packet), Malformed::RoutingHeader);
    }
}

#[test]
fn refuses_options_that_lie_about_their_length() {
    for options in [[7, 0, 0, 0], [7, 1, 0, 0], [7, 5, 0, 0], [1, 1, 1, 7]] {
        assert_eq!(error(&with_options(&options)), Malformed::BadOption);
    }
    for option in [[5, 5, 0, 0, 0, 0], [1, 2, 0, 0, 0, 5]] {
        let mut header = vec![58, 0];
        header.extend_from_slice(&option);
        let refused = error(&with_extensions(60, &[&header]));
        assert_eq!(refused, Malformed::BadOption, "{option:?}");
    }
}

#[test]
fn accepts_harmless_options() {
    assert!(parse(&with_options(&[7, 4, 4, 0])).is_ok());
    assert!(parse(&with_options(&[1, 0, 131, 9])).is_ok(), "nothing is read behind the end of the options");
    assert!(parse(&with_extensions(0, &[&[58, 0, 5, 2, 0, 0, 1, 0]])).is_ok());
}

#[test]
fn refuses_jumbograms() {
    let mut packet = with_extensions(0, &[&[58, 0, 0xc2, 4, 0, 1, 0, 0]]);
    assert_eq!(error(&packet), Malformed::Jumbo);
    packet[4..6].fill(0);
    assert_eq!(error(&packet), Malformed::Jumbo);
}

#[test]
fn refuses_extension_headers_that_pass_the_end() {
    let packet = with_extensions(60, &[&[58, 200, 1, 4, 0, 0, 0, 0]]);
    assert_eq!(error(&packet), Malformed::ExtensionLength);
    let packet = with_extensions(51, &[&[58, 200, 0, 0, 0, 0, 0, 0]]);
    assert_eq!(error(&packet), Malformed::ExtensionLength);
    let mut cut = with_extensions(44, &[&[58, 0, 0, 0, 0, 0, 0, 1]]);
    cut.truncate(44);
    cut[4..6].copy_from_slice(&4u16.to_be_bytes());
    assert_eq!(error(&cut), Malformed::ExtensionLength);
}

#[test]
fn refuses_extension_headers_out_of_place() {
    let hop_by_hop_later = with_extensions(60, &[&[0, 0, 1, 4, 0, 0, 0, 0], &[58, 0, 1, 4, 0, 0, 0, 0]]);
    assert_eq!(error(&hop_by_hop_later), Malformed::ExtensionOrder);
    let two_fragments = with_extensions(44, &[&[44, 0, 0, 0, 0, 0, 0, 1], &[58, 0, 0, 0, 0, 0, 0, 2]]);
    assert_eq!(error(&two_fragments), Malformed::ExtensionOrder);
}

#[test]
fn refuses_an_endless_chain_of_extension_headers() {
    let more: &[u8] = &[60, 0, 1, 4, 0, 0, 0, 0];
    let last: &[u8] = &[58, 0, 1, 4, 0, 0, 0, 0];
    let chain = |len: usize| with_extensions(60, &[vec![more; len - 1], vec![last]].concat());
    assert!(parse(&chain(8)).is_ok());
    assert_eq!(error(&chain(9)), Malformed::ExtensionCount);
}

#[test]
fn refuses_a_cut_transport_header() {
    for (protocol, min) in [(TCP, 20), (UDP, 8), (ICMP, 8), (ICMPV6, 8)] {
        for len in 0..min {
            assert_eq!(error(&v4_with(protocol, 0, &vec![0; len])), Malformed::ShortTransport);
            assert_eq!(error(&v6_with(protocol, &vec![0; len])), Malformed::ShortTransport);
            // In a first fragment it is a trick to hide the header from whoever judges it.
            let first = v4_with(protocol, 0x2000, &vec![0; len & !7]);
            assert!(matches!(error(&first), Malformed::TinyFragment | Malformed::FragmentBounds));
        }
    }
}

#[test]
fn refuses_impossible_tcp_and_udp_lengths() {
    let mut tcp = [0u8; 24];
    for words in [0, 4, 7, 15] {
        tcp[12] = words << 4;
        assert_eq!(error(&v4_with(TCP, 0, &tcp)), Malformed::TcpHeaderLength);
    }
    for claimed in [0u8, 7, 15, 17] {
        let udp = [&[0, 1, 0, 2, 0, claimed, 0, 0][..], &[0; 8]].concat();
        assert_eq!(error(&v4_with(UDP, 0, &udp)), Malformed::UdpLength);
    }
}

#[test]
fn refuses_fragments_that_no_host_sends() {
    for (field, len) in [(0x2000u16, 12), (0x2000, 0), (0x0001, 0), (0x1fff, 16)] {
        assert_eq!(error(&v4_with(ICMP, field, &vec![0; len])), Malformed::FragmentBounds, "{field:x} {len}");
    }
    for offset in [1, 2] {
        assert_eq!(error(&v4_with(TCP, offset, &[0; 16])), Malformed::TinyFragment);
    }
}

#[test]
fn recognises_fragments() {
    let mut datagram = [0u8; 64];
    datagram[5] = 200;
    let first = v4_with(UDP, 0x2000, &datagram);
    assert!(parse(&first).unwrap().is_fragment());
    assert!(parse(&first).unwrap().flow().is_some());
    let later = v4_with(UDP, 8, &datagram);
    assert!(parse(&later).unwrap().is_fragment());
    assert_eq!(parse(&later).unwrap().flow(), None);
    assert_eq!(udp::datagram_of(&parse(&later).unwrap()), None);
    let later = with_extensions(44, &[&[58, 0, 0, 8 << 3, 0, 0, 0, 1]]);
    assert!(parse(&later).unwrap().is_fragment());
    let atomic = with_extensions(44, &[&[58, 0, 0, 0, 0, 0, 0, 1]]);
    assert!(!parse(&atomic).unwrap().is_fragment());
}

#[test]
fn reads_a_super_packet_of_64_kib() {
    for (src, dst, header) in [("100.64.0.1", "100.64.0.2", 52), ("200::1", "200::2", 72)] {
        let payload = vec![7; 65_535 - header];
        let packet = Tcp { src, dst, seq: 1, flags: ACK, payload: &payload }.build();
        let flow = parse(&packet).unwrap().flow().unwrap();
        assert_eq!((flow.src, flow.dst, flow.src_port, flow.dst_port), (ip(src), ip(dst), 40_000, 443));
    }
}

#[test]
fn reads_its_own_echo_and_udp_packets() {
    for (src, dst) in [("100.64.0.1", "100.64.0.2"), ("200::1", "200::2")] {
        let mut echo = icmp::echo_request(ip(src), ip(dst), 77, 5, b"payload").unwrap();
        assert_eq!(icmp::echo_reply_of(&parse(&echo).unwrap()), None, "a request is no reply");
        let at = parse(&echo).unwrap().layout().transport_at;
        echo[at] = if at == 20 { 0 } else { 129 };
        assert_eq!(icmp::echo_reply_of(&parse(&echo).unwrap()), Some((77, 5)));

        let (from, to) = ((ip(src), 9).into(), (ip(dst), 53).into());
        let datagram = udp::build(from, to, b"hello").unwrap();
        let parsed = parse(&datagram).unwrap();
        let udp = udp::datagram_of(&parsed).unwrap();
        assert_eq!((udp.src_port, udp.dst_port, udp.payload), (9, 53, &b"hello"[..]));
        let len = parsed.transport().len() as u16;
        assert_eq!(checksum::pseudo(ip(src), ip(dst), UDP, len).plus(parsed.transport()).finish(), 0);
    }
}

#[test]
fn refuses_to_build_what_is_no_packet() {
    assert_eq!(icmp::echo_request(ip("100.64.0.1"), ip("200::2"), 1, 1, b""), None);
    assert_eq!(icmp::echo_request(ip("200::1"), ip("200::2"), 1, 1, &[0; 65_535]), None);
    assert_eq!(udp::build((ip("100.64.0.1"), 1).into(), (ip("200::2"), 1).into(), b""), None);
    assert_eq!(udp::build((ip("100.64.0.1"), 1).into(), (ip("100.64.0.2"), 1).into(), &[0; 65_508]), None);
}

#[test]
fn refuses_tcp_flags_that_no_host_sends() {
    let (syn, fin, rst, ack) = (2u8, 1u8, 4u8, 16u8);
    let possible = [syn, syn | ack, ack, fin | ack, rst, rst | ack];
    for bits in 0..=u8::MAX {
        let packet = samples::tcp_segment(("100.64.0.1", 1), ("100.64.0.2", 2), bits, 1, 1, b"");
        let meant = bits & (syn | fin | rst | ack);
        match parse(&packet) {
            Ok(_) => assert!(possible.contains(&meant), "{bits:x}"),
            Err(refused) => assert!(refused == Malformed::TcpFlags && !possible.contains(&meant), "{bits:x}"),
        }
    }
}

#[test]
fn reads_a_segments_place_in_its_connection() {
    let with = |flags: u8, options: &[u8], payload: &[u8]| {
        let mut packet = samples::tcp_segment(("200::1", 1), ("200::2", 2), flags, u32::MAX, 7, options);
        packet.extend_from_slice(payload);
        let len = (packet.len() - 40) as u16;
        packet[4..6].copy_from_slice(&len.to_be_bytes());
        packet[52] = (5 + options.len() / 4) as u8 * 16;
        tcp::segment_of(&parse(&packet).unwrap()).unwrap()
    };
    let segment = with(0x11, &[], b"four");
    assert_eq!((segment.seq, segment.ack, segment.window, segment.len, segment.end()), (u32::MAX, 7, 512, 5, 4));
    assert!(segment.flags.fin && segment.flags.ack && !segment.flags.syn && !segment.flags.rst);
    for (options, scale) in [
        (&[3u8, 3, 7, 0][..], Some(7)),
        (&[2, 4, 5, 0xb4, 1, 3, 3, 200], Some(14)),
        (&[0, 3, 3, 7], None),
        (&[8, 0, 3, 3], None),
        (&[8, 40, 3, 3], None),
        (&[3, 2, 1, 1], None),
        (&[1, 1, 1, 3], None),
        (&[], None),
    ] {
        assert_eq!(with(2, options, b"").window_scale, scale, "{options:?}");
        assert_eq!(with(16, options, b"").window_scale, None, "only a SYN says it");
    }
    assert_eq!(tcp::segment_of(&parse(&v4()).unwrap()), None);
}

#[test]
fn tells_icmp_messages_apart() {
    let kind = |protocol: u8, kind: u8| {
        let message = [kind, 0, 0, 0, 0, 9, 0, 1];
        let packet = if protocol == ICMP { v4_with(ICMP, 0, &message) } else { v6_with(protocol, &message) };
        icmp::message_of(&parse(&packet).unwrap()).unwrap()
    };
    assert_eq!((kind(ICMP, 8), kind(ICMP, 0)), (EchoRequest { id: 9 }, EchoReply { id: 9 }));
    assert_eq!((kind(ICMPV6, 128), kind(ICMPV6, 129)), (EchoRequest { id: 9 }, EchoReply { id: 9 }));
    assert!([3, 11, 12].iter().all(|error| kind(ICMP, *error) == Error(None)));
    assert!([1, 2, 3, 4].iter().all(|error| kind(ICMPV6, *error) == Error(None)));
    assert!([4, 5, 9, 13, 17].iter().all(|other| kind(ICMP, *other) == Other), "redirects and the like");
    assert!([130, 133, 135, 137].iter().all(|other| kind(ICMPV6, *other) == Other), "discovery and the like");
    for crossed in [v4_with(ICMPV6, 0, &[128; 8]), v6_with(ICMP, &[8; 8]), v4_with(UDP, 8, &[0; 8])] {
        assert_eq!(icmp::message_of(&parse(&crossed).unwrap()), None);
    }
}

#[test]
fn reads_the_beginning_of_a_cited_packet_and_nothing_that_is_not_there() {
    let cited = |inner: &[u8]| {
        let message = [&[3, 13, 0, 0, 0, 0, 0, 0], inner].concat();
        match icmp::message_of(&parse(&v4_with(ICMP, 0, &message)).unwrap()) {
            Some(Error(cited)) => cited,
            other => panic!("{other:?} is not an error"),
        }
    };
    for (src, dst) in [("100.64.0.1", "100.64.0.2"), ("200::1", "200::2")] {
        let whole = udp::build((ip(src), 5).into(), (ip(dst), 53).into(), &[0; 100]).unwrap();
        let header = whole.len() - 108;
        for len in 0..whole.len() {
            let expected = (len >= header + 4).then_some(CitedKind::Ports { src: 5, dst: 53 });
            let found = cited(&whole[..len]);
            assert_eq!(found.map(|cited| cited.kind), expected, "{len} bytes");
            assert!(found.is_none_or(|cited| (cited.src, cited.dst, cited.protocol) == (ip(src), ip(dst), UDP)));
        }
        let echo = icmp::echo_request(ip(src), ip(dst), 77, 1, b"").unwrap();
        assert_eq!(cited(&echo).unwrap().kind, CitedKind::Echo { id: 77, request: true });
    }
    assert_eq!(cited(&v4_with(47, 0, &[0; 8])).unwrap().kind, CitedKind::Other);
    let extended = with_extensions(60, &[&[58, 0, 1, 4, 0, 0, 0, 0]]);
    assert_eq!(cited(&extended).unwrap().kind, CitedKind::Echo { id: 1, request: true });
    let mut short = v4();
    short[0] = 0x44;
    for nothing in [
        v4_with(UDP, 8, &[0; 8]),
        v4_with(ICMP, 0, &[3, 0, 0, 0, 0, 0, 0, 0]),
        v4_with(ICMPV6, 0, &[128, 0, 0, 0, 0, 0, 0, 0]),
        with_extensions(44, &[&[58, 0, 0, 8 << 3, 0, 0, 0, 1]]),
        with_extensions(43, &[&[58, 0, 0, 1, 0, 0, 0, 0]]),
        short,
        vec![0x55; 40],
    ] {
        assert_eq!(cited(&nothing), None, "{nothing:x?}");
    }
}

#[test]
fn says_which_piece_of_which_datagram_a_fragment_is() {
    let mut first = v4_with(47, 0x2000, &[0; 16]);
    first[4..6].copy_from_slice(&[1, 2]);
    mend(&mut first);
    let piece = parse(&first).unwrap().layout().piece.unwrap();
    assert_eq!((piece.id, piece.start, piece.end, piece.more), (0x102, 0, 2, true));
    let later = with_extensions(44, &[&[58, 0, 0, 8 << 3, 9, 8, 7, 6]]);
    let piece = parse(&later).unwrap().layout().piece.unwrap();
    assert_eq!((piece.id, piece.start, piece.end, piece.more), (0x0908_0706, 8, 9, false));
    assert_eq!(parse(&v4()).unwrap().layout().piece, None);
}

fn error(bytes: &[u8]) -> Malformed {
    parse(bytes).expect_err("the packet must be refused")
}

fn v4() -> Vec<u8> {
    v4_with(ICMP, 0, &[8, 0, 0, 0, 0, 1, 0, 1])
}

fn v6() -> Vec<u8> {
    v6_with(ICMPV6, &[128, 0, 0, 0, 0, 1, 0, 1])
}

fn v4_with(protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 0, 0, 9, 0, 0, 64, protocol, 0, 0, 100, 64, 0, 1, 100, 64, 0, 2];
    packet.extend_from_slice(payload);
    let len = packet.len() as u16;
    packet[2..4].copy_from_slice(&len.to_be_bytes());
    packet[6..8].copy_from_slice(&fragment.to_be_bytes());
    mend(&mut packet);
    packet
}

fn with_options(options: &[u8]) -> Vec<u8> {
    let mut packet = v4();
    packet.splice(20..20, options.iter().copied());
    packet[0] = 0x45 + (options.len() / 4) as u8;
    let len = packet.len() as u16;
    packet[2..4].copy_from_slice(&len.to_be_bytes());
    mend(&mut packet);
    packet
}

fn v6_with(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0, 0, 0, protocol, 64];
    packet.extend_from_slice(&[2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    packet.extend_from_slice(&[2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    packet.extend_from_slice(payload);
    packet[4..6].copy_from_slice(&(payload.len() as u16).to_be_bytes());
    packet
}

fn with_extensions(first: u8, headers: &[&[u8]]) -> Vec<u8> {
    let echo: &[u8] = &[128, 0, 0, 0, 0, 1, 0, 1];
    v6_with(first, &[&headers.concat()[..], echo].concat())
}

#[test]
fn every_check_has_a_counter_of_its_own() {
    let names: std::collections::BTreeSet<&str> = Malformed::ALL.iter().map(|reason| reason.name()).collect();
    assert_eq!(names.len(), Malformed::ALL.len());
    assert!(names.iter().all(|name| name.starts_with("malformed_")));
    assert!(Malformed::ALL.iter().all(|reason| !reason.to_string().is_empty()));
}
