//! The few rtnetlink requests that build a switch and plug nodes into it, in the caller's network namespace.

use std::{
    fmt,
    fs::File,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    thread,
};

use netlink_packet_core::{
    DefaultNla, NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressHeaderFlags, AddressMessage},
    link::{InfoBridge, InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage},
    route::{RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType},
    tc::{TcAttribute, TcHandle, TcMessage, TcOption},
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::{
    net::if_::if_nametoindex,
    sched::{CloneFlags, setns},
};

use super::wire::Instruction;

/// An acknowledgement is far shorter.
const REPLY_LEN_MAX: usize = 8192;

/// The queueing discipline that holds filters for both directions, and those two.
const CLSACT: &str = "clsact";
const DIRECTIONS: [u16; 2] = [TcHandle::MIN_INGRESS, TcHandle::MIN_EGRESS];
/// Attributes of the filter that the crate has no names for.
const BPF_OPS_LEN: u16 = 4;
const BPF_OPS: u16 = 5;
const BPF_FLAGS: u16 = 8;
/// What the program returns is the verdict.
const BPF_FLAG_ACTS: u32 = 1;
/// All protocols (a number in network byte order) below a priority of one.
const ALL_PROTOCOLS_FIRST: u32 = 1 << 16 | 0x0003_u16.to_be() as u32;

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

    /// A connection to those of another process's network namespace.
    pub fn open_in(pid: i32) -> Result<Self, NetlinkError> {
        // A socket stays where it was made; the thread that goes there ends at once.
        let open = || {
            let namespace = File::open(format!("/proc/{pid}/ns/net")).map_err(failed("opening a node's namespace"))?;
            setns(namespace, CloneFlags::CLONE_NEWNET)
                .map_err(|errno| failed("joining a node's namespace")(errno.into()))?;
            Self::open()
        };
        thread::scope(|scope| scope.spawn(open).join())
            .unwrap_or_else(|_| Err(failed("joining a node's namespace")(io::Error::other("a thread died"))))
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
        self.set_by_name(name, LinkAttribute::Mtu(mtu), format!("setting the MTU of {name}"))
    }

    /// Has the kernel put every packet on the wire by itself, where it would hand a burst of them to the other end whole.
    pub fn send_single_packets(&self, name: &str) -> Result<(), NetlinkError> {
        self.set_by_name(name, LinkAttribute::GsoMaxSegs(1), format!("taking {name}'s segmentation away"))
    }

    fn set_by_name(&self, name: &str, attribute: LinkAttribute, what: String) -> Result<(), NetlinkError> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::IfName(name.to_owned()));
        message.attributes.push(attribute);
        self.request(RouteNetlinkMessage::SetLink(message), NLM_F_REQUEST | NLM_F_ACK, what)
    }

    /// Makes room for filters at a port, once.
    pub fn prepare_filters(&self, port: &str) -> Result<(), NetlinkError> {
        let mut message = filter_message(port, CLSACT)?;
        message.header.parent = TcHandle::CLSACT;
        message.header.handle = TcHandle { major: u16::MAX, minor: 0 };
        self.create(RouteNetlinkMessage::NewQueueDiscipline(message), format!("making room for filters at {port}"))
    }

    /// Puts a program at both directions of a port, in place of the last one.
    pub fn set_filter(&self, port: &str, program: &[Instruction]) -> Result<(), NetlinkError> {
        let len = u16::try_from(program.len()).unwrap_or(u16::MAX);
        let mut code = Vec::new();
        for (operation, yes, no, operand) in program {
            code.extend_from_slice(&operation.to_ne_bytes());
            code.extend_from_slice(&[*yes, *no]);
            code.extend_from_slice(&operand.to_ne_bytes());
        }
        for minor in DIRECTIONS {
            let mut message = filter_message(port, "bpf")?;
            message.header.parent = TcHandle { major: u16::MAX, minor };
            message.header.handle = TcHandle { major: 0, minor: 1 };
            message.header.info = ALL_PROTOCOLS_FIRST;
            let option = |kind, value: &[u8]| TcOption::Other(DefaultNla::new(kind, value.to_vec()));
            message.attributes.push(TcAttribute::Options(vec![
                option(BPF_OPS_LEN, &len.to_ne_bytes()),
                option(BPF_OPS, &code),
                option(BPF_FLAGS, &BPF_FLAG_ACTS.to_ne_bytes()),
            ]));
            let flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE;
            let what = format!("filtering at {port}");
            self.request(RouteNetlinkMessage::NewTrafficFilter(message), flags, what)?;
        }
        Ok(())
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

fn filter_message(port: &str, kind: &str) -> Result<TcMessage, NetlinkError> {
    let mut message = TcMessage::default();
    let number = i32::try_from(index(port)?).map_err(io::Error::other);
    message.header.index = number.map_err(failed(format!("finding the interface {port}")))?;
    message.attributes.push(TcAttribute::Kind(kind.to_owned()));
    Ok(message)
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
