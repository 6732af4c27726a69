//! What a decision about a packet costs, and that it allocates nothing.

use std::hint::black_box;

use ray_benches::{
    Bench,
    samples::{NOW, Node, SEGMENT, SEGMENTS, party, tcp},
};
use ray_engine::{
    dns,
    packet::{self, Checksum, checksum},
    plane,
};

pub(crate) fn run(bench: &mut Bench) -> Option<()> {
    let Node { snapshot, firewall } = Node::new(0)?;
    let (segment, whole) = (tcp(0, 7, 1, SEGMENT)?, tcp(0, 7, 1, SEGMENT * SEGMENTS)?);
    let received = tcp(7, 0, 1, SEGMENT)?;
    let query = query();
    let outbound = |packet: &[u8]| plane::outbound(&snapshot, &firewall, black_box(packet), NOW).is_ok();
    let inbound = |n: u32, packet: &[u8]| {
        plane::inbound(&snapshot, &firewall, party(n), black_box(packet), Checksum::Complete, NOW).is_ok()
    };
    if !outbound(&segment) || !outbound(&whole) || !inbound(7, &received) || inbound(8, &received) {
        return None;
    }
    bench.steady("parse", 1, 0, || packet::parse(black_box(&received)).is_ok());
    bench.steady("outbound, one segment", 1, 0, || outbound(&segment));
    bench.steady("outbound, super-packet of 46 segments", SEGMENTS as u64, 0, || outbound(&whole));
    bench.steady("inbound", 1, 0, || inbound(7, &received));
    bench.steady("inbound, refusal of a spoofed source", 1, 0, || inbound(8, &received));
    bench.steady("checksum of one segment", 1, 0, || checksum::of(black_box(&received)));
    bench.figure("DNS answer", 1, || dns::answer(&snapshot.zone, black_box(&query)));
    Some(())
}

fn query() -> Vec<u8> {
    let mut query = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    query.extend_from_slice(b"\x07host500\x04home\x03ray\x00\x00\x01\x00\x01");
    query
}
