//! Packets as descriptions, which the model reads, and as bytes, which the engine reads.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ray_engine::{
    firewall::Party,
    ident::{PeerId, RoomId},
};

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Host,
    Peer,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Packet {
    pub(crate) sent: Side,
    pub(crate) peer: u8,
    pub(crate) network: u8,
    pub(crate) v6: bool,
    pub(crate) body: Body,
    /// Harmless headers between the IP header and the body.
    pub(crate) extensions: u8,
    pub(crate) piece: Option<Piece>,
    pub(crate) damage: Option<Damage>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    Tcp(Tcp),
    Udp {
        host_port: u16,
        peer_port: u16,
        len: u16,
    },
    Echo {
        id: u16,
        asks: bool,
    },
    /// About a packet that the other side sent, or claims to have sent.
    Error {
        cited: Box<Packet>,
        kind: u8,
        foreign: bool,
    },
    OtherIcmp,
    /// A protocol without ports.
    Gre,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tcp {
    pub(crate) host_port: u16,
    pub(crate) peer_port: u16,
    pub(crate) flags: u8,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) window: u16,
    pub(crate) scale: Option<u8>,
    pub(crate) payload: u16,
}

pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const PSH: u8 = 8;
pub(crate) const ACK: u8 = 16;

/// Of a datagram that is cut at multiples of eight bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) id: u16,
    pub(crate) start: u16,
    /// In units of eight bytes; a first piece has what its body has.
    pub(crate) len: u16,
    pub(crate) more: bool,
}

/// Ways to be no packet at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    Cut(usize),
    Longer(usize),
    ShortHeaderLength,
    SourceRoute,
    RoutingHeader,
    Checksum,
    OptionOverrun,
    /// The transport header does not end within the packet, though the lengths agree.
    ShortTransport,
}

impl Packet {
    pub(crate) fn party(&self) -> Party {
        Party { peer: PeerId([self.peer; 32]), network: RoomId([self.network; 32]) }
    }

