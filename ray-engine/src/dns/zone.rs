//! The names of one node's networks, built once per roster change.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use crate::{
    dns::reverse,
    ident::{Hostname, NetworkName},
};

/// The top-level name under which every mesh name lies.
pub(super) const TOP: &str = "ray";

/// One member as a zone knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    pub host: Hostname,
    pub network: NetworkName,
    pub v4: Option<Ipv4Addr>,
    pub v6: Ipv6Addr,
}

/// Immutable once built.
#[derive(Debug, Clone, Default)]
pub struct Zone {
    names: HashMap<String, Node>,
    owners: HashMap<IpAddr, String>,
}

/// What a name stands for. A network's own name is a node without addresses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) v4: Option<Ipv4Addr>,
    pub(super) v6: Option<Ipv6Addr>,
}

impl Zone {
    /// A flat name (`<host>.ray`) that several networks have means the one of the network whose name sorts first, and
    /// so does the name that an address leads back to.
    pub fn new(hosts: impl IntoIterator<Item = Host>) -> Self {
        let mut hosts: Vec<Host> = hosts.into_iter().collect();
        hosts.sort_by(|a, b| (&a.network, &a.host).cmp(&(&b.network, &b.host)));
        let mut zone = Self::default();
        for Host { host, network, v4, v6 } in hosts {
            let node = Node { v4, v6: Some(v6) };
            let full = format!("{host}.{network}.{TOP}");
            for address in v4.map(IpAddr::V4).into_iter().chain([IpAddr::V6(v6)]) {
                zone.owners.entry(address).or_insert_with(|| full.clone());
            }
            zone.names.entry(full).or_insert(node);
            let flat = zone.names.entry(format!("{host}.{TOP}")).or_default();
            if *flat == Node::default() {
                *flat = node;
            }
            zone.names.entry(format!("{network}.{TOP}")).or_default();
        }
        zone.names.entry(TOP.to_owned()).or_default();
        zone
    }

    /// Looks a lower-case name without a final dot up.
    pub(super) fn node(&self, name: &str) -> Option<&Node> {
        self.names.get(name)
    }

    pub(super) fn owner(&self, address: IpAddr) -> Option<&str> {
        self.owners.get(&address).map(String::as_str)
    }

    /// Whether any host's address lies below a partial reverse name.
    pub(super) fn has_below(&self, prefix: &reverse::Prefix) -> bool {
        self.owners.keys().any(|address| prefix.covers(*address))
    }
}
