//! What goes through the device: packets of peers on their way to the host, and what the host's kernel gives.

use std::collections::VecDeque;

use ray_engine::{
    packet::{self, Checksum, TCP, UDP, checksum, udp},
    tun::{
        Chunk, Merger,
        merge::{Allowed, Packet},
    },
};

/// Bytes of the header before each packet that the kernel gives or takes.
const VIRTIO: usize = 10;
const V4_HEADER: usize = 20;
const V6_HEADER: usize = 40;

/// The first byte says which way: packets that are merged for the kernel, or a packet that the kernel gave.
pub(crate) fn vnet(bytes: &[u8]) {
    let Some((&way, rest)) = bytes.split_first() else { return };
    if way & 1 == 0 {
        merge(way, rest);
    } else {
        split(rest, way & 2 != 0, way & 4 != 0);
    }
}

/// Merges packets and has a kernel of our own take the result apart: out come the packets, and each header says what the
/// packet behind it says.
fn merge(way: u8, bytes: &[u8]) {
    let allowed = Allowed {
        split_tcp: way & 2 == 0,
        split_udp: way & 4 == 0,
        checksum: way & 8 == 0,
        mtu: if way & 16 == 0 { 1400 } else { 100 },
    };
    let batch = batch(bytes);
    let packets = batch.iter().filter_map(|(bytes, checksum)| {
        let layout = packet::parse(bytes).ok()?.layout();
        Some(Packet { bytes, layout, checksum: *checksum })
    });
    let mut expected: VecDeque<(&[u8], Checksum)> =
        packets.clone().filter(is_writable).map(|packet| (packet.bytes, packet.checksum)).collect();
    let mut merger = Merger::new(allowed);
    let count = expected.len();
    let mut number = 0;
    let taken = merger.write(packets, &mut |parts| {
        let mut written: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        number += 1;
        check_header(&written, &allowed);
        let outcome = Chunk::of(&mut written).packets(false, |packet, _| {
            let (wanted, left) = expected.pop_front().unwrap_or_else(|| panic!("a packet more than went in"));
            assert_eq!(comparable(packet, Checksum::Complete), comparable(wanted, left), "write {number}");
        });
        assert!(outcome.is_ok(), "what was written does not come apart: {outcome:?}");
        Ok(())
    });
    assert!(expected.is_empty() && taken.is_ok_and(|taken| taken == count), "every packet is written");
}

/// Bytes as packets: each is raw, or a successor of the one before it with a change or none.
fn batch(bytes: &[u8]) -> Vec<(Vec<u8>, Checksum)> {
    let mut batch: Vec<(Vec<u8>, Checksum)> = Vec::new();
    let mut rest = bytes;
    while let Some((&[kind, length, at, change], tail)) = rest.split_first_chunk::<4>() {
        let checksum = if kind & 1 == 0 { Checksum::Left } else { Checksum::Complete };
        let mut packet = match batch.last() {
            Some((previous, _)) if kind & 2 != 0 => {
                rest = tail;
                successor(previous, usize::from(length))
            }
            Some(_) | None => {
                let (packet, tail) = tail.split_at(usize::from(length).min(tail.len()));
                rest = tail;
                packet.to_vec()
            }
        };
        if let Some(byte) = packet.get_mut(usize::from(at)) {
            *byte ^= change;
        }
        if kind & 4 != 0 {
            mend(&mut packet, kind & 8 != 0);
        }
        batch.push((packet, checksum));
        if batch.len() > 300 {
            break;
        }
    }
    batch
}

/// The packet that may follow in a run, with so many bytes of payload (none: as many).
fn successor(previous: &[u8], length: usize) -> Vec<u8> {
    let Some((at, protocol, headers)) = headers(previous) else { return previous.to_vec() };
    let payload = previous.len() - headers;
    let mut packet = previous.to_vec();
    packet.resize(headers + if length == 0 { payload } else { length * 5 }, 0x77);
    if protocol == TCP
        && let Some(seq) = packet.get_mut(at + 4..).and_then(|rest| rest.first_chunk_mut::<4>())
    {
        *seq = u32::from_be_bytes(*seq).wrapping_add(u32::try_from(payload).unwrap_or_default()).to_be_bytes();
    }
    if at == V4_HEADER
        && let Some(id) = packet.get_mut(4..).and_then(|rest| rest.first_chunk_mut::<2>())
    {
        *id = u16::from_be_bytes(*id).wrapping_add(1).to_be_bytes();
    }
    mend(&mut packet, true);
    packet
}

/// Where the transport header begins and ends in a plain packet, and of which protocol it is.
fn headers(packet: &[u8]) -> Option<(usize, u8, usize)> {
    let (at, protocol) = match packet.first()? {
        0x45 => (V4_HEADER, *packet.get(9)?),
        first if first >> 4 == 6 => (V6_HEADER, *packet.get(6)?),
        _ => return None,
    };
    let len = match protocol {
        TCP => usize::from(*packet.get(at + 12)? >> 4) * 4,
        UDP => 8,
        _ => return None,
    };
    (at + len <= packet.len()).then_some((at, protocol, at + len))
}

