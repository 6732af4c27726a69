//! The firewall's inputs: packets, one after the other as flows are, and the text of rules.

use std::cell::RefCell;

use ray_engine::{
    firewall::{Direction, Firewall, Members, Party, Posture, Ruleset, Standing, Verdict, rule as text},
    ident::{PeerId, RoomId, UnixTime},
    packet::{self, checksum, udp},
};

const PARTY: Party = Party { peer: PeerId([2; 32]), network: RoomId([7; 32]) };
/// Bytes before each packet: its length and its direction.
const HEAD: usize = 3;
/// IPv4's header without options.
const V4_HEADER: usize = 20;

/// Several packets of both directions, judged in turn by a firewall that lets one port in. Nothing passes that is no
/// packet, and nothing opens a flow from outside but what the rule allows.
pub(crate) fn packet(bytes: &[u8]) {
    thread_local! {
        static RULES: Ruleset = ruleset();
    }
    let firewall = RefCell::new(Firewall::default());
    let mut rest = bytes;
    let mut now = 0;
    while let Some((&[low, high, direction], tail)) = rest.split_first_chunk::<HEAD>() {
        let length = usize::from(u16::from_le_bytes([low, high])).min(tail.len());
        let (packet, tail) = tail.split_at(length);
        rest = tail;
        now += u64::from(direction);
        let mut mended = packet.to_vec();
        mend(&mut mended);
        for packet in [packet, &mended] {
            let Ok(parsed) = packet::parse(packet) else { continue };
            assert!(parsed.transport().len() <= packet.len());
            let direction = if direction % 2 == 0 { Direction::In } else { Direction::Out };
            let verdict = RULES.with(|rules| firewall.borrow().judge(rules, &PARTY, direction, &parsed, now));
            let denied = matches!(verdict, Verdict::Deny(_) | Verdict::Reject(_));
            if denied && let Some(answer) = firewall.borrow().answer(&PARTY, &parsed, now) {
                assert!(packet::parse(&answer).is_ok(), "an answer is a packet");
            }
        }
    }
}

fn ruleset() -> Ruleset {
    let members: Members = [(PARTY, Standing::default())].into_iter().collect();
    let rules = text::parse_bytes(b"in allow tcp 22").into_iter().collect();
    Ruleset::compile(rules, Posture { reject: true, ..Posture::default() }, members, UnixTime(0))
}

/// Sets the IPv4 header's checksum right: chance does not.
fn mend(packet: &mut [u8]) {
    if packet.first().is_none_or(|first| *first != 0x45) {
        return;
    }
    if let Some(header) = packet.get_mut(..V4_HEADER) {
        header.iter_mut().skip(10).take(2).for_each(|byte| *byte = 0);
        let sum = checksum::of(header).to_be_bytes();
        header.iter_mut().skip(10).zip(sum).for_each(|(place, byte)| *place = byte);
    }
}

/// Flows of TCP, UDP and ICMP, a fragment, and extension headers.
pub(crate) fn packet_samples() -> Vec<Vec<u8>> {
    let v4 = |protocol: u8, fragment: [u8; 2], body: &[u8]| {
        let length = u16::try_from(V4_HEADER + body.len()).unwrap_or(u16::MAX).to_be_bytes();
        let mut packet = vec![0x45, 0, length[0], length[1], 0, 9, fragment[0], fragment[1], 64, protocol, 0, 0];
        packet.extend_from_slice(&[100, 64, 0, 1, 100, 64, 0, 2]);
        packet.extend_from_slice(body);
        mend(&mut packet);
        packet
    };
    let v6 = |next: u8, body: &[u8]| {
        let length = u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes();
        let mut packet = vec![0x60, 0, 0, 0, length[0], length[1], next, 64];
        packet.extend_from_slice(&[2; 16]);
        packet.extend_from_slice(&[3; 16]);
        packet.extend_from_slice(body);
        packet
    };
    let tcp = |flags: u8| {
        let mut segment = vec![0x9c, 0x40, 0, 22, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0x20, 0, 0, 0, 0, 0];
        segment.extend_from_slice(b"data");
        segment
    };
    let echo = [8, 0, 0, 0, 0, 1, 0, 1, 1, 2, 3, 4];
    let datagram = udp::build(([100, 64, 0, 1], 4000).into(), ([100, 64, 0, 2], 5000).into(), b"abcd");
    let quoted = v4(17, [0, 0], &[0, 1, 0, 2, 0, 8, 0, 0]);
    let unreachable = [&[3u8, 3, 0, 0, 0, 0, 0, 0][..], &quoted].concat();
    let packets = [
        vec![v4(6, [0, 0], &tcp(2)), v4(6, [0, 0], &tcp(0x10)), v4(6, [0, 0], &tcp(0x11)), v4(6, [0, 0], &tcp(4))],
        vec![v4(1, [0, 0], &echo), v4(1, [0, 0], &unreachable)],
        vec![v4(17, [0x20, 0], &[0, 1, 0, 22, 0, 24, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]), v4(17, [0, 2], &[9; 8])],
        vec![v6(6, &tcp(2)), v6(0, &[&[6, 0, 1, 4, 0, 0, 0, 0][..], &tcp(2)].concat())],
        vec![v6(44, &[&[6, 0, 0, 1, 0, 0, 0, 5][..], &tcp(2), &[0; 8]].concat())],
        datagram.into_iter().collect(),
    ];
    let framed = |packet: Vec<u8>, direction: u8| {
        let [low, high] = u16::try_from(packet.len()).unwrap_or(u16::MAX).to_le_bytes();
        [&[low, high, direction][..], &packet].concat()
    };
    let turn = |packets: Vec<Vec<u8>>| (0u8..).zip(packets).flat_map(|(n, packet)| framed(packet, n)).collect();
    packets.into_iter().map(turn).collect()
}

/// A rule's text. What is read prints as something that is read as the same.
pub(crate) fn rule(bytes: &[u8]) {
    let Ok(rule) = text::parse_bytes(bytes) else { return };
    let printed = rule.to_string();
    let again = text::parse_bytes(printed.as_bytes()).unwrap_or_else(|error| panic!("{printed:?} is refused: {error}"));
    assert_eq!(again, rule);
}

pub(crate) fn rule_samples() -> Vec<Vec<u8>> {
    let key = "07".repeat(32);
    vec![
        b"in allow tcp 22".to_vec(),
        b"in deny any".to_vec(),
        format!("out allow udp 53,8000-8010 to {key} on {key}").into_bytes(),
        format!("in allow any from group:admins on {key} until 2026-12-31T23:59:59Z").into_bytes(),
        format!("in deny icmp from user:{key}").into_bytes(),
    ]
}
