//! What a packet decision costs, as ratios within one run, and that it allocates nothing.

use std::{hint::black_box, net::IpAddr, process::ExitCode, sync::Arc};

use ray_benches::{
    allocations::{Counting, allocations_of},
    time,
};
use ray_engine::{
    dns::{self, Host, Zone},
    firewall::{Action, Firewall, Members, Party, Posture, Ruleset, Standing},
    ident::{Hostname, NetworkName, PeerId, RoomId, UnixTime, mesh_v4, mesh_v6},
    packet::{checksum, udp},
    plane::{self, Snapshot},
    route::RouteTable,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A large network; the cost must not depend on it.
const PEERS: u32 = 1000;
/// Payload of a segment at an inner MTU of 1280.
const SEGMENT: usize = 1240;
const SEGMENTS: usize = 52;
const HOME: RoomId = RoomId([8; 32]);
/// Any time: the flows of the samples stay young.
const NOW: u64 = 1000;

fn main() -> ExitCode {
    let own = peer(0);
    let others: Vec<PeerId> = (1..=PEERS).map(peer).collect();
    let (Some(snapshot), Some(src), Some(dst)) = (snapshot(own, &others), address(own), address(peer(7))) else {
        return fail("the sample peers have no addresses");
    };
    let packets = (datagram(src, dst, SEGMENT), datagram(src, dst, SEGMENT * SEGMENTS), datagram(dst, src, SEGMENT));
    let (Some(segment), Some(whole), Some(received)) = packets else {
        return fail("the sample packets do not fit");
    };
    let query = query();
    let firewall = Firewall::default();

    let outbound_segment = time(|| plane::outbound(&snapshot, &firewall, black_box(&segment), NOW).is_ok());
    let outbound_whole = time(|| plane::outbound(&snapshot, &firewall, black_box(&whole), NOW).is_ok());
    let inbound = time(|| plane::inbound(&snapshot, &firewall, party(7), black_box(&received), NOW).is_ok());
    let refused = time(|| plane::inbound(&snapshot, &firewall, party(8), black_box(&received), NOW).is_ok());
    let sum = time(|| checksum::of(black_box(&received)));
    let answer = time(|| dns::answer(&snapshot.zone, black_box(&query)));

    let rows = [
        ("outbound decision, one segment", outbound_segment),
        ("outbound decision, super-packet of 52 segments", outbound_whole),
        ("  the same, per segment", outbound_whole / SEGMENTS as f64),
        ("inbound decision", inbound),
        ("inbound refusal of a spoofed source", refused),
        ("checksum of one segment", sum),
        ("DNS answer", answer),
    ];
    line(&format!("{:<48} {:>9} {:>28}", "packet path, 1000 peers", "ns", "of an outbound decision"));
    for (what, ns) in rows {
        line(&format!("{what:<48} {ns:>9.1} {:>28.3}", ns / outbound_segment));
    }

    let allocations = allocations_of(|| {
        for _ in 0..1000 {
            black_box(plane::outbound(&snapshot, &firewall, &segment, NOW).is_ok());
            black_box(plane::outbound(&snapshot, &firewall, &whole, NOW).is_ok());
            black_box(plane::inbound(&snapshot, &firewall, party(7), &received, NOW).is_ok());
            black_box(plane::inbound(&snapshot, &firewall, party(8), &received, NOW).is_ok());
        }
    });
    line(&format!("allocations in 4000 decisions: {allocations}"));
    if allocations == 0 { ExitCode::SUCCESS } else { fail("a decision allocates") }
}

fn snapshot(own: PeerId, others: &[PeerId]) -> Option<Snapshot> {
    let claims = others.iter().flat_map(|peer| {
        let v4 = mesh_v4(peer, 0).map(|v4| (IpAddr::V4(v4), *peer));
        v4.into_iter().chain([(IpAddr::V6(mesh_v6(peer)), *peer)])
    });
    let network: NetworkName = "home".parse().ok()?;
    let hosts = others.iter().enumerate().map(|(n, peer)| Host {
        host: Hostname::from_system(&format!("host{n}")),
        network: network.clone(),
        v4: mesh_v4(peer, 0),
        v6: mesh_v6(peer),
    });
    Some(Snapshot {
        own_v4: mesh_v4(&own, 0),
        own_v6: mesh_v6(&own),
        routes: RouteTable::new(claims),
        zone: Zone::new(hosts),
        rules: Arc::new(rules(others)),
        handles: [(1, HOME)].into(),
        shared: others.iter().map(|peer| (*peer, vec![HOME])).collect(),
    })
}

fn rules(others: &[PeerId]) -> Ruleset {
    let members: Members =
        others.iter().map(|peer| (Party { peer: *peer, network: HOME }, Standing::default())).collect();
    let open = Posture { inbound: Action::Allow, ..Posture::default() };
    Ruleset::compile(Vec::new(), open, members, UnixTime(0))
}

fn party(n: u32) -> Party {
    Party { peer: peer(n), network: HOME }
}

fn peer(n: u32) -> PeerId {
    let mut id = [9; 32];
    id[..4].copy_from_slice(&n.to_be_bytes());
    PeerId(id)
}

fn address(peer: PeerId) -> Option<IpAddr> {
    mesh_v4(&peer, 0).map(IpAddr::V4)
}

fn datagram(src: IpAddr, dst: IpAddr, len: usize) -> Option<Vec<u8>> {
    udp::build((src, 4000).into(), (dst, 5000).into(), &vec![7; len])
}

fn query() -> Vec<u8> {
    let mut query = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    query.extend_from_slice(b"\x07host500\x04home\x03ray\x00\x00\x01\x00\x01");
    query
}

#[allow(clippy::print_stdout, reason = "the figures are what this program is for")]
fn line(text: &str) {
    println!("{text}");
}

fn fail(why: &str) -> ExitCode {
    line(&format!("failed: {why}"));
    ExitCode::FAILURE
}
