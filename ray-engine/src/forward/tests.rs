//! What waits for a link: how much, in which pieces, and for how long.
#![allow(clippy::cast_possible_truncation, reason = "test data is small")]

use tokio::time::sleep;

use super::*;
use crate::{
    firewall::{Members, Party, Posture, Ruleset, Standing},
    ident::{RoomId, UnixTime},
    packet::{
        Malformed,
        samples::{ACK, Tcp, ip},
    },
    plane::Snapshot,
    queue::Weigh,
    route::RouteTable,
};

const PEER: PeerId = PeerId([1; 32]);
const OWN: &str = "100.64.0.1";
const THEIRS: &str = "100.64.0.2";
const SEGMENT: usize = 1200;

#[tokio::test(start_paused = true)]
async fn a_packet_that_waits_too_long_for_a_link_is_counted_within_a_second() {
    let forwarder = forwarder();
    forwarder.sweep();
    // Between two ticks, whatever these are counted from.
    sleep(Duration::from_millis(12_300)).await;
    hold(&forwarder, 3 * SEGMENT);
    sleep(Duration::from_millis(2_900)).await;
    assert_eq!(lost(&forwarder), 0);
    sleep(Duration::from_millis(1_200)).await;
    assert_eq!(lost(&forwarder), 3);
    let none = forwarder.waiting().take(&PEER, micros(), |_| {});
    assert!(none.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_forwarder_that_is_gone_is_swept_no_more() {
    let forwarder = forwarder();
    forwarder.sweep();
    let (gone, runtime) = (Arc::downgrade(&forwarder), tokio::runtime::Handle::current().metrics());
    sleep(EXPIRE).await;
    assert_eq!(runtime.num_alive_tasks(), 1);
    drop(forwarder);
    sleep(2 * EXPIRE).await;
    assert_eq!((gone.strong_count(), runtime.num_alive_tasks()), (0, 0));
}

#[test]
fn a_super_packet_waits_in_parts_as_it_would_for_room() {
    let forwarder = forwarder();
    hold(&forwarder, 40 * SEGMENT);
    hold(&forwarder, 100);
    let parcels = forwarder.waiting().take(&PEER, micros(), |_| panic!("too late"));
    let shape: Vec<(u64, usize)> = parcels.iter().map(|parcel| (parcel.packets(), parcel.bytes())).collect();
    // Addresses, ports and timestamps: 52 bytes of headers.
    let part = |segments: u64| (segments, 52 + segments as usize * SEGMENT);
    assert_eq!(shape, [part(13), part(13), part(13), part(1), (1, 152)]);
    assert!(shape.iter().all(|(_, bytes)| *bytes <= PART_MIN));
}

#[test]
fn of_the_longest_super_packet_the_beginning_makes_room_and_not_all_is_lost() {
    let forwarder = forwarder();
    hold(&forwarder, 54 * SEGMENT);
    let waits: u64 = forwarder.waiting().take(&PEER, micros(), |_| {}).iter().map(Parcel::packets).sum();
    assert_eq!((waits, lost(&forwarder)), (41, 13));
}

#[test]
fn what_cannot_be_cut_is_counted_as_what_it_is() {
    let forwarder = forwarder();
    let mut read = super_packet(40 * SEGMENT);
    read[4..6].fill(0);
    let routed = routed(&forwarder, &read[VNET..]);
    forwarder.hold(&mut forwarder.waiting(), routed, Chunk::of(&mut read));
    assert_eq!(forwarder.live.drops.get(Malformed::Offload.into()), 1);
    assert!(forwarder.waiting().take(&PEER, micros(), |_| {}).is_empty());
}

fn forwarder() -> Arc<Forwarder> {
    let forwarder = Arc::new(Forwarder::default());
    let network = RoomId([8; 32]);
    let members: Members = [(Party { peer: PEER, network }, Standing::default())].into_iter().collect();
    forwarder.live.replace(Snapshot {
        own_v4: OWN.parse().ok(),
        routes: RouteTable::new([(ip(THEIRS), PEER)]),
        rules: Arc::new(Ruleset::compile(Vec::new(), Posture::default(), members, UnixTime(0))),
        shared: [(PEER, vec![network])].into(),
        ..Snapshot::default()
    });
    forwarder
}

/// Has so many bytes of a TCP connection wait.
fn hold(forwarder: &Forwarder, payload_len: usize) {
    let mut read = super_packet(payload_len);
    let routed = routed(forwarder, &read[VNET..]);
    forwarder.hold(&mut forwarder.waiting(), routed, Chunk::of(&mut read));
}

fn routed(forwarder: &Forwarder, packet: &[u8]) -> Routed {
    let live = &forwarder.live;
    match plane::outbound(&live.snapshot(), &live.firewall, packet, 0) {
        Ok(Outbound::Peer(routed)) => routed,
        other => panic!("{other:?} goes to no peer"),
    }
}

const VNET: usize = 10;

/// What a read gives for TCP that the kernel left whole: `virtio_net_hdr`, then the packet.
fn super_packet(payload_len: usize) -> Vec<u8> {
    let packet = Tcp { src: OWN, dst: THEIRS, seq: 0, flags: ACK, payload: &vec![7; payload_len] }.build();
    let [low, high] = (SEGMENT as u16).to_le_bytes();
    [&[1, 1, 52, 0, low, high, 20, 0, 16, 0][..], &packet].concat()
}

fn lost(forwarder: &Forwarder) -> u64 {
    forwarder.live.drops.get(DropReason::NoLink)
}
