//! The packet inside an ICMP error: its beginning only, so that lengths and checksums mean nothing here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    Fragment, ICMP, ICMPV6, TCP, UDP, icmp, ipv4,
    ipv6::{self, HEADER_LEN},
};

/// Which packet an error is about, as its sender wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cited {
    pub src: IpAddr,
    pub dst: IpAddr,
    pub protocol: u8,
    pub kind: CitedKind,
}

/// What names the flow of a cited packet, beside addresses and protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CitedKind {
    /// TCP or UDP.
    Ports {
        src: u16,
        dst: u16,
    },
    Echo {
        id: u16,
        request: bool,
    },
    /// A protocol without ports.
    Other,
}

/// `None` for what belongs to no flow: another ICMP message, a later fragment, a header that is not there.
pub(super) fn read(bytes: &[u8]) -> Option<Cited> {
    let (src, dst, protocol, transport) = match bytes.first()? >> 4 {
        4 => v4(bytes)?,
        6 => v6(bytes)?,
        _ => return None,
    };
    let kind = match (protocol, src) {
        (TCP | UDP, _) => {
            let ports = transport.first_chunk::<4>()?;
            CitedKind::Ports {
                src: u16::from_be_bytes([ports[0], ports[1]]),
                dst: u16::from_be_bytes([ports[2], ports[3]]),
            }
        }
        (ICMP, IpAddr::V4(_)) | (ICMPV6, IpAddr::V6(_)) => {
            let header = transport.first_chunk::<6>()?;
            let request = icmp::echo_kind(src.is_ipv4(), header[0])?;
            CitedKind::Echo { id: u16::from_be_bytes([header[4], header[5]]), request }
        }
        (ICMP | ICMPV6, _) => return None,
        _ => CitedKind::Other,
    };
    Some(Cited { src, dst, protocol, kind })
}

type Read<'a> = (IpAddr, IpAddr, u8, &'a [u8]);

fn v4(bytes: &[u8]) -> Option<Read<'_>> {
    let fixed = bytes.first_chunk::<{ ipv4::HEADER_MIN }>()?;
    let header_len = usize::from(fixed[0] & 0x0f) * 4;
    if header_len < fixed.len() || ipv4::fragment_offset(fixed) != 0 {
        return None;
    }
    let src = Ipv4Addr::new(fixed[12], fixed[13], fixed[14], fixed[15]);
    let dst = Ipv4Addr::new(fixed[16], fixed[17], fixed[18], fixed[19]);
    Some((src.into(), dst.into(), fixed[9], bytes.get(header_len..)?))
}

fn v6(bytes: &[u8]) -> Option<Read<'_>> {
    let fixed = bytes.first_chunk::<HEADER_LEN>()?;
    let address = |at: usize| {
        let octets: [u8; 16] = std::array::from_fn(|i| fixed.get(at + i).copied().unwrap_or_default());
        IpAddr::V6(Ipv6Addr::from(octets))
    };
    // A cut fragment shows too little of its datagram for the walk's bounds; such an error is about no known flow.
    let chain = ipv6::walk(bytes, fixed[6]).ok().filter(|chain| chain.fragment != Fragment::Later)?;
    Some((address(8), address(24), chain.protocol, bytes.get(chain.transport_at..)?))
}