/// Sets lengths and sums right: chance does not.
fn mend(packet: &mut [u8], sum: bool) {
    let length = u16::try_from(packet.len()).unwrap_or(u16::MAX);
    let Some((at, protocol, _)) = headers(packet) else { return };
    if at == V4_HEADER {
        set(packet, 2, length);
        set(packet, 10, 0);
        let header = checksum::of(packet.get(..V4_HEADER).unwrap_or_default());
        set(packet, 10, header);
    } else {
        set(packet, 4, length.saturating_sub(40));
    }
    if protocol == UDP {
        set(packet, at + 4, length.saturating_sub(u16::try_from(at).unwrap_or_default()));
    }
    if sum {
        summed(packet);
    }
}

/// Makes the sum of a whole TCP or UDP packet, whatever its field holds.
fn summed(packet: &mut [u8]) {
    let Ok(parsed) = packet::parse(packet) else { return };
    if parsed.is_fragment() || ![TCP, UDP].contains(&parsed.protocol()) {
        return;
    }
    let transport = parsed.transport();
    let offset = if parsed.protocol() == TCP { 16 } else { 6 };
    let (before, behind) = transport.split_at(offset);
    let length = u16::try_from(transport.len()).unwrap_or(u16::MAX);
    let sum = checksum::pseudo(parsed.src(), parsed.dst(), parsed.protocol(), length)
        .plus(before)
        .plus(behind.get(2..).unwrap_or_default())
        .finish();
    let at = packet.len() - transport.len() + offset;
    set(packet, at, if sum == 0 { u16::MAX } else { sum });
}

fn set(packet: &mut [u8], at: usize, value: u16) {
    if let Some(place) = packet.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<2>()) {
        *place = value.to_be_bytes();
    }
}

fn is_writable(packet: &Packet<'_>) -> bool {
    let parsed = packet::parse(packet.bytes);
    let summable = |parsed: packet::Parsed<'_>| !parsed.is_fragment() && [TCP, UDP].contains(&parsed.protocol());
    packet.checksum == Checksum::Complete || parsed.is_ok_and(summable)
}

/// A packet with its sum made if it was left, and without the id where it means nothing.
fn comparable(packet: &[u8], checksum: Checksum) -> Vec<u8> {
    let mut packet = packet.to_vec();
    if checksum == Checksum::Left {
        summed(&mut packet);
    }
    let atomic =
        packet.first().is_some_and(|first| first >> 4 == 4) && packet.get(6).is_some_and(|byte| byte & 0x40 != 0);
    if atomic {
        set(&mut packet, 4, 0);
        set(&mut packet, 10, 0);
    }
    // In TCP both values say the same, and who sums decides which it is.
    if let Ok(parsed) = packet::parse(&packet)
        && parsed.protocol() == TCP
        && !parsed.is_fragment()
        && parsed.transport().get(16..18) == Some(&[0, 0])
    {
        let at = packet.len() - parsed.transport().len() + 16;
        set(&mut packet, at, u16::MAX);
    }
    packet
}

/// Every field of a header that goes to the kernel follows from the packet behind it.
fn check_header(written: &[u8], allowed: &Allowed) {
    let Some((header, packet)) = written.split_first_chunk::<VIRTIO>() else { panic!("no header") };
    let [flags, gso_type, h0, h1, s0, s1, c0, c1, o0, o1] = *header;
    let [length, size, start, offset] =
        [[h0, h1], [s0, s1], [c0, c1], [o0, o1]].map(|pair| usize::from(u16::from_le_bytes(pair)));
    let parsed = packet::parse(packet).unwrap_or_else(|malformed| panic!("what is written is no packet: {malformed}"));
    let transport_at = packet.len() - parsed.transport().len();
    if flags == 0 {
        return assert_eq!(header, &[0; VIRTIO]);
    }
    assert_eq!(flags, 1);
    assert!(allowed.checksum || gso_type != 0);
    assert!(!parsed.is_fragment());
    assert_eq!((start, offset), (transport_at, if parsed.protocol() == TCP { 16 } else { 6 }));
    assert!(start + offset + 2 <= packet.len());
    let v6 = parsed.src().is_ipv6();
    match (gso_type, parsed.protocol()) {
        (0, TCP | UDP) => return assert_eq!((length, size), (0, 0)),
        (1, TCP) => assert!(!v6 && allowed.split_tcp),
        (4, TCP) => assert!(v6 && allowed.split_tcp),
        (5, UDP) => assert!(allowed.split_udp),
        (other, protocol) => panic!("type {other} of a packet of protocol {protocol}"),
    }
    let (at, _, end) = headers(packet).unwrap_or_else(|| panic!("a super-packet has plain headers"));
    assert_eq!((at, end), (start, length), "the header length is that of both headers");
    assert!(size >= 1 && length + size <= usize::from(allowed.mtu), "a segment fits the device");
    let payload = packet.len() - length;
    assert!(payload > size, "one segment is no super-packet");
    assert!(payload.div_ceil(size) <= if gso_type == 5 { 64 } else { 128 });
}

