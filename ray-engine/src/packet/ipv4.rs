//! The IPv4 header: every field that could mislead a check behind it is refused here.

use std::net::{IpAddr, Ipv4Addr};

use super::{Fragment, Layout, Malformed, Piece, checksum, transport};

const HEADER_MIN: usize = 20;
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
    if usize::from(u16::from_be_bytes([fixed[2], fixed[3]])) != bytes.len() {
        return Err(Malformed::TotalLength);
    }
    if checksum::of(header) != 0 {
        return Err(Malformed::HeaderChecksum);
    }
    check_options(header.get(HEADER_MIN..).unwrap_or_default())?;
    let protocol = fixed[9];
    let field = u16::from_be_bytes([fixed[6], fixed[7]]);
    let (offset, more) = (field & OFFSET_MASK, field & MORE_FRAGMENTS != 0);
    let fragment = transport::fragment(offset, more, protocol, payload.len())?;
    let id = u32::from(u16::from_be_bytes([fixed[4], fixed[5]]));
    Ok(Layout {
        src: IpAddr::V4(Ipv4Addr::new(fixed[12], fixed[13], fixed[14], fixed[15])),
        dst: IpAddr::V4(Ipv4Addr::new(fixed[16], fixed[17], fixed[18], fixed[19])),
        protocol,
        transport_at: header_len,
        fragment,
        piece: (fragment != Fragment::Whole).then(|| Piece::new(id, offset, payload.len(), more)),
        ports: transport::read(protocol, payload, fragment)?,
    })
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
