//! What peers and programs on the host send.

use std::{net::Ipv4Addr, sync::Arc};

use bytes::Bytes;
use ray_engine::{
    mesh::{
        frame::{DATAGRAM_MIN, HELD_MAX, OVERHEAD, PACKET_MAX, Packer, Unpacked, Unpacker},
        wire::{LinkMessage, MESSAGE_MAX},
    },
    packet::{self, Checksum, checksum, udp},
};
use ray_ipc::codec;

/// What a peer says on the stream of a link.
pub(crate) fn message(bytes: &[u8]) {
    let Ok(message) = codec::decode::<MESSAGE_MAX, LinkMessage>(bytes) else { return };
    let again =
        codec::encode::<MESSAGE_MAX, _>(&message).unwrap_or_else(|e| panic!("a decoded message is refused: {e}"));
    assert_eq!(again, bytes, "a message has one encoding");
}

pub(crate) fn message_samples() -> Vec<Vec<u8>> {
    let room = [0x11; 32];
    let messages = [
        LinkMessage::Hello { version: 1, features: 3, release: "0.1.0".to_owned() },
        LinkMessage::Heads { room, heads: vec![[0x22; 32]; 2] },
        LinkMessage::Want { room, have: vec![[0x22; 32]], ids: vec![[0x33; 32]] },
        LinkMessage::Entries { room, entries: vec![vec![1; 100], vec![2; 7]], more: true },
    ];
    messages.iter().filter_map(|message| codec::encode::<MESSAGE_MAX, _>(message).ok()).collect()
}

/// What a peer sends as datagrams, and what this node would send. The first byte picks which.
pub(crate) fn frame(bytes: &[u8]) {
    match bytes.split_first() {
        Some((0, rest)) => hostile_frames(rest),
        Some((_, rest)) => own_frames(rest),
        None => {}
    }
}

/// Datagrams as `wait u8 | length u16 | bytes`, each `wait` 16ths of a second after the one before.
fn hostile_frames(mut rest: &[u8]) {
    let mut unpacker = Unpacker::default();
    let (mut now, mut received, mut delivered) = (0, 0, 0);
    // Whoever takes packets may be slow.
    let mut kept = Vec::new();
    while let Some((&[wait, low, high], tail)) = rest.split_first_chunk() {
        let (datagram, tail) = tail.split_at(tail.len().min(usize::from(u16::from_le_bytes([low, high]))));
        rest = tail;
        now += 1000 / 16 * u64::from(wait);
        received += datagram.len();
        let (before, mut brought) = (delivered, false);
        let result = unpacker.unpack(&Bytes::copy_from_slice(datagram), now, |unpacked| {
            brought = true;
            if let Unpacked::Packet { bytes, .. } = unpacked {
                assert!((1..=PACKET_MAX).contains(&bytes.len()), "a packet of {} bytes", bytes.len());
                delivered += bytes.len();
                kept.push(bytes);
            }
        });
        assert!(result.is_ok() || !brought, "a datagram that is no frame brought something");
        assert!(delivered <= received, "{delivered} bytes out of {received}");
        assert!(delivered - before <= datagram.len().max(PACKET_MAX));
        assert!(unpacker.held() <= HELD_MAX, "{} bytes are held", unpacker.held());
        assert!(unpacker.abandoned() <= received as u64);
    }
}

