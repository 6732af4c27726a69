//! ICMP and ICMPv6 messages: echo requests that the engine sends itself, the errors that it answers with, and what a
//! firewall must know of those that pass.

use std::net::IpAddr;

use super::{Fragment, ICMP, ICMPV6, Parsed, cited, cited::Cited, emit, ipv4, ipv6};

const ECHO_REQUEST_V4: u8 = 8;
const ECHO_REPLY_V4: u8 = 0;
const UNREACHABLE_V4: u8 = 3;
const TIME_EXCEEDED_V4: u8 = 11;
const PARAMETER_PROBLEM_V4: u8 = 12;
const PROHIBITED_V4: u8 = 13;
const FRAGMENTATION_NEEDED_V4: u8 = 4;
const SOURCE_QUENCH_V4: u8 = 4;
const REDIRECT_V4: u8 = 5;

const UNREACHABLE_V6: u8 = 1;
const TOO_BIG_V6: u8 = 2;
const TIME_EXCEEDED_V6: u8 = 3;
const PARAMETER_PROBLEM_V6: u8 = 4;
const ECHO_REQUEST_V6: u8 = 128;
const ECHO_REPLY_V6: u8 = 129;
const PROHIBITED_V6: u8 = 1;
/// Types below this are errors (RFC 4443, 2.1).
const INFORMATIONAL_V6: u8 = 128;
const REDIRECT_V6: u8 = 137;

const CHECKSUM_AT: usize = 2;
pub(super) const HEADER_LEN: usize = 8;
/// An error with its own headers fits what every IPv4 host takes (RFC 1812, 4.3.2.3).
const CITED_MAX_V4: usize = ipv4::MTU_MIN as usize - ipv4::HEADER_MIN - HEADER_LEN;
/// An error with its own headers fits the smallest MTU of IPv6 (RFC 4443, 2.4).
const CITED_MAX_V6: usize = ipv6::MTU_MIN as usize - ipv6::HEADER_LEN - HEADER_LEN;

/// A message, by what a firewall does with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    EchoRequest {
        id: u16,
    },
    EchoReply {
        id: u16,
    },
    /// Tells the sender of a packet why it did not arrive; `None` where it cites no packet that could be told.
    Error(Option<Cited>),
    /// Anything else: redirects, router and neighbour discovery, timestamps.
    Other,
}

/// A whole IP packet with checksums. `None` where the addresses are of two families or the payload is too long.
pub fn echo_request(src: IpAddr, dst: IpAddr, id: u16, seq: u16, payload: &[u8]) -> Option<Vec<u8>> {
    let (protocol, kind) = match src {
        IpAddr::V4(_) => (ICMP, ECHO_REQUEST_V4),
        IpAddr::V6(_) => (ICMPV6, ECHO_REQUEST_V6),
    };
    let mut message = Vec::with_capacity(HEADER_LEN + payload.len());
    message.extend_from_slice(&[kind, 0, 0, 0]);
    message.extend_from_slice(&id.to_be_bytes());
    message.extend_from_slice(&seq.to_be_bytes());
    message.extend_from_slice(payload);
    emit::packet(src, dst, protocol, &message, CHECKSUM_AT)
}

/// The error that tells the sender of `refused` that a rule forbids it, as a whole IP packet.
pub fn prohibited(refused: &Parsed<'_>) -> Option<Vec<u8>> {
    match refused.src() {
        IpAddr::V4(_) => error(refused, refused.dst(), [UNREACHABLE_V4, PROHIBITED_V4], [0; 4]),
        IpAddr::V6(_) => error(refused, refused.dst(), [UNREACHABLE_V6, PROHIBITED_V6], [0; 4]),
    }
}

/// The error that tells the sender of `packet` that the way on takes `mtu` bytes, as a whole IP packet. It is for our own
/// host alone: `from`, whatever address it is said to come from, never leaves this machine.
pub fn too_big(packet: &Parsed<'_>, mtu: u16, from: IpAddr) -> Option<Vec<u8>> {
    let [high, low] = mtu.to_be_bytes();
    match packet.src() {
        IpAddr::V4(_) => error(packet, from, [UNREACHABLE_V4, FRAGMENTATION_NEEDED_V4], [0, 0, high, low]),
        IpAddr::V6(_) => error(packet, from, [TOO_BIG_V6, 0], [0, 0, high, low]),
    }
}

