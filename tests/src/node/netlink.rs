//! The few rtnetlink requests that build a switch and plug nodes into it, in the caller's network namespace.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressHeaderFlags, AddressMessage},
    link::{InfoBridge, InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage},
    route::{RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType},
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::net::if_::if_nametoindex;

/// An acknowledgement is far shorter.
const REPLY_LEN_MAX: usize = 8192;

/// A request that the kernel refused or that could not be made.
#[derive(Debug)]
pub struct NetlinkError {
    what: String,
    cause: io::Error,
}

impl fmt::Display for NetlinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for NetlinkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

/// A connection to the kernel's routing tables of one network namespace.
pub struct Netlink {
    socket: Socket,
}

impl fmt::Debug for Netlink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Netlink")
    }
}

impl Netlink {
    pub fn open() -> Result<Self, NetlinkError> {
        let open = || {
            let socket = Socket::new(NETLINK_ROUTE)?;
            socket.connect(&SocketAddr::new(0, 0))?;
            Ok(Self { socket })
        };
        open().map_err(failed("opening a netlink socket"))
    }

    /// Makes a switch that floods multicast: there is no querier that could teach it better.
    pub fn add_bridge(&self, name: &str) -> Result<(), NetlinkError> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::IfName(name.to_owned()));
        message.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Bridge),
            LinkInfo::Data(InfoData::Bridge(vec![InfoBridge::MulticastSnooping(false)])),
        ]));
        self.create(RouteNetlinkMessage::NewLink(message), format!("making the bridge {name}"))
    }

    /// Makes a cable from `port` of the switch to `peer` in the network namespace of the process `pid`.
    pub fn add_cable(&self, port: &str, switch: &str, peer: &str, pid: i32) -> Result<(), NetlinkError> {
        let what = format!("plugging {port} into {switch}");
        let mut far = LinkMessage::default();
        far.attributes.push(LinkAttribute::IfName(peer.to_owned()));
        far.attributes.push(LinkAttribute::NetNsPid(pid.unsigned_abs()));
        let mut near = LinkMessage::default();
        near.attributes.push(LinkAttribute::IfName(port.to_owned()));
        near.attributes.push(LinkAttribute::Controller(index(switch)?));
        near.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(far))),
        ]));
        self.create(RouteNetlinkMessage::NewLink(near), what)
    }

    pub fn set_link(&self, name: &str, up: bool) -> Result<(), NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = index(name)?;
        message.header.change_mask = LinkFlags::Up;
        message.header.flags = if up { LinkFlags::Up } else { LinkFlags::empty() };
        let what = format!("setting {name} {}", if up { "up" } else { "down" });
        self.request(RouteNetlinkMessage::SetLink(message), NLM_F_REQUEST | NLM_F_ACK, what)
    }

    pub fn set_mtu(&self, name: &str, mtu: u32) -> Result<(), NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = index(name)?;
        message.attributes.push(LinkAttribute::Mtu(mtu));
        let what = format!("setting the MTU of {name} to {mtu}");
        self.request(RouteNetlinkMessage::SetLink(message), NLM_F_REQUEST | NLM_F_ACK, what)
    }

    /// Moves a port to another switch. Its other end notices nothing.
    pub fn move_port(&self, port: &str, switch: &str) -> Result<(), NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = index(port)?;
        message.attributes.push(LinkAttribute::Controller(index(switch)?));
        let what = format!("plugging {port} into {switch}");
        self.request(RouteNetlinkMessage::SetLink(message), NLM_F_REQUEST | NLM_F_ACK, what)
    }

    /// Adds an address that is usable at once: no duplicate address detection.
    pub fn add_address(&self, name: &str, address: IpAddr, prefix: u8) -> Result<(), NetlinkError> {
        let mut message = AddressMessage::default();
        message.header.family = family(address);
        message.header.prefix_len = prefix;
        message.header.index = index(name)?;
        message.header.flags = AddressHeaderFlags::Nodad;
        message.attributes.push(AddressAttribute::Local(address));
        message.attributes.push(AddressAttribute::Address(address));
        self.create(RouteNetlinkMessage::NewAddress(message), format!("adding {address} to {name}"))
    }

    pub fn add_default_route(&self, name: &str, gateway: IpAddr) -> Result<(), NetlinkError> {
        let mut message = RouteMessage::default();
        message.header.address_family = family(gateway);
        message.header.table = RouteHeader::RT_TABLE_MAIN;
        message.header.protocol = RouteProtocol::Static;
        message.header.scope = RouteScope::Universe;
        message.header.kind = RouteType::Unicast;
        message.attributes.push(RouteAttribute::Gateway(gateway.into()));
        message.attributes.push(RouteAttribute::Oif(index(name)?));
        self.create(RouteNetlinkMessage::NewRoute(message), format!("adding a default route through {gateway}"))
    }

    fn create(&self, message: RouteNetlinkMessage, what: String) -> Result<(), NetlinkError> {
        self.request(message, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, what)
    }

    fn request(&self, message: RouteNetlinkMessage, flags: u16, what: String) -> Result<(), NetlinkError> {
        self.exchange(message, flags).map_err(failed(what))
    }

    fn exchange(&self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        let mut header = NetlinkHeader::default();
        header.flags = flags;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::from(message));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;

        let mut reply = Vec::with_capacity(REPLY_LEN_MAX);
        self.socket.recv(&mut reply, 0)?;
        let reply = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&reply).map_err(io::Error::other)?;
        match reply.payload {
            NetlinkPayload::Error(answer) => match answer.code {
                None => Ok(()),
                Some(code) => Err(io::Error::from_raw_os_error(code.get().saturating_abs())),
            },
            other => Err(io::Error::other(format!("the kernel answered {} instead", other.message_type()))),
        }
    }
}

fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

fn index(name: &str) -> Result<u32, NetlinkError> {
    if_nametoindex(name).map_err(|errno| failed(format!("finding the interface {name}"))(errno.into()))
}

fn failed(what: impl Into<String>) -> impl FnOnce(io::Error) -> NetlinkError {
    let what = what.into();
    move |cause| NetlinkError { what, cause }
}

/// Both addresses of an interface and the default routes through another host.
pub fn configure(
    name: &str,
    own: (Ipv4Addr, Ipv6Addr),
    prefixes: (u8, u8),
    gateway: Option<(Ipv4Addr, Ipv6Addr)>,
) -> Result<(), NetlinkError> {
    let netlink = Netlink::open()?;
    netlink.set_link("lo", true)?;
    netlink.add_address(name, own.0.into(), prefixes.0)?;
    netlink.add_address(name, own.1.into(), prefixes.1)?;
    netlink.set_link(name, true)?;
    if let Some((v4, v6)) = gateway {
        netlink.add_default_route(name, v4.into())?;
        netlink.add_default_route(name, v6.into())?;
    }
    Ok(())
}
