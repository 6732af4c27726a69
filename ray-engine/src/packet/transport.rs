//! The upper-layer header: its length claims and its ports, and what a fragment may do to it.

use super::{
    Fragment, Malformed, icmp,
    tcp::{self, Flags},
    udp,
};

pub const ICMP: u8 = 1;
pub const TCP: u8 = 6;
pub const UDP: u8 = 17;
pub const ICMPV6: u8 = 58;

const DATAGRAM_MAX: usize = 65_535;

/// Reads the ports, if there are any, and checks the header's length claims against `payload`.
pub(super) fn read(protocol: u8, payload: &[u8], fragment: Fragment) -> Result<Option<(u16, u16)>, Malformed> {
    let short = match fragment {
        Fragment::Later => return Ok(None),
        Fragment::First => Malformed::TinyFragment,
        Fragment::Whole => Malformed::ShortTransport,
    };
    match protocol {
        TCP => {
            let header = payload.first_chunk().ok_or(short)?;
            let header_len = tcp::header_len(header);
            if header_len < tcp::HEADER_MIN {
                return Err(Malformed::TcpHeaderLength);
            }
            if header_len > payload.len() {
                return Err(if fragment == Fragment::First { short } else { Malformed::TcpHeaderLength });
            }
            if !Flags::read(header[tcp::FLAGS_AT]).possible() {
                return Err(Malformed::TcpFlags);
            }
            Ok(Some(ports(header)))
        }
        UDP => {
            let header = payload.first_chunk().ok_or(short)?;
            let claimed = udp::length(header);
            let honest = match fragment {
                Fragment::Whole => claimed == payload.len(),
                Fragment::First | Fragment::Later => claimed > payload.len(),
            };
            if honest { Ok(Some(ports(header))) } else { Err(Malformed::UdpLength) }
        }
        ICMP | ICMPV6 if payload.len() < icmp::HEADER_LEN => Err(short),
        _ => Ok(None),
    }
}

/// Judges a fragment by its offset (in units of eight bytes) and size.
pub(super) fn fragment(offset: u16, more: bool, protocol: u8, payload_len: usize) -> Result<Fragment, Malformed> {
    if offset == 0 && !more {
        return Ok(Fragment::Whole);
    }
    let start = usize::from(offset) * 8;
    if payload_len == 0 || (more && !payload_len.is_multiple_of(8)) || start + payload_len > DATAGRAM_MAX {
        return Err(Malformed::FragmentBounds);
    }
    if offset == 0 {
        return Ok(Fragment::First);
    }
    // It would overwrite ports or flags of a header that was already judged (RFC 1858).
    if protocol == TCP && start < tcp::HEADER_MIN {
        return Err(Malformed::TinyFragment);
    }
    Ok(Fragment::Later)
}

fn ports<const N: usize>(header: &[u8; N]) -> (u16, u16) {
    const { assert!(N >= 4) };
    (u16::from_be_bytes([header[0], header[1]]), u16::from_be_bytes([header[2], header[3]]))
}