/// Packets as `kind u8 | handle u8 | length u16`, packed for datagrams of the size in the first two bytes, and for those of
/// the next two when the path has changed. They must arrive as they are, in their order.
fn own_frames(bytes: &[u8]) {
    let Some((&[a, b, c, d], mut rest)) = bytes.split_first_chunk() else { return };
    let (first, last) = (usize::from(u16::from_le_bytes([a, b])), usize::from(u16::from_le_bytes([c, d])));
    let segments = first % 2 == 0;
    let mut packer = Packer::new(Arc::default(), segments);
    // A clear batch is as good as a new one.
    let _ = packer.push(1, b"before", Checksum::Complete, first);
    packer.clear();
    let (mut expected, mut inner) = (Vec::new(), 0);
    while let Some((&[kind, handle, low, high], tail)) = rest.split_first_chunk() {
        rest = tail;
        let len = usize::from(u16::from_le_bytes([low, high])) % (PACKET_MAX + 8);
        let handle = u16::from(handle);
        let (packet, checksum) = packet_of(kind, len);
        let whole = packet.len() + OVERHEAD <= first;
        let possible =
            (1..=PACKET_MAX).contains(&packet.len()) && (whole && segments || completed(&packet, checksum).is_some());
        let pushed = packer.push(handle, &packet, checksum, first);
        assert!(!pushed || possible, "{} bytes taken for {first}", packet.len());
        assert!(pushed || !possible || first < DATAGRAM_MIN, "{} bytes refused for {first}", packet.len());
        if pushed {
            inner += packet.len();
            expected.push((handle, packet, checksum));
        }
    }
    assert!(packer.bytes() >= inner);
    arrived(&mut packer, first, segments, &expected);
    // Below the smallest path it may lose what no longer fits, but it says so.
    let too_big = packer.repack(last).unwrap_or_else(|e| panic!("its own frames are {e:?}"));
    assert!(too_big.bytes >= too_big.packets && too_big.bytes <= inner as u64);
    if too_big.packets == 0 {
        arrived(&mut packer, last, segments, &expected);
    }
    assert!(
        too_big.packets == 0
            || last < DATAGRAM_MIN
            || expected.iter().any(|(_, packet, checksum)| completed(packet, *checksum).is_none())
    );
}

/// Unpacks what was packed and holds it against what went in.
fn arrived(packer: &mut Packer, datagram_max: usize, segments: bool, expected: &[(u16, Vec<u8>, Checksum)]) {
    let mut unpacker = Unpacker::default();
    let mut forwards = Vec::new();
    let mut expected = expected.iter();
    let mut total = 0;
    for datagram in packer.finished() {
        assert!(datagram.len() <= datagram_max, "a datagram of {} bytes for {datagram_max}", datagram.len());
        total += datagram.len();
        let result = unpacker.unpack(datagram, 0, |unpacked| {
            let Unpacked::Packet { handle, checksum, bytes } = unpacked else { panic!("{unpacked:?} was not sent") };
            let Some((to, packet, had)) = expected.next() else { panic!("more came than went") };
            assert_eq!(handle, *to);
            if checksum == *had {
                assert_eq!(bytes, *packet);
            } else {
                assert_eq!((checksum, *had), (Checksum::Complete, Checksum::Left));
                assert_eq!(Some(bytes.to_vec()), completed(packet, *had), "a checksum was not filled in");
            }
            assert!(segments || checksum == Checksum::Complete);
            forwards.push(bytes);
        });
        assert_eq!(result, Ok(()));
    }
    assert_eq!(expected.len(), 0, "packets that were taken did not arrive");
    assert_eq!(packer.bytes(), total);
    assert_eq!(unpacker.abandoned(), 0);
    // The order of datagrams is that of the packets, and nothing else hangs on it.
    let mut backwards = Vec::new();
    for datagram in packer.finished().iter().rev() {
        let mut brought = Vec::new();
        let result = unpacker.unpack(datagram, 0, |unpacked| {
            if let Unpacked::Packet { bytes, .. } = unpacked {
                brought.push(bytes);
            }
        });
        assert_eq!(result, Ok(()));
        backwards.extend(brought.into_iter().rev());
    }
    backwards.reverse();
    assert!(backwards == forwards, "parts in another order make other packets");
}

/// A packet of about `len` bytes: any bytes, or a UDP packet whose checksum is left open.
fn packet_of(kind: u8, len: usize) -> (Vec<u8>, Checksum) {
    let any =
        || std::iter::successors(Some(kind), |byte| Some(byte.wrapping_mul(5).wrapping_add(1))).take(len).collect();
    match kind % 4 {
        0 | 1 => (any(), Checksum::Complete),
        2 => (any(), Checksum::Left),
        _ => {
            let socket = |n| (Ipv4Addr::new(100, 64, 0, n), 7).into();
            let payload = vec![kind; len.saturating_sub(28)];
            let mut packet = udp::build(socket(1), socket(2), &payload).unwrap_or_default();
            packet.get_mut(26..28).unwrap_or_default().fill(0);
            (packet, Checksum::Left)
        }
    }
}

