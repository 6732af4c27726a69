//! What programs ask the mesh's resolver over either transport, and what the host's own resolvers say.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use ray_engine::{
    dns::{self, Alias, Exchange, Foreign, Heard, Host, Response, Transport, Zone},
    resolver::streams::{CONNECTIONS_MAX, Streams},
};

/// What a client takes over UDP at most.
const REPLY_MAX: usize = 1232;
const ID: u16 = 0x1234;
const QUERY: &[u8] = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x03com\x00\x00\x01\x00\x01";

/// A query of a program.
pub(crate) fn dns(bytes: &[u8]) {
    let zone = zone();
    for transport in [Transport::Udp, Transport::Tcp] {
        let reply = match dns::respond(&zone, bytes, transport) {
            Response::Silence => continue,
            Response::Reply(reply) => reply,
            Response::Foreign(foreign) => {
                passed_on(&foreign);
                foreign.refusal()
            }
        };
        assert_eq!(reply.get(..2), bytes.get(..2), "the id");
        assert!(reply.get(2).is_some_and(|flags| flags & 0x80 != 0), "a reply");
        assert!(reply.len() <= REPLY_MAX);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        for kind in [1, 12, 28] {
            dns::look_up(&zone, text, kind);
        }
    }
}

/// What goes out is a question that would be passed on again, and the same.
fn passed_on(foreign: &Foreign) {
    let exchange = foreign.exchange(0x5555_5555_5555_5555);
    match dns::respond(&zone(), &exchange.query(ID), Transport::Tcp) {
        Response::Foreign(again) => assert!(again.question() == foreign.question()),
        other => panic!("passed on, it is {other:?}"),
    }
}

/// A reply of another resolver, behind its id.
pub(crate) fn answer(bytes: &[u8]) {
    let (foreign, exchange) = asked();
    match exchange.hear(ID, bytes) {
        Heard::Answer(answer) => {
            assert!(answer.len() <= bytes.len());
            assert_eq!(exchange.hear(ID, &answer), Heard::Answer(answer.clone()), "it stays what it is");
            let reply = foreign.relay(&answer);
            assert!(reply.len() <= REPLY_MAX && reply.get(..2) == QUERY.get(..2));
            assert_eq!(reply.get(12..QUERY.len()), QUERY.get(12..), "the client's own spelling");
        }
        Heard::Truncated(beginning) => {
            assert!(foreign.relay(&beginning).get(2).is_some_and(|flags| flags & 2 != 0));
        }
        Heard::Unable(Some(words)) => drop(foreign.relay(&words)),
        Heard::Unable(None) | Heard::Malformed | Heard::Other => {}
    }
}

/// TCP segments of programs, each behind a pause and its length. An empty one has every question answered.
pub(crate) fn segments(mut bytes: &[u8]) {
    let mut streams = Streams::new(1);
    let mut now = 0;
    while let Some((&[pause, high, low], rest)) = bytes.split_first_chunk::<3>() {
        now += u64::from(pause) * 40_000;
        let len = usize::from(u16::from_be_bytes([high, low])).min(rest.len());
        let (segment, rest) = rest.split_at(len);
        bytes = rest;
        streams.receive(segment, now);
        if segment.is_empty() {
            while let Some((connection, question)) = streams.next_question(now) {
                streams.reply(connection, &question, now);
            }
        }
        assert!(streams.open() <= CONNECTIONS_MAX);
        streams.take_segments();
    }
    // Whatever it was: nothing is left of it after a while.
    for _ in 0..60 {
        now += 1_000_000;
        while let Some((connection, _)) = streams.next_question(now) {
            streams.reply(connection, &[], now);
        }
        streams.take_segments();
        assert_ne!(streams.due_in(now), Some(Duration::ZERO), "what is due has been done");
    }
    assert_eq!(streams.open(), 0);
}

fn asked() -> (Foreign, Exchange) {
    match dns::respond(&Zone::default(), QUERY, Transport::Udp) {
        Response::Foreign(foreign) => {
            let exchange = foreign.exchange(0);
            (foreign, exchange)
        }
        other => panic!("{other:?}"),
    }
}

