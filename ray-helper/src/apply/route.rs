//! The device's routes: of our protocol number, in the main table, on our device's index.

use std::{collections::BTreeSet, net::IpAddr};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    route::{RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType},
};

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
