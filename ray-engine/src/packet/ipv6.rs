//! The IPv6 header and its chain of extension headers.

use std::net::{IpAddr, Ipv6Addr};

use super::{Fragment, Layout, Malformed, Piece, transport};

/// Of the header alone.
pub(crate) const HEADER_LEN: usize = 40;
pub(crate) const PAYLOAD_LEN_AT: usize = 4;
/// What every link takes (RFC 8200, 5).
pub(crate) const MTU_MIN: u16 = 1280;
/// RFC 8200 names seven, one of them twice; nothing real comes near.
const EXTENSIONS_MAX: usize = 8;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;

const OPTION_PAD1: u8 = 0;
const OPTION_JUMBO: u8 = 0xc2;

pub(super) fn read(bytes: &[u8]) -> Result<Layout, Malformed> {
    let Some(fixed) = bytes.first_chunk::<HEADER_LEN>() else {
        return Err(Malformed::ShortHeader);
    };
    let payload_len = payload_len(fixed);
    if payload_len == 0 && fixed[6] == HOP_BY_HOP {
        return Err(Malformed::Jumbo);
    }
    if HEADER_LEN + payload_len != bytes.len() {
        return Err(Malformed::TotalLength);
    }
    let chain = walk(bytes, fixed[6])?;
    let payload = bytes.get(chain.transport_at..).unwrap_or_default();
    Ok(Layout {
        src: address(fixed, 8),
        dst: address(fixed, 24),
        protocol: chain.protocol,
        transport_at: chain.transport_at,
        fragment: chain.fragment,
        piece: chain.piece,
        ports: transport::read(chain.protocol, payload, chain.fragment)?,
    })
}

pub(super) fn payload_len(header: &[u8; HEADER_LEN]) -> usize {
    usize::from(u16::from_be_bytes([header[PAYLOAD_LEN_AT], header[PAYLOAD_LEN_AT + 1]]))
}

pub(super) struct Chain {
    pub(super) protocol: u8,
    pub(super) transport_at: usize,
    pub(super) fragment: Fragment,
    piece: Option<Piece>,
}

/// Follows the extension headers from `first` on. `bytes` begins with the IPv6 header.
pub(super) fn walk(bytes: &[u8], first: u8) -> Result<Chain, Malformed> {
    let mut chain = Chain { protocol: first, transport_at: HEADER_LEN, fragment: Fragment::Whole, piece: None };
    let mut fragment_seen = false;
    for _ in 0..=EXTENSIONS_MAX {
        let rest = bytes.get(chain.transport_at..).unwrap_or_default();
        let len = match chain.protocol {
            HOP_BY_HOP | DESTINATION => {
                if chain.protocol == HOP_BY_HOP && chain.transport_at != HEADER_LEN {
                    return Err(Malformed::ExtensionOrder);
                }
                let len = extension_len(rest, 8, 8)?;
                check_options(rest.get(2..len).ok_or(Malformed::ExtensionLength)?)?;
                len
            }
            // A mesh host has one hop and one address; whatever the type, it is there to evade a check.
            ROUTING => return Err(Malformed::RoutingHeader),
            AUTHENTICATION => extension_len(rest, 8, 4)?,
            FRAGMENT => {
                if fragment_seen {
                    return Err(Malformed::ExtensionOrder);
                }
                fragment_seen = true;
                let header = rest.first_chunk::<8>().ok_or(Malformed::ExtensionLength)?;
                let field = u16::from_be_bytes([header[2], header[3]]);
                let payload_len = rest.len() - header.len();
                chain.fragment = transport::fragment(field >> 3, field & 1 != 0, header[0], payload_len)?;
                if chain.fragment != Fragment::Whole {
                    let id = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
                    chain.piece = Some(Piece::new(id, field >> 3, payload_len, field & 1 != 0));
                }
                if chain.fragment == Fragment::Later {
                    chain.protocol = header[0];
                    chain.transport_at += header.len();
                    return Ok(chain);
                }
                header.len()
            }
            _ => return Ok(chain),
        };
        chain.protocol = *rest.first().ok_or(Malformed::ExtensionLength)?;
        chain.transport_at += len;
        if chain.transport_at > bytes.len() {
            return Err(Malformed::ExtensionLength);
        }
    }
    Err(Malformed::ExtensionCount)
}

/// The length of a header whose second byte counts units of `unit` bytes beyond the first eight.
fn extension_len(rest: &[u8], base: usize, unit: usize) -> Result<usize, Malformed> {
    let count = *rest.get(1).ok_or(Malformed::ExtensionLength)?;
    Ok(base + usize::from(count) * unit)
}

fn check_options(mut options: &[u8]) -> Result<(), Malformed> {
    while let Some((&kind, rest)) = options.split_first() {
        match kind {
            OPTION_PAD1 => options = rest,
            OPTION_JUMBO => return Err(Malformed::Jumbo),
            _ => {
                let (&len, body) = rest.split_first().ok_or(Malformed::BadOption)?;
                options = body.get(usize::from(len)..).ok_or(Malformed::BadOption)?;
            }
        }
    }
    Ok(())
}

fn address(header: &[u8; HEADER_LEN], at: usize) -> IpAddr {
    let octets: [u8; 16] = std::array::from_fn(|i| header[at + i]);
    IpAddr::V6(Ipv6Addr::from(octets))
}
