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

/// A short name of this host's own for a member; no other host knows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    pub name: Hostname,
    pub host: Hostname,
    pub network: NetworkName,
}

/// Immutable once built.
#[derive(Debug, Clone, Default)]
pub struct Zone {
    names: HashMap<String, Node>,
    owners: HashMap<IpAddr, String>,
    /// What the names of one label below the top mean.
    short: HashMap<String, Meaning>,
}

/// Which full name a short one stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) full: String,
    /// Full names that it would stand for if there were not this one.
    pub(super) others: Vec<String>,
    pub(super) alias: bool,
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
        // The address comes last, for two networks of one name.
        hosts.sort_by(|a, b| (&a.network, &a.host, &a.v6).cmp(&(&b.network, &b.host, &b.v6)));
        let mut zone = Self::default();
        for Host { host, network, v4, v6 } in hosts {
            let node = Node { v4, v6: Some(v6) };
            let full = format!("{host}.{network}.{TOP}");
            for address in v4.map(IpAddr::V4).into_iter().chain([IpAddr::V6(v6)]) {
                zone.owners.entry(address).or_insert_with(|| full.clone());
            }
            zone.names.entry(full.clone()).or_insert(node);
            let flat = format!("{host}.{TOP}");
            match zone.short.get_mut(&flat) {
                Some(meaning) if meaning.full == full || meaning.others.contains(&full) => {}
                Some(meaning) => meaning.others.push(full),
                None => {
                    zone.names.insert(flat.clone(), node);
                    zone.short.insert(flat, Meaning { full, others: Vec::new(), alias: false });
                }
            }
            zone.names.entry(format!("{network}.{TOP}")).or_default();
        }
        zone.names.entry(TOP.to_owned()).or_default();
        zone
    }

    /// An alias goes before every flat name: it is the word of this host's own people. It is one label, so it neither hides
    /// a full name nor reaches beyond the top. One whose member is gone means nothing.
    #[must_use]
    pub fn with_aliases(mut self, aliases: impl IntoIterator<Item = Alias>) -> Self {
        for Alias { name, host, network } in aliases {
            let full = format!("{host}.{network}.{TOP}");
            let Some(node) = self.names.get(&full).copied() else { continue };
            let short = format!("{name}.{TOP}");
            let hidden = self.short.remove(&short).map(|hidden| [vec![hidden.full], hidden.others].concat());
            let others = hidden.unwrap_or_default().into_iter().filter(|other| *other != full).collect();
            self.names.insert(short.clone(), node);
            self.short.insert(short, Meaning { full, others, alias: true });
        }
        self
    }

    pub(super) fn meaning(&self, short: &str) -> Option<&Meaning> {
        self.short.get(short)
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
