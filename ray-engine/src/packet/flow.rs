//! Which packets must stay in order among themselves: a number for the flow of a packet, for a queue that is fair to
//! flows.

use std::net::IpAddr;

use super::Layout;

/// Odd, with their bits spread, and one for each place, so that two ends of a flow do not cancel out.
const SPREAD: [u64; 5] =
    [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb, 0xd6e8_feb8_6659_fd93, 0xa076_1d64_78bd_642f];

/// The same for all packets of a flow in one direction: addresses, protocol and ports of TCP and UDP; addresses and
/// protocol of what has no ports; addresses alone of fragments, since later ones hold no ports, and in IPv6 not even
/// the protocol for certain. (The identification of a fragment would spread one flow over many numbers, out of order.)
///
/// It holds no secret. Whoever chooses ports so that they meet another flow's number slows that flow down to a share of
/// one; choosing many ports gains as many shares. Both concern only what goes over the same link: each peer has its own
/// queue, so what is protected, one peer from another, does not depend on this number. And a secret would not change
/// the second: more flows have more shares in every fair queue.
pub fn flow_hash(layout: &Layout) -> u64 {
    let (protocol, ports) = match layout.piece {
        Some(_) => (0, (0, 0)),
        None => (layout.protocol, layout.ports.unwrap_or_default()),
    };
    let tail = u64::from(protocol) << 32 | u64::from(ports.0) << 16 | u64::from(ports.1);
    let hosts = match (layout.src, layout.dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let both = u64::from(src.to_bits()) << 32 | u64::from(dst.to_bits());
            fold(both ^ SPREAD[0], SPREAD[1])
        }
        (src, dst) => {
            let ((a, b), (c, d)) = (halves(src), halves(dst));
            // Two multiplications side by side, not one after the other.
            fold(a ^ SPREAD[0], b ^ SPREAD[1]) ^ fold(c ^ SPREAD[2], d ^ SPREAD[3])
        }
    };
    fold(fold(hosts ^ tail, SPREAD[4]) ^ tail, SPREAD[2])
}

#[allow(clippy::cast_possible_truncation, reason = "both halves are used")]
fn halves(address: IpAddr) -> (u64, u64) {
    let bits = match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    ((bits >> 64) as u64, bits as u64)
}

#[allow(clippy::cast_possible_truncation, reason = "both halves are used")]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "test data is small")]
mod tests {
    use std::collections::HashSet;

    use super::{
        super::{ICMP, ICMPV6, UDP, emit, parse, samples::*},
        *,
    };

    const V4: (&str, &str) = ("100.64.0.1", "100.64.0.2");
    const V6: (&str, &str) = ("fd00::1", "fd00::2");

    #[test]
    fn a_flow_keeps_its_number_whatever_its_packets_hold() {
        for (src, dst) in [V4, V6] {
            let whole = |seq, len| hash(&Tcp { src, dst, seq, flags: ACK, payload: &vec![7; len] }.build());
            assert_eq!(whole(1, 0), whole(70_000, 1200));
            assert_eq!(udp(src, dst, 5, 6, 0), udp(src, dst, 5, 6, 900));
            assert_eq!(icmp(src, dst, 1), icmp(src, dst, 2));
        }
    }

    #[test]
    fn each_of_the_five_values_makes_another_flow() {
        let mut seen = HashSet::new();
        for (src, dst) in [V4, V6] {
            for (src, dst) in [(src, dst), (dst, src)] {
                for (from, to) in [(5, 6), (6, 5), (5, 7), (8, 6), (0, 0)] {
                    seen.insert(udp(src, dst, from, to, 10));
                    seen.insert(hash(&tcp_segment((src, from), (dst, to), ACK, 1, 1, &[])));
                }
                seen.insert(icmp(src, dst, 1));
            }
        }
        assert_eq!(seen.len(), 4 * 11);
    }

