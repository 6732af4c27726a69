//! The device's addresses: each a host address, because what lies behind the device is for routes to say.

use std::{collections::BTreeSet, net::IpAddr};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressHeaderFlags, AddressMessage},
};

use super::{
    Failure, Held, Setback,
    converge::{Change, converge},
};
use crate::{prefix::Prefix, sys::netlink::Netlink};

/// Makes the addresses of `ifindex` exactly `desired`.
pub(super) fn replace(netlink: &mut Netlink, ifindex: u32, desired: &BTreeSet<IpAddr>) -> Result<(), Setback> {
    let current = held_by(netlink, ifindex)?;
    converge(&current, desired, |change| {
        let (message, flags, step) = match change {
            Change::Add(address) => (
                RouteNetlinkMessage::NewAddress(host_address(ifindex, address)),
                NLM_F_CREATE | NLM_F_EXCL,
                "adding an address",
            ),
            Change::Remove(address) => {
                (RouteNetlinkMessage::DelAddress(host_address(ifindex, address)), 0, "removing an address")
            }
        };
        netlink.change(message, flags).map_err(Failure::at(step))
    })
}

/// Whether an interface other than `own` holds an address inside one of `prefixes`.
pub(super) fn held_elsewhere(netlink: &mut Netlink, own: Option<u32>, prefixes: &[Prefix]) -> Result<bool, Failure> {
    let elsewhere = elsewhere(netlink, own)?;
    Ok(elsewhere.into_iter().any(|address| prefixes.iter().any(|prefix| prefix.contains(address))))
}

/// The addresses of every interface but `own`.
pub(super) fn elsewhere(netlink: &mut Netlink, own: Option<u32>) -> Result<Vec<IpAddr>, Failure> {
    let all = dump(netlink, 0)?;
    Ok(all.iter().filter(|message| Some(message.header.index) != own).filter_map(local_address).collect())
}

pub(super) fn held_by(netlink: &mut Netlink, ifindex: u32) -> Held<IpAddr> {
    let messages = dump(netlink, ifindex)?;
    Ok(messages.iter().filter(|message| message.header.index == ifindex).filter_map(local_address).collect())
}

/// All addresses of `ifindex`, or of every interface where it is 0.
fn dump(netlink: &mut Netlink, ifindex: u32) -> Result<Vec<AddressMessage>, Failure> {
    let mut addresses = Vec::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut request = AddressMessage::default();
        request.header.family = family;
        request.header.index = ifindex;
        let answers =
            netlink.dump(&RouteNetlinkMessage::GetAddress(request)).map_err(Failure::at("listing addresses"))?;
        addresses.extend(answers.into_iter().filter_map(|answer| match answer {
            RouteNetlinkMessage::NewAddress(message) => Some(message),
            _ => None,
        }));
    }
    Ok(addresses)
}

/// The interface's own address: on a link with a peer the other attribute is the peer's.
fn local_address(message: &AddressMessage) -> Option<IpAddr> {
    let local = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    });
    local.or_else(|| {
        message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Address(address) => Some(*address),
            _ => None,
        })
    })
}

fn host_address(ifindex: u32, address: IpAddr) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.index = ifindex;
    (message.header.family, message.header.prefix_len) = match address {
        IpAddr::V4(_) => (AddressFamily::Inet, 32),
        IpAddr::V6(_) => (AddressFamily::Inet6, 128),
    };
    if address.is_ipv6() {
        // There is no neighbour that could hold it too, and the wait would delay the first packet.
        message.header.flags = AddressHeaderFlags::Nodad;
    }
    message.attributes = vec![AddressAttribute::Local(address), AddressAttribute::Address(address)];
    message
}