/// The packet as it crosses where its checksum may not be left open; `None` where that cannot be made.
fn completed(packet: &[u8], checksum: Checksum) -> Option<Vec<u8>> {
    let mut packet = packet.to_vec();
    if checksum == Checksum::Left {
        let layout = packet::parse(&packet).ok()?.layout();
        checksum::complete(&mut packet, &layout).then_some(())?;
    }
    Some(packet)
}

pub(crate) fn frame_samples() -> Vec<Vec<u8>> {
    let hostile = |datagrams: &[(u8, &[u8])]| {
        let mut bytes = vec![0];
        for (wait, datagram) in datagrams {
            bytes.push(*wait);
            bytes.extend_from_slice(&u16::try_from(datagram.len()).unwrap_or_default().to_le_bytes());
            bytes.extend_from_slice(datagram);
        }
        bytes
    };
    let (first, second) = (b"\x02\x07\x00\x01\x00\x00\x00\x00\x02ab", b"\x02\x07\x00\x01\x00\x00\x00\x01\x02cd");
    let own = |sizes: [u16; 2], packets: &[(u8, u8, u16)]| {
        let mut bytes = vec![1];
        bytes.extend(sizes.iter().flat_map(|size| size.to_le_bytes()));
        for (kind, handle, len) in packets {
            bytes.extend_from_slice(&[*kind, *handle]);
            bytes.extend_from_slice(&len.to_le_bytes());
        }
        bytes
    };
    let parts: Vec<Vec<u8>> = (0..4).map(|index| [&[2, 7, 0, 1, 0, 0, 0, index, 4][..], &[7; 600]].concat()).collect();
    let too_long: Vec<(u8, &[u8])> = parts.iter().map(|part| (0, part.as_slice())).collect();
    let part = |id, index| [2, 7, 0, id, 0, 0, 0, index, 2, id];
    let parts: Vec<[u8; 10]> = (0..40).map(|id| part(id, 0)).chain((0..80).map(|n| part(50 + n / 2, n % 2))).collect();
    let flood: Vec<(u8, &[u8])> = parts.iter().map(|part| (0, part.as_slice())).collect();
    vec![
        hostile(&[(0, b"\x01\x02\x01\x02\x00ab\x03\x00cde"), (0, b"\x03\x03\x01\x02\x00gh\x01\x00i")]),
        hostile(&[(0, b"\x04\x01\x02\x01\0\0\0\0\0\0\x0a\x09\x08\x07\x06\x05\x04\x03"), (0, b"\x04\x07")]),
        hostile(&[(0, first), (3, second), (0, second), (1, first)]),
        hostile(&[(0, first), (0, first), (0, second), (40, first), (0, second)]),
        hostile(&[
            (0, second),
            (0, b"\x02\x07\x00\x01\x00\x00\x00\x00\x03x"),
            (0, b"\x02\x08\x00\x01\x00\x00\x00\x00\x02y"),
        ]),
        hostile(&[(0, &[&b"\x01\x01\x00\x02\x08"[..], &[7; PACKET_MAX + 2]].concat())]),
        hostile(&too_long),
        hostile(&flood),
        own([1414, 1162], &[(0, 1, 1280), (3, 1, 1280), (3, 1, 52), (2, 1, 60), (3, 2, 1400), (1, 2, 2048)]),
        own([1415, 1162], &[(3, 1, 1280), (3, 1, 52), (0, 1, 1409), (0, 1, 1410), (0, 1, 1411)]),
        own([40, 20], &[(0, 1, 30), (0, 1, 100), (3, 1, 40), (2, 9, 1)]),
        own([9000, 1100], &[(3, 1, 1400); 20]),
    ]
}
