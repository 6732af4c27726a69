//! Everything that packet decisions depend on, as one immutable value.

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use crate::{
    dns::Zone,
    firewall::Ruleset,
    ident::{PeerId, RoomId},
    route::RouteTable,
};

/// Replaced as a whole by its owner; a decision sees one snapshot from beginning to end.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// `None` on a host that has no mesh IPv4 address.
    pub own_v4: Option<Ipv4Addr>,
    pub own_v6: Ipv6Addr,
    pub routes: RouteTable,
    pub zone: Zone,
    pub rules: Arc<Ruleset>,
    /// The networks that our handles name.
    pub handles: BTreeMap<u16, RoomId>,
    /// The networks that each peer shares with us. What we begin goes through the first; what belongs to a flow stays in
    /// the flow's network.
    pub shared: HashMap<PeerId, Vec<RoomId>>,
}

/// No address of its own, no peer, no rule: nothing passes.
impl Default for Snapshot {
    fn default() -> Self {
        Self {
            own_v4: None,
            own_v6: Ipv6Addr::UNSPECIFIED,
            routes: RouteTable::default(),
            zone: Zone::default(),
            rules: Arc::default(),
            handles: BTreeMap::new(),
            shared: HashMap::new(),
        }
    }
}

impl Snapshot {
    /// The network that a handle of ours names.
    pub fn network(&self, handle: u16) -> Option<RoomId> {
        self.handles.get(&handle).copied()
    }

    pub(super) fn shared_with(&self, peer: &PeerId) -> &[RoomId] {
        self.shared.get(peer).map_or(&[], Vec::as_slice)
    }

    pub fn is_own(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => self.own_v4 == Some(v4),
            IpAddr::V6(v6) => self.own_v6 == v6,
        }
    }
}
