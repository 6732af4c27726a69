//! The device as a link: its index, its settings, up or down, gone.

use netlink_packet_core::Nla;
use netlink_packet_route::{
    RouteNetlinkMessage,
    link::{
        AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoData, InfoTun, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
    },
};
use nix::errno::Errno;
use ray_ipc::helper::LinkState;

use super::Failure;
use crate::sys::netlink::Netlink;

/// Attributes that the TUN driver tells of a device (`IFLA_TUN_*`).
const TUN_OWNER: u16 = 1;
const TUN_PERSIST: u16 = 6;
const TUN_NUM_QUEUES: u16 = 8;
const TUN_NUM_DISABLED_QUEUES: u16 = 9;

/// What the kernel says of a TUN device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TunState {
    pub(super) ifindex: u32,
    pub(super) owner: Option<u32>,
    pub(super) persistent: bool,
    pub(super) queues: u32,
}

/// Looks a TUN device up by its name, which is done once, straight after its creation.
pub(super) fn find(netlink: &mut Netlink, name: &str) -> Result<TunState, Failure> {
    let mut request = LinkMessage::default();
    request.attributes.push(LinkAttribute::IfName(name.to_owned()));
    let answer = netlink.get(RouteNetlinkMessage::GetLink(request)).map_err(Failure::at("looking the device up"))?;
    match answer {
        Some(RouteNetlinkMessage::NewLink(link)) => Ok(tun_state(&link)),
        _ => Err(Failure { step: "looking the device up", errno: Errno::EBADMSG }),
    }
}

/// Whether the interface `ifindex` exists.
pub(super) fn exists(netlink: &mut Netlink, ifindex: u32) -> Result<bool, Failure> {
    match netlink.get(RouteNetlinkMessage::GetLink(addressed(ifindex))) {
        Ok(_) => Ok(true),
        Err(Errno::ENODEV) => Ok(false),
        Err(errno) => Err(Failure { step: "looking the device up", errno }),
    }
}

/// Sets the MTU.
pub(super) fn set_mtu(netlink: &mut Netlink, ifindex: u32, mtu: u16) -> Result<(), Failure> {
    let mut link = addressed(ifindex);
    link.attributes.push(LinkAttribute::Mtu(mtu.into()));
    netlink.change(RouteNetlinkMessage::SetLink(link), 0).map_err(Failure::at("setting the MTU"))
}

/// Keeps the kernel from making an IPv6 link-local address, and so from asking for routers on a link that has none.
pub(super) fn forbid_link_local(netlink: &mut Netlink, ifindex: u32) -> Result<(), Failure> {
    let mut link = addressed(ifindex);
    let mode = AfSpecInet6::AddrGenMode(In6AddrGenMode::None);
    link.attributes.push(LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(vec![mode])]));
    netlink.change(RouteNetlinkMessage::SetLink(link), 0).map_err(Failure::at("switching link-local addresses off"))
}

/// Brings the link up or down.
pub(super) fn set_state(netlink: &mut Netlink, ifindex: u32, state: LinkState) -> Result<(), Failure> {
    let mut link = addressed(ifindex);
    link.header.change_mask = LinkFlags::Up;
    let step = match state {
        LinkState::Up => {
            link.header.flags = LinkFlags::Up;
            "bringing the link up"
        }
        LinkState::Down => "bringing the link down",
    };
    netlink.change(RouteNetlinkMessage::SetLink(link), 0).map_err(Failure::at(step))
}

/// Deletes the interface `ifindex`, whoever holds its queues.
pub fn delete(netlink: &mut Netlink, ifindex: u32) -> Result<(), Failure> {
    netlink.change(RouteNetlinkMessage::DelLink(addressed(ifindex)), 0).map_err(Failure::at("deleting the device"))
}

fn addressed(ifindex: u32) -> LinkMessage {
    let mut link = LinkMessage::default();
    link.header.index = ifindex;
    link
}

fn tun_state(link: &LinkMessage) -> TunState {
    let infos = link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => Some(infos.as_slice()),
        _ => None,
    });
    let tun: &[InfoTun] = infos
        .unwrap_or_default()
        .iter()
        .find_map(|info| match info {
            LinkInfo::Data(InfoData::Tun(tun)) => Some(tun.as_slice()),
            _ => None,
        })
        .unwrap_or_default();
    let number = |kind| tun.iter().find(|info| info.kind() == kind).map(value_of);
    TunState {
        ifindex: link.header.index,
        owner: number(TUN_OWNER),
        persistent: number(TUN_PERSIST).is_none_or(|flag| flag != 0),
        queues: number(TUN_NUM_QUEUES).unwrap_or(0).saturating_add(number(TUN_NUM_DISABLED_QUEUES).unwrap_or(0)),
    }
}

/// A number of one or four bytes, in the host's order.
fn value_of(info: &InfoTun) -> u32 {
    let mut bytes = vec![0; info.value_len()];
    info.emit_value(&mut bytes);
    match bytes.as_slice() {
        [byte] => u32::from(*byte),
        [a, b, c, d] => u32::from_ne_bytes([*a, *b, *c, *d]),
        _ => 0,
    }
}
