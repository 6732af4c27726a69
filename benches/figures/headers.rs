//! What is read from, and written into, single headers on the way.

use std::hint::black_box;

use ray_benches::{
    Bench,
    samples::{HEADERS, MTU, SEGMENT, SEGMENTS, syn, tcp, tcp_segments},
};
use ray_engine::packet::{self, Checksum, Segment, ecn, flow_hash, mss};

/// What a SYN asks for; the clamp is at less.
const MSS: u16 = 1460;

pub(crate) fn run(bench: &mut Bench) -> Option<()> {
    let segment = tcp(0, 7, 1, SEGMENT)?;
    let layout = packet::parse(&segment).ok()?.layout();
    bench.steady("flow hash", 1, 0, || flow_hash(black_box(&layout)));

    let mut capable = tcp(0, 7, 1, SEGMENT)?;
    // ECT(0), and the header checksum for it.
    *capable.get_mut(1)? = 2;
    let sum = u16::from_be_bytes([*capable.get(10)?, *capable.get(11)?]).wrapping_sub(2);
    capable.get_mut(10..12)?.copy_from_slice(&sum.to_be_bytes());
    let head = capable.get(..HEADERS)?.to_vec();
    let mut mark = || {
        capable[..HEADERS].copy_from_slice(&head);
        ecn::mark(black_box(&mut capable))
    };
    mark().then_some(())?;
    bench.steady("congestion mark", 1, 0, mark);

    let mut whole = tcp(0, 7, 1, SEGMENT * SEGMENTS)?;
    bench.steady("segment size, no SYN", 1, 0, || mss::clamp(black_box(&mut whole), MTU, Checksum::Left));
    let template = syn(0, 7, MSS)?;
    let mut opening = template.clone();
    let mut clamp = || {
        opening.copy_from_slice(&template);
        mss::clamp(black_box(&mut opening), MTU, Checksum::Complete)
    };
    clamp().then_some(())?;
    bench.steady("segment size, SYN", 1, 0, clamp);

    let [first, second] = tcp_segments(7, 0)?.into_iter().take(2).collect::<Vec<_>>().try_into().ok()?;
    let continues = || {
        let first = Segment::of(black_box(&first))?;
        Segment::of(black_box(&second)).map(|second| second.continues(&first))
    };
    (continues() == Some(true)).then_some(())?;
    bench.steady("whether a segment continues another", 1, 0, continues);
    Some(())
}
