//! Everything that packet decisions depend on, as one immutable value.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{dns::Zone, route::RouteTable};

/// Replaced as a whole by its owner; a decision sees one snapshot from beginning to end.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// `None` on a host that has no mesh IPv4 address.
    pub own_v4: Option<Ipv4Addr>,
    pub own_v6: Ipv6Addr,
    pub routes: RouteTable,
    pub zone: Zone,
}

/// No address of its own, no peer: nothing passes.
impl Default for Snapshot {
    fn default() -> Self {
        Self { own_v4: None, own_v6: Ipv6Addr::UNSPECIFIED, routes: RouteTable::default(), zone: Zone::default() }
    }
}

impl Snapshot {
    pub(super) fn is_own(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => self.own_v4 == Some(v4),
            IpAddr::V6(v6) => self.own_v6 == v6,
        }
    }
}