/// Whether no error may answer the packet (RFC 1122, 3.2.2; RFC 4443, 2.4), so that errors cannot breed: an ICMP error or
/// redirect, and a fragment that does not show what it is.
pub fn is_unanswerable(parsed: &Parsed<'_>) -> bool {
    if parsed.layout.fragment == Fragment::Later {
        return true;
    }
    let kind = parsed.transport().first();
    match (parsed.src(), parsed.protocol()) {
        (IpAddr::V4(_), ICMP) => kind.is_none_or(|kind| {
            [UNREACHABLE_V4, SOURCE_QUENCH_V4, REDIRECT_V4, TIME_EXCEEDED_V4, PARAMETER_PROBLEM_V4].contains(kind)
        }),
        (IpAddr::V6(_), ICMPV6) => kind.is_none_or(|&kind| kind < INFORMATIONAL_V6 || kind == REDIRECT_V6),
        _ => false,
    }
}

/// An error about `cause`, of the given type and code, with four bytes that differ by these.
fn error(cause: &Parsed<'_>, from: IpAddr, [kind, code]: [u8; 2], rest: [u8; 4]) -> Option<Vec<u8>> {
    let (protocol, cited_max) = match cause.src() {
        IpAddr::V4(_) => (ICMP, CITED_MAX_V4),
        IpAddr::V6(_) => (ICMPV6, CITED_MAX_V6),
    };
    let cited = cause.bytes().get(..cited_max).unwrap_or(cause.bytes());
    let mut message = Vec::with_capacity(HEADER_LEN + cited.len());
    message.extend_from_slice(&[kind, code, 0, 0]);
    message.extend_from_slice(&rest);
    message.extend_from_slice(cited);
    emit::packet(from, cause.src(), protocol, &message, CHECKSUM_AT)
}

/// Identifier and sequence number, if the packet is an echo reply.
pub fn echo_reply_of(parsed: &Parsed<'_>) -> Option<(u16, u16)> {
    let header = parsed.transport().first_chunk::<HEADER_LEN>()?;
    match message_of(parsed)? {
        Message::EchoReply { id } if parsed.layout.fragment == Fragment::Whole && header[1] == 0 => {
            Some((id, u16::from_be_bytes([header[6], header[7]])))
        }
        Message::EchoReply { .. } | Message::EchoRequest { .. } | Message::Error(_) | Message::Other => None,
    }
}

/// `None` where the packet is not ICMP of its own IP version, or does not hold its header.
pub fn message_of(parsed: &Parsed<'_>) -> Option<Message> {
    if parsed.layout.fragment == Fragment::Later {
        return None;
    }
    let (header, rest) = parsed.transport().split_first_chunk::<HEADER_LEN>()?;
    let id = u16::from_be_bytes([header[4], header[5]]);
    Some(match (parsed.src(), parsed.protocol()) {
        (IpAddr::V4(_), ICMP) => match header[0] {
            ECHO_REQUEST_V4 => Message::EchoRequest { id },
            ECHO_REPLY_V4 => Message::EchoReply { id },
            UNREACHABLE_V4 | TIME_EXCEEDED_V4 | PARAMETER_PROBLEM_V4 => Message::Error(cited::read(rest)),
            _ => Message::Other,
        },
        (IpAddr::V6(_), ICMPV6) => match header[0] {
            ECHO_REQUEST_V6 => Message::EchoRequest { id },
            ECHO_REPLY_V6 => Message::EchoReply { id },
            UNREACHABLE_V6 | TOO_BIG_V6 | TIME_EXCEEDED_V6 | PARAMETER_PROBLEM_V6 => Message::Error(cited::read(rest)),
            _ => Message::Other,
        },
        _ => return None,
    })
}

/// Whether an ICMP header with these values asks for an echo (`Some(true)`) or answers (`Some(false)`).
pub(super) fn echo_kind(v4: bool, kind: u8) -> Option<bool> {
    match (v4, kind) {
        (true, ECHO_REQUEST_V4) | (false, ECHO_REQUEST_V6) => Some(true),
        (true, ECHO_REPLY_V4) | (false, ECHO_REPLY_V6) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "test data is small")]
