//! The routing rules that forbid a user to send somewhere.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use nix::{libc, sys::socket::SockProtocol};

use super::netlink::{attributes, dump, u32_at};

/// A destination that one user's packets may not go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cmd::doctor) struct Prohibition {
    pub(in crate::cmd::doctor) uid: u32,
    pub(in crate::cmd::doctor) destination: IpAddr,
    pub(in crate::cmd::doctor) prefix: u8,
}

const GET_RULE: u16 = 34;
/// Family, two prefix lengths, type of service, table, two reserved, action, flags.
const HEADER: usize = 12;
const PREFIX_AT: usize = 1;
const ACTION_AT: usize = 7;
const PROHIBIT: u8 = 8;
const DESTINATION: u16 = 1;
const UID_RANGE: u16 = 20;

/// Those of a family.
pub(in crate::cmd::doctor) fn prohibitions(v4: bool) -> io::Result<Vec<Prohibition>> {
    let family = if v4 { libc::AF_INET } else { libc::AF_INET6 };
    let mut request = [0; HEADER];
    request[0] = u8::try_from(family).unwrap_or_default();
    let rules = dump(SockProtocol::NetlinkRoute, GET_RULE, &request)?;
    Ok(rules.iter().filter_map(|body| parse(body)).collect())
}

fn parse(body: &[u8]) -> Option<Prohibition> {
    let (header, rest) = body.split_at_checked(HEADER)?;
    if header.get(ACTION_AT) != Some(&PROHIBIT) {
        return None;
    }
    let attributes = attributes(rest);
    let value = |kind| attributes.iter().find(|(found, _)| *found == kind).map(|(_, value)| *value);
    let range = value(UID_RANGE)?;
    let (first, last) = (u32_at(range, 0)?, u32_at(range, 4)?);
    let destination = match value(DESTINATION)? {
        octets if octets.len() == 4 => Ipv4Addr::from(*octets.first_chunk::<4>()?).into(),
        octets => Ipv6Addr::from(*octets.first_chunk::<16>()?).into(),
    };
    (first == last).then_some(Prohibition { uid: first, destination, prefix: *header.get(PREFIX_AT)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_prohibition_and_no_other_rule() {
        let mut body = vec![2, 10, 0, 0, 0, 0, 0, PROHIBIT, 0, 0, 0, 0];
        body.extend([8, 0, 1, 0, 100, 64, 0, 0]);
        body.extend([12, 0, 20, 0]);
        body.extend(977u32.to_ne_bytes());
        body.extend(977u32.to_ne_bytes());
        let expected = Prohibition { uid: 977, destination: Ipv4Addr::new(100, 64, 0, 0).into(), prefix: 10 };
        assert_eq!(parse(&body).filter(|_| cfg!(target_endian = "little")), Some(expected));
        body[ACTION_AT] = 1;
        assert_eq!(parse(&body), None);
    }

    #[test]
    fn every_user_may_ask_for_the_rules() {
        assert!(prohibitions(true).is_ok() && prohibitions(false).is_ok());
    }
}
