//! The IPv4 header: every field that could mislead a check behind it is refused here.

use std::net::{IpAddr, Ipv4Addr};

use super::{Fragment, Layout, Malformed, Piece, checksum, transport};

/// Of a header without options.
pub(crate) const HEADER_MIN: usize = 20;
pub(crate) const TOTAL_LEN_AT: usize = 2;
pub(crate) const ID_AT: usize = 4;
pub(crate) const CHECKSUM_AT: usize = 10;
/// What every host takes (RFC 791, as hosts understand it).
pub(crate) const MTU_MIN: u16 = 576;

/// In the field of [`fragment_field`], as is the offset.
pub(super) const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const OFFSET_MASK: u16 = 0x1fff;

const OPTION_END: u8 = 0;
const OPTION_NOP: u8 = 1;
const OPTION_LOOSE_ROUTE: u8 = 131;
const OPTION_STRICT_ROUTE: u8 = 137;

pub(super) fn read(bytes: &[u8]) -> Result<Layout, Malformed> {
    let Some(fixed) = bytes.first_chunk::<HEADER_MIN>() else {
        return Err(Malformed::ShortHeader);
    };
    let header_len = usize::from(fixed[0] & 0x0f) * 4;
    if header_len < HEADER_MIN {
        return Err(Malformed::HeaderLength);
    }
    let Some((header, payload)) = bytes.split_at_checked(header_len) else {
        return Err(Malformed::ShortHeader);
    };
    if total_len(fixed) != bytes.len() {
        return Err(Malformed::TotalLength);
    }
    if checksum::of(header) != 0 {
        return Err(Malformed::HeaderChecksum);
    }
    check_options(header.get(HEADER_MIN..).unwrap_or_default())?;
    let protocol = fixed[9];
    let (offset, more) = (fragment_offset(fixed), fragment_field(fixed) & MORE_FRAGMENTS != 0);
    let fragment = transport::fragment(offset, more, protocol, payload.len())?;
    Ok(Layout {
        src: IpAddr::V4(Ipv4Addr::new(fixed[12], fixed[13], fixed[14], fixed[15])),
        dst: IpAddr::V4(Ipv4Addr::new(fixed[16], fixed[17], fixed[18], fixed[19])),
        protocol,
        transport_at: header_len,
        fragment,
        piece: (fragment != Fragment::Whole).then(|| Piece::new(id(fixed).into(), offset, payload.len(), more)),
        ports: transport::read(protocol, payload, fragment)?,
    })
}

pub(super) fn total_len(header: &[u8; HEADER_MIN]) -> usize {
    usize::from(u16::from_be_bytes([header[TOTAL_LEN_AT], header[TOTAL_LEN_AT + 1]]))
}

pub(super) fn id(header: &[u8; HEADER_MIN]) -> u16 {
    u16::from_be_bytes([header[ID_AT], header[ID_AT + 1]])
}

/// Flags and offset.
pub(super) fn fragment_field(header: &[u8; HEADER_MIN]) -> u16 {
    u16::from_be_bytes([header[6], header[7]])
}

/// In units of eight bytes.
pub(super) fn fragment_offset(header: &[u8; HEADER_MIN]) -> u16 {
    fragment_field(header) & OFFSET_MASK
}

fn check_options(mut options: &[u8]) -> Result<(), Malformed> {
    while let Some((&kind, rest)) = options.split_first() {
        match kind {
            OPTION_END => return Ok(()),
            OPTION_NOP => options = rest,
            OPTION_LOOSE_ROUTE | OPTION_STRICT_ROUTE => return Err(Malformed::SourceRoute),
            _ => {
                let len = rest.first().map_or(0, |len| usize::from(*len));
                if len < 2 {
                    return Err(Malformed::BadOption);
                }
                options = options.get(len..).ok_or(Malformed::BadOption)?;
            }
        }
    }
    Ok(())
}