    fn addresses(&self) -> (IpAddr, IpAddr) {
        let (host, peer) = addresses_of(self.peer, self.v6);
        if self.sent == Side::Host { (host, peer) } else { (peer, host) }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let (src, dst) = self.addresses();
        let (protocol, mut body) = self.transport();
        if self.damage == Some(Damage::ShortTransport) {
            body.truncate(7);
        }
        let mut headers = Vec::new();
        let mut first = protocol;
        if let Some(piece) = self.piece {
            if piece.start == 0 {
                body.resize(usize::from(piece.len) * 8, 0);
                if let Body::Udp { .. } = self.body {
                    // The datagram is longer than its first piece.
                    let claimed = (body.len() + 64) as u16;
                    body[4..6].copy_from_slice(&claimed.to_be_bytes());
                }
            } else {
                body = vec![0xee; usize::from(piece.len) * 8];
            }
        }
        let mut packet = match (src, dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                let mut options = match self.extensions {
                    0 => vec![],
                    1 => vec![1, 1, 1, 1],
                    _ => vec![148, 4, 0, 0],
                };
                match self.damage {
                    Some(Damage::SourceRoute) => options = vec![1, 131, 3, 4],
                    Some(Damage::OptionOverrun) => options = vec![1, 1, 7, 9],
                    Some(_) | None => {}
                }
                let mut header = vec![0x45 + (options.len() / 4) as u8, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0];
                header.extend_from_slice(&src.octets());
                header.extend_from_slice(&dst.octets());
                header.extend_from_slice(&options);
                if let Some(piece) = self.piece {
                    header[4..6].copy_from_slice(&piece.id.to_be_bytes());
                    header[6..8].copy_from_slice(&(piece.start | u16::from(piece.more) << 13).to_be_bytes());
                }
                let len = (header.len() + body.len()) as u16;
                header[2..4].copy_from_slice(&len.to_be_bytes());
                if self.damage == Some(Damage::ShortHeaderLength) {
                    header[0] = 0x44;
                }
                let sum = sum(&[], &header);
                header[10..12].copy_from_slice(&sum.to_be_bytes());
                [header, body].concat()
            }
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                if let Some(piece) = self.piece {
                    let mut header = vec![first, 0, 0, 0, 0, 0];
                    header.extend_from_slice(&piece.id.to_be_bytes());
                    header[2..4].copy_from_slice(&(piece.start << 3 | u16::from(piece.more)).to_be_bytes());
                    headers = header;
                    first = 44;
                }
                for (kind, count) in [(60, self.extensions / 2), (0, self.extensions % 2)] {
                    for _ in 0..count {
                        headers = [&[first, 0, 1, 4, 0, 0, 0, 0], &headers[..]].concat();
                        first = kind;
                    }
                }
                match self.damage {
                    Some(Damage::RoutingHeader) => {
                        headers = [&[first, 0, 0, 0, 0, 0, 0, 0], &headers[..]].concat();
                        first = 43;
                    }
                    Some(Damage::OptionOverrun) => {
                        headers = [&[first, 0, 5, 9, 0, 0, 0, 0], &headers[..]].concat();
                        first = 60;
                    }
                    Some(_) | None => {}
                }
                let mut header = vec![0x60, 0, 0, 0, 0, 0, first, 64];
                header[4..6].copy_from_slice(&((headers.len() + body.len()) as u16).to_be_bytes());
                header.extend_from_slice(&src.octets());
                header.extend_from_slice(&dst.octets());
                [header, headers, body].concat()
            }
            _ => panic!("addresses of one family"),
        };
        match self.damage {
            Some(Damage::Cut(by)) => packet.truncate(packet.len() - by.min(packet.len())),
            Some(Damage::Longer(by)) => packet.extend(vec![0; by]),
            Some(Damage::Checksum) => packet[10] ^= 0x40,
            Some(_) | None => {}
        }
        packet
    }

    fn transport(&self) -> (u8, Vec<u8>) {
        let ports = |host: u16, peer: u16| if self.sent == Side::Host { (host, peer) } else { (peer, host) };
        let icmp = if self.v6 { 58 } else { 1 };
        match &self.body {
            Body::Tcp(tcp) => {
                let (src, dst) = ports(tcp.host_port, tcp.peer_port);
                let mut header = [src.to_be_bytes(), dst.to_be_bytes()].concat();
                header.extend_from_slice(&tcp.seq.to_be_bytes());
                header.extend_from_slice(&tcp.ack.to_be_bytes());
                header.extend_from_slice(&[5 << 4, tcp.flags]);
                header.extend_from_slice(&tcp.window.to_be_bytes());
                header.extend_from_slice(&[0, 0, 0, 0]);
                if let Some(scale) = tcp.scale {
                    header.extend_from_slice(&[2, 4, 4, 216, 1, 3, 3, scale]);
                    header[12] = 7 << 4;
                }
                header.extend(vec![0xdd; usize::from(tcp.payload)]);
                (6, header)
            }
            Body::Udp { host_port, peer_port, len } => {
                let (src, dst) = ports(*host_port, *peer_port);
                let mut header = [src, dst, 8 + len, 0].map(u16::to_be_bytes).concat();
                header.extend(vec![0xdd; usize::from(*len)]);
                (17, header)
            }
            Body::Echo { id, asks } => {
                let kind = match (self.v6, asks) {
                    (false, true) => 8,
                    (false, false) => 0,
                    (true, true) => 128,
                    (true, false) => 129,
                };
                let [high, low] = id.to_be_bytes();
                (icmp, vec![kind, 0, 0, 0, high, low, 0, 1, 1, 2, 3, 4])
            }
            Body::Error { cited, kind, .. } => {
                let mut message = vec![*kind, 0, 0, 0, 0, 0, 0, 0];
                let cited = cited.bytes();
                message.extend_from_slice(&cited[..cited.len().min(160)]);
                (icmp, message)
            }
            Body::OtherIcmp => (icmp, vec![if self.v6 { 137 } else { 5 }, 0, 0, 0, 0, 0, 0, 0]),
            Body::Gre => (47, vec![0; 12]),
        }
    }
}

/// The host's address and the peer's.
pub(crate) fn addresses_of(peer: u8, v6: bool) -> (IpAddr, IpAddr) {
    if v6 {
        let v6 = |n: u8| IpAddr::V6(Ipv6Addr::new(0x200, 0, 0, 0, 0, 0, 0, n.into()));
        (v6(0xff), v6(peer))
    } else {
        let v4 = |n: u8| IpAddr::V4(Ipv4Addr::new(100, 64, 0, n));
        (v4(0xff), v4(peer))
    }
}

fn sum(pseudo: &[u8], bytes: &[u8]) -> u16 {
    let mut sum = 0u32;
    for pair in pseudo.chunks(2).chain(bytes.chunks(2)) {
        sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
