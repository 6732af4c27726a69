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
const TUN_GROUP: u16 = 2;
const TUN_TYPE: u16 = 3;
const TUN_PI: u16 = 4;
const TUN_VNET_HDR: u16 = 5;
const TUN_PERSIST: u16 = 6;
const TUN_MULTI_QUEUE: u16 = 7;
const TUN_NUM_QUEUES: u16 = 8;
const TUN_NUM_DISABLED_QUEUES: u16 = 9;

/// `IFLA_TUN_TYPE` of a device that carries IP packets; one that carries Ethernet frames has another.
const TYPE_TUN: u32 = 1;
/// The alias of every device that the helper has made. Only root can give one to an interface.
const MARK: &str = "rayfish";

/// What the kernel says of an interface that may be a TUN device of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TunState {
    pub(super) ifindex: u32,
    pub(super) mtu: u16,
    /// It carries IP packets in and out of queues of the kind that the helper opens.
    pub(super) tun: bool,
    /// A helper made it.
    pub(super) marked: bool,
    /// Root owns it, no group does, and it goes with its last queue.
    pub(super) unclaimed: bool,
    /// Attached or not.
    pub(super) queues: u32,
}

impl TunState {
    /// Whether this is how the helper makes a device of so many queues, all but the mark.
    pub(super) fn is_as_made(&self, queues: u32) -> bool {
        self.tun && self.unclaimed && self.queues == queues
    }
}

/// Looks an interface up by its name: straight after its creation, and for one that a predecessor made.
pub(super) fn find(netlink: &mut Netlink, name: &str) -> Result<Option<TunState>, Failure> {
    let mut request = LinkMessage::default();
    request.attributes.push(LinkAttribute::IfName(name.to_owned()));
    match netlink.get(RouteNetlinkMessage::GetLink(request)) {
        Ok(Some(RouteNetlinkMessage::NewLink(link))) => Ok(Some(tun_state(&link))),
        Ok(_) => Err(Failure { step: "looking the device up", errno: Errno::EBADMSG }),
        Err(Errno::ENODEV) => Ok(None),
        Err(errno) => Err(Failure { step: "looking the device up", errno }),
    }
}

/// Marks the interface as ours.
pub(super) fn mark(netlink: &mut Netlink, ifindex: u32) -> Result<(), Failure> {
    let mut link = addressed(ifindex);
    link.attributes.push(LinkAttribute::IfAlias(MARK.to_owned()));
    netlink.change(RouteNetlinkMessage::SetLink(link), 0).map_err(Failure::at("marking the device"))
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
    let mtu = link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::Mtu(mtu) => u16::try_from(*mtu).ok(),
        _ => None,
    });
    TunState {
        ifindex: link.header.index,
        mtu: mtu.unwrap_or(0),
        tun: [(TUN_TYPE, TYPE_TUN), (TUN_PI, 0), (TUN_VNET_HDR, 1), (TUN_MULTI_QUEUE, 1)]
            .iter()
            .all(|(kind, expected)| number(*kind) == Some(*expected)),
        marked: link.attributes.contains(&LinkAttribute::IfAlias(MARK.to_owned())),
        unclaimed: number(TUN_OWNER) == Some(0) && number(TUN_GROUP).is_none() && number(TUN_PERSIST) == Some(0),
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
