//! The links, addresses, routes and rules of the calling thread's network namespace, as comparable lines.

use std::collections::BTreeSet;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressMessage},
    link::{LinkAttribute, LinkFlags, LinkMessage},
    route::{RouteAttribute, RouteMessage, RouteProtocol},
    rule::{RuleAttribute, RuleMessage},
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use super::eventually;

/// One line for each object, without what changes by itself (counters, ages).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetState {
    pub links: BTreeSet<String>,
    pub addresses: BTreeSet<String>,
    pub routes: BTreeSet<String>,
    pub rules: BTreeSet<String>,
}

impl NetState {
    /// Reads the calling thread's namespace.
    pub fn read() -> Self {
        let mut state = Self {
            links: lines(dump(RouteNetlinkMessage::GetLink(LinkMessage::default()))),
            addresses: lines(dump(RouteNetlinkMessage::GetAddress(AddressMessage::default()))),
            routes: BTreeSet::new(),
            rules: BTreeSet::new(),
        };
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut route = RouteMessage::default();
            route.header.address_family = family;
            state.routes.extend(lines(dump(RouteNetlinkMessage::GetRoute(route))));
            let mut rule = RuleMessage::default();
            rule.header.family = family;
            state.rules.extend(lines(dump(RouteNetlinkMessage::GetRule(rule))));
        }
        state
    }

    /// Reads the calling thread's namespace when every IPv6 address of a link that is up has its local route, which the
    /// kernel adds a moment after the address.
    pub fn read_settled() -> Self {
        let mut state = Self::default();
        eventually("the kernel has added its own routes", || {
            state = Self::read();
            state.is_settled()
        });
        state
    }

    fn is_settled(&self) -> bool {
        self.addresses.iter().filter_map(|line| line.split_once(' ')).all(|(interface, address)| {
            let up =
                self.links.iter().any(|link| link.starts_with(&format!("{interface} ")) && link.ends_with("up true"));
            let route = format!("{} {interface} proto Kernel table 255", address);
            !up || !address.contains(':') || self.routes.iter().any(|line| line.starts_with(&route))
        })
    }

    /// Whether an interface of that name exists.
    pub fn has_link(&self, name: &str) -> bool {
        self.links.iter().any(|line| line.contains(&format!(" {name} ")))
    }

    /// Whether `ifindex` has exactly these addresses.
    pub fn has_addresses(&self, ifindex: u32, expected: &[&str]) -> bool {
        let own = format!("if{ifindex} ");
        let found: BTreeSet<&str> = self.addresses.iter().filter_map(|line| line.strip_prefix(&own)).collect();
        found == expected.iter().copied().collect()
    }

    /// The routes of the helper's protocol number, as `destination/length if<index>`.
    pub fn helper_routes(&self) -> BTreeSet<&str> {
        self.routes.iter().filter_map(|line| line.split_once(" proto Other(197)")).map(|(route, _)| route).collect()
    }

    /// How many rules bear the helper's protocol number.
    pub fn helper_rules(&self) -> usize {
        self.rules.iter().filter(|line| line.contains("Protocol(Other(197))")).count()
    }

    /// Everything but what concerns `ifindex` and what bears the helper's mark.
    pub fn without(&self, ifindex: u32) -> Self {
        let own = format!("if{ifindex} ");
        let rest = |lines: &BTreeSet<String>| lines.iter().filter(|line| !line.contains(&own)).cloned().collect();
        Self {
            links: rest(&self.links),
            addresses: rest(&self.addresses),
            routes: rest(&self.routes),
            rules: self.rules.iter().filter(|line| !line.contains("Protocol(Other(197))")).cloned().collect(),
        }
    }
}

/// The rules of the helper's protocol number in the calling thread's namespace.
pub fn helper_rules() -> Vec<RuleMessage> {
    let families = [AddressFamily::Inet, AddressFamily::Inet6];
    let rules = families.into_iter().flat_map(|family| {
        let mut rule = RuleMessage::default();
        rule.header.family = family;
        dump(RouteNetlinkMessage::GetRule(rule))
    });
    let ours = RuleAttribute::Protocol(RouteProtocol::Other(197));
    rules
        .filter_map(|answer| match answer {
            RouteNetlinkMessage::NewRule(rule) if rule.attributes.contains(&ours) => Some(rule),
            _ => None,
        })
        .collect()
}

fn lines(messages: Vec<RouteNetlinkMessage>) -> BTreeSet<String> {
    messages.into_iter().map(|message| line(&message)).collect()
}

fn line(message: &RouteNetlinkMessage) -> String {
    match message {
        RouteNetlinkMessage::NewLink(link) => link_line(link),
        RouteNetlinkMessage::NewAddress(address) => address_line(address),
        RouteNetlinkMessage::NewRoute(route) => route_line(route),
        RouteNetlinkMessage::NewRule(rule) => format!("{:?}", (&rule.header, &rule.attributes)),
        other => panic!("not an object: {other:?}"),
    }
}

fn link_line(link: &LinkMessage) -> String {
    let (mut name, mut size) = (String::new(), 0);
    for attribute in &link.attributes {
        match attribute {
            LinkAttribute::IfName(text) => name.clone_from(text),
            LinkAttribute::Mtu(mtu) => size = *mtu,
            _ => {}
        }
    }
    format!("if{} {name} mtu {size} up {}", link.header.index, link.header.flags.contains(LinkFlags::Up))
}

fn address_line(message: &AddressMessage) -> String {
    let address = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Address(address) => Some(address.to_string()),
        _ => None,
    });
    format!("if{} {}/{}", message.header.index, address.unwrap_or_default(), message.header.prefix_len)
}

fn route_line(route: &RouteMessage) -> String {
    let (mut destination, mut interface, mut rest) = (String::from("default"), 0, Vec::new());
    for attribute in &route.attributes {
        match attribute {
            RouteAttribute::Destination(address) => {
                destination = match address {
                    netlink_packet_route::route::RouteAddress::Inet(v4) => v4.to_string(),
                    netlink_packet_route::route::RouteAddress::Inet6(v6) => v6.to_string(),
                    other => format!("{other:?}"),
                }
            }
            RouteAttribute::Oif(index) => interface = *index,
            RouteAttribute::CacheInfo(_) => {}
            other => rest.push(format!("{other:?}")),
        }
    }
    let header = &route.header;
    format!(
        "{destination}/{} if{interface} proto {:?} table {} {:?} {:?} {rest:?}",
        header.destination_prefix_length, header.protocol, header.table, header.scope, header.kind
    )
}

fn dump(message: RouteNetlinkMessage) -> Vec<RouteNetlinkMessage> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let mut request = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);
    let socket = Socket::new(NETLINK_ROUTE).expect("opening netlink");
    socket.connect(&SocketAddr::new(0, 0)).expect("connecting netlink");
    socket.send(&bytes, 0).expect("sending to netlink");
    let mut found = Vec::new();
    loop {
        let mut datagram = Vec::with_capacity(64 * 1024);
        socket.recv(&mut datagram, 0).expect("reading from netlink");
        let mut rest = datagram.as_slice();
        while !rest.is_empty() {
            let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest).expect("an answer");
            let len = usize::try_from(answer.header.length).expect("a length").next_multiple_of(4);
            rest = rest.get(len..).unwrap_or_default();
            match answer.payload {
                NetlinkPayload::InnerMessage(object) => found.push(object),
                NetlinkPayload::Done(_) => return found,
                other => panic!("dumping: {other:?}"),
            }
        }
    }
}