fn zone() -> Zone {
    let name = |text: &str| text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
    let host = |host: &str, network: &str, n: u8| Host {
        host: name(host),
        network: network.parse().unwrap_or_else(|e| panic!("{network}: {e}")),
        v4: Some(Ipv4Addr::new(100, 64, 0, n)),
        v6: Ipv6Addr::new(0x200, 0, 0, 0, 0, 0, 0, n.into()),
    };
    let alias =
        Alias { name: name("disk"), host: name("nas"), network: "home".parse().unwrap_or_else(|e| panic!("{e}")) };
    Zone::new([host("nas", "home", 2), host("nas", "com", 3)]).with_aliases([alias])
}

pub(crate) fn dns_samples() -> Vec<Vec<u8>> {
    let of = |name: &[u8], kind: u8| {
        [&b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"[..], name, &[0, 0, kind, 0, 1]].concat()
    };
    let mut with_edns = of(b"\x03nas\x03com\x03ray", 255);
    if let Some(additional) = with_edns.get_mut(11) {
        *additional = 1;
    }
    with_edns.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0x80, 0, 0, 0]);
    vec![
        of(b"\x03nas\x04home\x03ray", 1),
        of(b"\x04disk\x03ray", 28),
        of(b"\x03ray", 6),
        of(b"\x012\x010\x0264\x03100\x07in-addr\x04arpa", 12),
        with_edns,
        QUERY.to_vec(),
        b"nas.ray".to_vec(),
        b"100.64.0.2".to_vec(),
    ]
}

pub(crate) fn answer_samples() -> Vec<Vec<u8>> {
    let of = |flags: [u8; 2], counts: [u8; 3], records: &[&[u8]]| {
        let [answers, authorities, additional] = counts;
        let mut bytes = vec![0x12, 0x34, flags[0], flags[1], 0, 1, 0, answers, 0, authorities, 0, additional];
        bytes.extend_from_slice(QUERY.get(12..).unwrap_or_default());
        bytes.extend(records.concat());
        bytes
    };
    let address = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01";
    let alias = b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x06\x03cdn\xc0\x10";
    let mail = b"\xc0\x0c\x00\x0f\x00\x01\x00\x00\x00\x3c\x00\x09\x00\x0a\x04mail\xc0\x10";
    let start = b"\xc0\x10\x00\x06\x00\x01\x00\x00\x00\x3c\x00\x1a\x02ns\xc0\x10\x00\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0\x01";
    let opt = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00";
    vec![
        of([0x81, 0x80], [2, 0, 1], &[alias, address, opt]),
        of([0x81, 0x80], [1, 0, 0], &[mail]),
        of([0x81, 0x83], [0, 1, 0], &[start]),
        of([0x83, 0x80], [1, 0, 0], &[address]),
        of([0x81, 0x82], [0, 0, 0], &[]),
        b"\x12\x34\x81\x81\x00\x00\x00\x00\x00\x00\x00\x00".to_vec(),
    ]
}

pub(crate) fn segment_samples() -> Vec<Vec<u8>> {
    // SYN, then a stray ACK, from 100.64.0.1:5000 to 100.100.100.53:53.
    let segment = |flags: u8, payload: &[u8]| {
        let len = u8::try_from(40 + payload.len()).unwrap_or_default();
        let mut bytes = vec![0x45, 0, 0, len, 0, 0, 0x40, 0, 64, 6, 0, 0, 100, 64, 0, 1, 100, 100, 100, 53];
        let sum = ray_engine::packet::checksum::of(&bytes);
        bytes.splice(10..12, sum.to_be_bytes());
        bytes.extend_from_slice(&[0x13, 0x88, 0, 53, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0x20, 0, 0, 0, 0, 0]);
        bytes.extend_from_slice(payload);
        bytes
    };
    let sent = |pause: u8, segment: &[u8]| {
        let len = u16::try_from(segment.len()).unwrap_or_default().to_be_bytes();
        [&[pause][..], &len, segment].concat()
    };
    let question = [&[0, 33][..], QUERY].concat();
    vec![
        [sent(0, &segment(2, b"")), sent(1, &segment(0x18, &question)), sent(0, b"")].concat(),
        [sent(0, &segment(2, b"")), sent(200, &segment(4, b"")), sent(0, &segment(2, b""))].concat(),
        [sent(0, &segment(2, b"")), sent(0, &segment(0x11, b"")), sent(255, b"")].concat(),
    ]
}