mod tests {
    use super::*;
    use crate::packet::{
        checksum, parse,
        samples::{ACK, ip, tcp_segment},
        udp,
    };

    const V4: (&str, &str) = ("100.80.0.1", "100.80.0.2");
    const V6: (&str, &str) = ("fd5a::1", "fd5a::2");

    #[test]
    fn tells_the_sender_of_a_too_big_packet_the_size_that_fits() {
        for (addresses, kind, code) in [(V4, UNREACHABLE_V4, FRAGMENTATION_NEEDED_V4), (V6, TOO_BIG_V6, 0)] {
            let cause = tcp_segment((addresses.0, 40_000), (addresses.1, 443), ACK, 77, 9, &[0x5a; 1360]);
            let parsed = parse(&cause).unwrap();
            let error = too_big(&parsed, 1337, ip(addresses.1)).unwrap();
            let told = parse(&error).unwrap();
            assert_eq!((told.src(), told.dst()), (ip(addresses.1), ip(addresses.0)));
            let message = told.transport();
            assert_eq!(message[..2], [kind, code]);
            assert_eq!(message[4..8], 1337u32.to_be_bytes());
            assert!(sums_up(&told), "the checksum");
            assert!(cause.starts_with(&message[HEADER_LEN..]), "it cites the packet");
            let limit = if told.src().is_ipv4() { 576 } else { 1280 };
            assert_eq!(error.len(), limit, "as much of it as such an error may");
            assert!(matches!(message_of(&told), Some(Message::Error(Some(_)))), "a firewall knows its flow");
        }
    }

    #[test]
    fn cites_a_short_packet_whole() {
        let cause = tcp_segment((V4.0, 1), (V4.1, 2), ACK, 0, 0, b"short");
        let error = too_big(&parse(&cause).unwrap(), 576, ip("100.80.0.9")).unwrap();
        let told = parse(&error).unwrap();
        assert_eq!(told.src(), ip("100.80.0.9"));
        assert_eq!(told.transport()[HEADER_LEN..], cause[..]);
        assert!(sums_up(&told));
    }

    #[test]
    fn makes_no_error_across_the_two_families() {
        let cause = tcp_segment((V4.0, 1), (V4.1, 2), ACK, 0, 0, b"");
        assert_eq!(too_big(&parse(&cause).unwrap(), 1280, ip(V6.1)), None);
    }

    #[test]
    fn an_error_answers_no_error_but_anything_else() {
        for addresses in [V4, V6] {
            let (src, dst) = (ip(addresses.0), ip(addresses.1));
            let (src_at, dst_at) = ((src, 5).into(), (dst, 6).into());
            let datagram = udp::build(src_at, dst_at, b"x").unwrap();
            let parsed = parse(&datagram).unwrap();
            assert!(!is_unanswerable(&parsed));
            for error in [too_big(&parsed, 1280, dst).unwrap(), prohibited(&parsed).unwrap()] {
                assert!(is_unanswerable(&parse(&error).unwrap()));
            }
            let (redirect, echo) = if src.is_ipv4() { (REDIRECT_V4, ECHO_REPLY_V4) } else { (REDIRECT_V6, 129) };
            for (kind, expected) in [(redirect, true), (echo, false)] {
                let protocol = if src.is_ipv4() { ICMP } else { ICMPV6 };
                let message = [kind, 0, 0, 0, 0, 0, 0, 0];
                let packet = emit::packet(src, dst, protocol, &message, CHECKSUM_AT).unwrap();
                assert_eq!(is_unanswerable(&parse(&packet).unwrap()), expected, "type {kind}");
            }
            let request = echo_request(src, dst, 1, 2, b"x").unwrap();
            assert!(!is_unanswerable(&parse(&request).unwrap()));
        }
    }

    fn sums_up(told: &Parsed<'_>) -> bool {
        let message = told.transport();
        let covered = match told.src() {
            IpAddr::V4(_) => checksum::Sum::default(),
            IpAddr::V6(_) => checksum::pseudo(told.src(), told.dst(), ICMPV6, message.len() as u16),
        };
        covered.plus(message).finish() == 0
    }
}
