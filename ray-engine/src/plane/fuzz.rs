//! Feeds damaged and random bytes to everything that parses them. The seed is fixed: a failure repeats.
#![allow(clippy::cast_possible_truncation, reason = "test data is small")]

use std::net::IpAddr;

use super::{
    tests::{
        ALICE, ALICE_V4, ALICE_V6, BOB_V4, BOB_V6, OWN_V4, OWN_V6, judged_in, judged_out, packet, query, snapshot,
    },
    *,
};
use crate::{
    dns,
    ident::{MAGIC_V4, MAGIC_V6},
    packet::{
        self,
        samples::{ACK, Random, Tcp, ip, mend},
        udp,
    },
};

const ROUNDS: usize = 100_000;

#[test]
fn survives_damaged_packets_and_never_lets_a_wrong_one_through() {
    let snapshot = snapshot();
    let samples = samples();
    let mut random = Random::new(0x5eed);
    let (mut delivered, mut routed, mut asked) = (0, 0, 0);
    for _ in 0..ROUNDS {
        let bytes = damage(&mut random, &samples);
        if let Ok(parsed) = packet::parse(&bytes) {
            assert_eq!((parsed.src(), parsed.dst()), addresses(&bytes));
            assert!(parsed.transport().len() <= bytes.len());
        }
        if judged_in(&snapshot, ALICE, &bytes).is_ok() {
            let (src, dst) = addresses(&bytes);
            assert!([ip(ALICE_V4), ip(ALICE_V6)].contains(&src) && [ip(OWN_V4), ip(OWN_V6)].contains(&dst));
            delivered += 1;
        }
        match judged_out(&snapshot, &bytes) {
            Ok(Outbound::Peer(_)) => {
                let (src, dst) = addresses(&bytes);
                assert!([ip(OWN_V4), ip(OWN_V6)].contains(&src));
                assert!([ALICE_V4, ALICE_V6, BOB_V4, BOB_V6].map(ip).contains(&dst));
                routed += 1;
            }
            Ok(Outbound::Dns(question)) => {
                question.reply(&snapshot.zone);
                asked += 1;
            }
            Ok(Outbound::DnsStream) | Err(_) => {}
        }
    }
    // The damage must leave enough intact that the deeper checks are reached.
    assert!(delivered > 1000 && routed > 1000 && asked > 1000, "{delivered} {routed} {asked}");
}

#[test]
fn survives_damaged_queries() {
    let snapshot = snapshot();
    let mut with_edns = query();
    with_edns[11] = 1;
    with_edns.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    let mut reverse = query()[..12].to_vec();
    reverse.extend_from_slice(b"\x012\x010\x0264\x03100\x07in-addr\x04arpa\x00\x00\x0c\x00\x01");
    let samples = [query(), with_edns, reverse];
    let mut random = Random::new(0xd5);
    let mut answered = 0;
    for _ in 0..ROUNDS {
        let bytes = damage(&mut random, &samples);
        let Some(reply) = dns::answer(&snapshot.zone, &bytes) else { continue };
        assert_eq!(reply[..2], bytes[..2], "a reply carries the id of its query");
        assert!(reply[2] & 0x80 != 0 && reply.len() <= 512);
        answered += 1;
    }
    assert!(answered > ROUNDS / 4, "{answered}");
}

fn samples() -> Vec<Vec<u8>> {
    let mut samples = vec![packet(ALICE_V4, OWN_V4), packet(ALICE_V6, OWN_V6), packet(OWN_V4, BOB_V4)];
    for (src, dst) in [(ALICE_V4, OWN_V4), (OWN_V6, BOB_V6), (ALICE_V6, OWN_V6)] {
        samples.push(Tcp { src, dst, seq: 9, flags: ACK, payload: b"some payload" }.build());
    }
    for (own, magic) in [(OWN_V4, IpAddr::V4(MAGIC_V4)), (OWN_V6, IpAddr::V6(MAGIC_V6))] {
        samples.push(udp::build((ip(own), 5000).into(), (magic, 53).into(), &query()).unwrap());
    }
    let mut extended = packet(ALICE_V6, OWN_V6);
    extended.splice(40..40, [44, 0, 1, 4, 0, 0, 0, 0, 58, 0, 0, 0, 0, 0, 0, 7]);
    extended[6] = 60;
    extended[5] += 16;
    samples.push(extended);
    samples
}

/// One of: the sample, the sample with up to four changed bytes, cut, or extended, or noise.
fn damage(random: &mut Random, samples: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = samples[random.below(samples.len())].clone();
    match random.below(10) {
        0 => {
            let len = random.below(120);
            bytes = random.bytes(len);
        }
        1 => bytes.truncate(random.below(bytes.len())),
        2 => {
            let len = random.below(40);
            bytes.extend(random.bytes(len));
        }
        _ => {
            for _ in 0..random.below(5) {
                let at = random.below(bytes.len());
                bytes[at] = random.next() as u8;
            }
        }
    }
    if bytes.len() >= 20 && random.below(4) > 0 {
        if random.below(2) == 0 && bytes[0] >> 4 == 4 {
            let len = bytes.len() as u16;
            bytes[2..4].copy_from_slice(&len.to_be_bytes());
        }
        mend(&mut bytes);
    }
    bytes
}

/// The addresses as the header's fixed places hold them.
fn addresses(bytes: &[u8]) -> (IpAddr, IpAddr) {
    if bytes[0] >> 4 == 4 {
        let v4 = |at: usize| IpAddr::from(<[u8; 4]>::try_from(&bytes[at..at + 4]).unwrap());
        (v4(12), v4(16))
    } else {
        let v6 = |at: usize| IpAddr::from(<[u8; 16]>::try_from(&bytes[at..at + 16]).unwrap());
        (v6(8), v6(24))
    }
}
