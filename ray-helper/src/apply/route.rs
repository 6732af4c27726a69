//! The device's routes: of our protocol number, in the main table, on our device's index.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    route::{RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType, RouteVia},
};

use nix::errno::Errno;

use super::{
    Failure, Held, Setback,
    converge::{Change, converge},
    rule::PROTOCOL,
};
use crate::{prefix::Prefix, sys::netlink::Netlink};

/// Makes our routes through `ifindex` exactly `desired`.
///
/// A destination that another interface serves already is a failure: a route is never taken from its owner.
pub(super) fn replace(netlink: &mut Netlink, ifindex: u32, desired: &BTreeSet<Prefix>) -> Result<(), Setback> {
    let current = held_by(netlink, ifindex)?;
    converge(&current, desired, |change| {
        let (message, flags, step) = match change {
            Change::Add(prefix) => {
                (RouteNetlinkMessage::NewRoute(route(ifindex, prefix)), NLM_F_CREATE | NLM_F_EXCL, "adding a route")
            }
            Change::Remove(prefix) => (RouteNetlinkMessage::DelRoute(route(ifindex, prefix)), 0, "removing a route"),
        };
        netlink.change(message, flags).map_err(Failure::at(step))
    })
}

/// Addresses of the documentation's, which nobody holds: the way to them is the default route.
const FAR_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const FAR_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// The gateways of the default routes in use. Asked for by a lookup each, so that a host with a full routing table is not
/// read through.
pub(super) fn gateways(netlink: &mut Netlink) -> Result<Vec<IpAddr>, Failure> {
    let mut gateways = Vec::new();
    for far in [IpAddr::V4(FAR_V4), IpAddr::V6(FAR_V6)] {
        let mut request = RouteMessage::default();
        (request.header.address_family, request.header.destination_prefix_length) =
            if far.is_ipv4() { (AddressFamily::Inet, 32) } else { (AddressFamily::Inet6, 128) };
        request.attributes.push(RouteAttribute::Destination(far.into()));
        match netlink.get(RouteNetlinkMessage::GetRoute(request)) {
            Ok(Some(RouteNetlinkMessage::NewRoute(route))) => gateways.extend(gateway(&route)),
            Ok(_) => {}
            // Without a default route there is no gateway to keep.
            Err(Errno::ENETUNREACH | Errno::EHOSTUNREACH | Errno::EACCES | Errno::EINVAL) => {}
            Err(errno) => return Err(Failure { step: "looking the default route up", errno }),
        }
    }
    Ok(gateways)
}

fn gateway(route: &RouteMessage) -> Option<IpAddr> {
    route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Gateway(RouteAddress::Inet(v4)) => Some(IpAddr::V4(*v4)),
        RouteAttribute::Gateway(RouteAddress::Inet6(v6)) => Some(IpAddr::V6(*v6)),
        RouteAttribute::Via(RouteVia::Inet(v4)) => Some(IpAddr::V4(*v4)),
        RouteAttribute::Via(RouteVia::Inet6(v6)) => Some(IpAddr::V6(*v6)),
        _ => None,
    })
}

fn held_by(netlink: &mut Netlink, ifindex: u32) -> Held<Prefix> {
    let mut held = BTreeSet::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut request = ours(ifindex);
        request.header.address_family = family;
        let answers = netlink.dump(&RouteNetlinkMessage::GetRoute(request)).map_err(Failure::at("listing routes"))?;
        held.extend(answers.iter().filter_map(|answer| match answer {
            RouteNetlinkMessage::NewRoute(message) => our_prefix(ifindex, message),
            _ => None,
        }));
    }
    Ok(held)
}

fn route(ifindex: u32, prefix: Prefix) -> RouteMessage {
    let mut message = ours(ifindex);
    message.header.kind = RouteType::Unicast;
    message.header.destination_prefix_length = prefix.len_bits();
    let destination = match prefix.network() {
        IpAddr::V4(v4) => {
            message.header.address_family = AddressFamily::Inet;
            // Everything behind the device is one hop away.
            message.header.scope = RouteScope::Link;
            RouteAddress::Inet(v4)
        }
        IpAddr::V6(v6) => {
            message.header.address_family = AddressFamily::Inet6;
            RouteAddress::Inet6(v6)
        }
    };
    message.attributes.push(RouteAttribute::Destination(destination));
    message
}

/// What all our routes have in common.
fn ours(ifindex: u32) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::Other(PROTOCOL);
    message.attributes = vec![RouteAttribute::Oif(ifindex)];
    message
}

/// The destination of `message` where it is one of ours; the kernel's filter is not relied upon.
fn our_prefix(ifindex: u32, message: &RouteMessage) -> Option<Prefix> {
    let ours = message.header.protocol == RouteProtocol::Other(PROTOCOL)
        && message.header.table == RouteHeader::RT_TABLE_MAIN
        && message.attributes.contains(&RouteAttribute::Oif(ifindex));
    if !ours {
        return None;
    }
    let destination = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(RouteAddress::Inet(v4)) => Some(IpAddr::V4(*v4)),
        RouteAttribute::Destination(RouteAddress::Inet6(v6)) => Some(IpAddr::V6(*v6)),
        _ => None,
    })?;
    Prefix::new(destination, message.header.destination_prefix_length)
}
