//! Requests of the engine. Values are as they came off the wire; the helper's policy turns them into operations.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::codec;

/// One intent of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HelperRequest {
    /// First message of a connection: the protocol version the engine speaks.
    Hello { version: u16 },
    /// Create the device with this many queues and this MTU (bytes), or take over the one kept from the last engine.
    OpenTun { queues: u8, mtu: u16 },
    /// Give the device exactly these addresses. `v4` is absent on hosts where something else owns 100.64/10.
    SetAddresses { v4: Option<Ipv4Addr>, v6: Ipv6Addr },
    /// Make the device's routes exactly this set.
    ReplaceRoutes { routes: Vec<Route> },
    /// Bring the link up or down.
    SetLink { state: LinkState },
    /// Undo everything; the device vanishes.
    Release,
    /// Take the device back that an earlier helper handed out: this many descriptors, one of each queue, come with this
    /// message. The only request that carries any.
    ReturnTun { queues: u8 },
}

/// Administrative state of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    Up,
    Down,
}

/// A destination that shall go into the tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    pub destination: IpAddr,
    /// Prefix length in bits.
    pub prefix: u8,
}

codec::message!(enum HelperRequest {
    0 => Hello { version },
    1 => OpenTun { queues, mtu },
    2 => SetAddresses { v4, v6 },
    3 => ReplaceRoutes { routes },
    4 => SetLink { state },
    5 => Release,
    6 => ReturnTun { queues },
});
codec::message!(enum LinkState { 0 => Up, 1 => Down });
codec::message!(struct Route { destination, prefix });