    #[test]
    fn fragments_of_one_datagram_have_one_number() {
        let mut message = vec![0u8; 1608];
        message[..6].copy_from_slice(&[0, 5, 0, 6, 0x06, 0x48]);
        for id in [1, 2] {
            let v4 = [fragment_v4(id, 0, true, &message[..800]), fragment_v4(id, 100, true, &message[800..1600])];
            let last = hash(&fragment_v4(id, 200, false, &message[1600..]));
            assert_eq!(v4.map(|piece| hash(&piece)), [last; 2]);
            assert_eq!(last, hash(&fragment_v4(1, 0, true, &message[..800])), "and so have those of the next datagram");
        }
        // An extension header behind the fragment header: the first piece knows that it is UDP, the others do not.
        let options = [&[UDP, 0, 1, 4, 0, 0, 0, 0][..], &message].concat();
        let first = fragment_v6(60, 0, true, &options[..808]);
        let later = fragment_v6(60, 101, false, &options[808..]);
        assert_ne!(parse(&first).unwrap().protocol(), parse(&later).unwrap().protocol());
        assert_eq!(hash(&first), hash(&later));
    }

    #[test]
    fn flows_that_differ_little_are_spread_over_all_buckets() {
        for (src, dst) in [V4, V6] {
            let mut buckets = [0u32; 64];
            for port in 0..6400u16 {
                buckets[(udp(src, dst, 30_000 + port, 443, 0) % 64) as usize] += 1;
            }
            // A hundred each, give or take five times the deviation of chance.
            assert!(buckets.iter().all(|count| (50..150).contains(count)), "{buckets:?}");
        }
        let mut buckets = [0u32; 64];
        for host in 0..6400u32 {
            let dst = std::net::Ipv4Addr::from_bits(0x6440_0000 + host).to_string();
            buckets[(udp("100.64.0.1", &dst, 5000, 53, 0) % 64) as usize] += 1;
        }
        assert!(buckets.iter().all(|count| (50..150).contains(count)), "{buckets:?}");
    }

    fn hash(packet: &[u8]) -> u64 {
        flow_hash(&parse(packet).unwrap().layout())
    }

    fn udp(src: &str, dst: &str, from: u16, to: u16, len: u16) -> u64 {
        let mut message = vec![0; 8 + usize::from(len)];
        message[..2].copy_from_slice(&from.to_be_bytes());
        message[2..4].copy_from_slice(&to.to_be_bytes());
        message[4..6].copy_from_slice(&(8 + len).to_be_bytes());
        hash(&emit::packet(ip(src), ip(dst), UDP, &message, 6).unwrap())
    }

    fn icmp(src: &str, dst: &str, sequence: u8) -> u64 {
        let (protocol, kind) = if src.contains(':') { (ICMPV6, 128) } else { (ICMP, 8) };
        hash(&emit::packet(ip(src), ip(dst), protocol, &[kind, 0, 0, 0, 0, 1, 0, sequence], 2).unwrap())
    }

    fn fragment_v4(id: u16, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, UDP, 0, 0, 100, 64, 0, 1, 100, 64, 0, 2];
        packet.extend_from_slice(payload);
        let len = packet.len() as u16;
        packet[2..4].copy_from_slice(&len.to_be_bytes());
        packet[4..6].copy_from_slice(&id.to_be_bytes());
        packet[6..8].copy_from_slice(&(offset | u16::from(more) << 13).to_be_bytes());
        mend(&mut packet);
        packet
    }

    fn fragment_v6(next: u8, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
        let mut message = vec![next, 0, 0, 0, 0, 0, 0, 9];
        message[2..4].copy_from_slice(&(offset << 3 | u16::from(more)).to_be_bytes());
        message.extend_from_slice(payload);
        let mut packet = tcp_segment((V6.0, 1), (V6.1, 2), ACK, 1, 1, &[]);
        packet.truncate(40);
        packet[4..6].copy_from_slice(&(message.len() as u16).to_be_bytes());
        packet[6] = 44;
        packet.extend_from_slice(&message);
        packet
    }
}
