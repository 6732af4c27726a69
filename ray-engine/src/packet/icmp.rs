//! ICMP and ICMPv6 messages: echo requests that the engine sends itself, the errors that it answers with, and what a
//! firewall must know of those that pass.

use std::net::IpAddr;

use super::{Fragment, ICMP, ICMPV6, Parsed, cited, cited::Cited, emit};

const ECHO_REQUEST_V4: u8 = 8;
const ECHO_REPLY_V4: u8 = 0;
const UNREACHABLE_V4: u8 = 3;
const TIME_EXCEEDED_V4: u8 = 11;
const PARAMETER_PROBLEM_V4: u8 = 12;
const PROHIBITED_V4: u8 = 13;

const UNREACHABLE_V6: u8 = 1;
const TOO_BIG_V6: u8 = 2;
const TIME_EXCEEDED_V6: u8 = 3;
const PARAMETER_PROBLEM_V6: u8 = 4;
const ECHO_REQUEST_V6: u8 = 128;
const ECHO_REPLY_V6: u8 = 129;
const PROHIBITED_V6: u8 = 1;

const CHECKSUM_AT: usize = 2;
const HEADER_LEN: usize = 8;
/// An error with its own headers fits what every IPv4 host takes (RFC 1812, 4.3.2.3).
const CITED_MAX_V4: usize = 576 - 20 - HEADER_LEN;
/// An error with its own headers fits the smallest MTU of IPv6 (RFC 4443, 2.4).
const CITED_MAX_V6: usize = 1280 - 40 - HEADER_LEN;

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
    let (protocol, kind, code, cited_max) = match refused.src() {
        IpAddr::V4(_) => (ICMP, UNREACHABLE_V4, PROHIBITED_V4, CITED_MAX_V4),
        IpAddr::V6(_) => (ICMPV6, UNREACHABLE_V6, PROHIBITED_V6, CITED_MAX_V6),
    };
    let cited = refused.bytes().get(..cited_max).unwrap_or(refused.bytes());
    let mut message = Vec::with_capacity(HEADER_LEN + cited.len());
    message.extend_from_slice(&[kind, code, 0, 0, 0, 0, 0, 0]);
    message.extend_from_slice(cited);
    emit::packet(refused.dst(), refused.src(), protocol, &message, CHECKSUM_AT)
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