/// A header and a packet as if the kernel gave them: what comes out are packets, of the size that was said.
fn split(bytes: &[u8], leave: bool, mended: bool) {
    let mut read = bytes.to_vec();
    if mended && let Some(packet) = read.get_mut(VIRTIO..) {
        mend(packet, false);
    }
    let mut owned = Chunk::of(&mut read.clone()).to_owned();
    let (length, whole) = (bytes.len(), packet::parse(owned.packet()).is_ok());
    let is_super = bytes.get(1).is_some_and(|kind| [1, 4, 5].contains(&(kind & 0x7f)));
    let mut packets = Vec::new();
    let outcome = owned.chunk().packets(leave, |packet, checksum| {
        assert!(packet.len() <= length);
        let parsed = packet::parse(packet).unwrap_or_else(|malformed| panic!("no packet came out: {malformed}"));
        let offset = if parsed.protocol() == TCP { 16 } else { 6 };
        if checksum == Checksum::Left {
            assert!(leave && !parsed.is_fragment() && [TCP, UDP].contains(&parsed.protocol()));
            assert_eq!(parsed.transport().get(offset..offset + 2), Some(&[0, 0][..]));
        } else if is_super {
            assert_eq!(comparable(packet, Checksum::Left), comparable(packet, Checksum::Complete), "a right sum");
        }
        packets.push((packet.to_vec(), checksum));
    });
    assert!(outcome.is_err() || (whole && !packets.is_empty()), "out of nothing comes nothing");
    let mut again = Vec::new();
    let same = Chunk::of(&mut read).packets(leave, |packet, checksum| again.push((packet.to_vec(), checksum)));
    assert_eq!((same, again), (outcome, packets), "a copy gives the same");
}

/// Runs of both protocols and families, each with something in the middle, and super-packets.
pub(crate) fn vnet_samples() -> Vec<Vec<u8>> {
    let mut samples = Vec::new();
    for packet in plain() {
        let [length, _] = u16::try_from(packet.len()).unwrap_or_default().to_le_bytes();
        let first = |kind: u8| [&[kind, length, 0xff, 0][..], &packet].concat();
        let flags = headers(&packet).map_or(0xff, |(at, ..)| u8::try_from(at + 13).unwrap_or(0xff));
        let run = [[2, 0, 0xff, 0], [3, 0, 0xff, 0], [2, 0, flags, 8], [2, 0, 0xff, 0], [3, 1, 0xff, 0], [2, 0, 1, 1]];
        samples.push([&[0][..], &first(1), run.as_flattened()].concat());
        samples.push([&[8][..], &first(0), run.as_flattened()].concat());
        let Some((at, protocol, end)) = headers(&packet) else { continue };
        let kind = if protocol == UDP {
            5
        } else if at == V4_HEADER {
            1
        } else {
            4
        };
        let offset = if protocol == UDP { 6 } else { 16 };
        let [end, at] = [end, at].map(|place| u8::try_from(place).unwrap_or_default());
        for (way, kind, size) in [(5, kind, 7), (7, kind, 7), (7, 0, 0), (5, 0, 0)] {
            samples.push([&[way, 1, kind, end, 0, size, 0, at, 0, offset, 0][..], &packet].concat());
        }
    }
    samples
}

fn plain() -> Vec<Vec<u8>> {
    let payload = b"twenty bytes of data";
    let mut packets = Vec::new();
    let v4 = udp::build(([100, 64, 0, 1], 4000).into(), ([100, 64, 0, 2], 5000).into(), payload);
    let v6 = udp::build(([2; 16], 4000).into(), ([3; 16], 5000).into(), payload);
    let tcp = [0x9c, 0x40, 0, 22, 0xff, 0xff, 0xff, 0xf0, 0, 0, 0, 7, 0x50, 0x10, 0x20, 0, 0, 0, 0, 0];
    for datagram in [v4, v6].into_iter().flatten() {
        let (ip, at) = if datagram.first() == Some(&0x45) { (V4_HEADER, 9) } else { (V6_HEADER, 6) };
        let mut segment = [datagram.get(..ip).unwrap_or_default(), &tcp, payload].concat();
        if let Some(protocol) = segment.get_mut(at) {
            *protocol = TCP;
        }
        mend(&mut segment, true);
        packets.extend([datagram, segment]);
    }
    packets
}
