//! Answers of the helper.

use std::{fmt, net::IpAddr};

use crate::codec;

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HelperReply {
    /// Answer to `Hello`: the version the helper speaks. When it differs, the helper closes after this.
    Hello { version: u16 },
    /// The device is open; its queue descriptors came with this message, in queue order.
    TunOpened(TunOpened),
    /// The state asked for is in effect.
    Done,
    /// Policy forbids it. Nothing changed.
    Refused(Refusal),
    /// The kernel did not do it (`errno`) while doing `step`. What was half done has been undone.
    Failed { step: String, errno: i32 },
}

/// The device as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunOpened {
    /// Interface name, from root's policy. For display only.
    pub ifname: String,
    pub ifindex: u32,
    pub mtu: u16,
    /// Descriptors attached to this message.
    pub queues: u8,
    /// Whether this is the device that an earlier engine left behind, with its addresses, routes and flows.
    pub resumed: bool,
}

/// Why a well-formed request was refused. Each names the bound of root's policy that it met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Zero queues, or more than the policy allows.
    QueueCount { max: u8 },
    /// An MTU outside the policy's range.
    Mtu { min: u16, max: u16 },
    /// An address outside the mesh prefixes, or one that no node may hold.
    Address,
    /// IPv4 is switched off by the policy.
    Ipv4Disabled,
    /// More routes than the policy allows.
    RouteCount { max: u16 },
    /// A route that leaves the mesh prefixes.
    RouteOutsideMesh,
    /// A prefix length or host bits that make no network.
    RouteMalformed,
    /// An interface of that name exists and is not ours.
    InterfaceTaken,
    /// Another interface holds an address that overlaps the mesh prefixes.
    PrefixTaken,
    /// The kept device has another number of queues.
    QueuesDiffer { kept: u8 },
    /// What was returned is not the whole of the device that a helper of this host made, as it made it.
    NotTheDevice,
    /// A route that would take an address which the host itself reaches elsewhere: its gateway, a resolver, an address of
    /// another interface, or one that root keeps.
    RouteTaken { address: IpAddr },
}

codec::message!(enum HelperReply {
    0 => Hello { version },
    1 => TunOpened(opened),
    2 => Done,
    3 => Refused(refusal),
    4 => Failed { step, errno },
});
codec::message!(struct TunOpened { ifname, ifindex, mtu, queues, resumed });
codec::message!(enum Refusal {
    0 => QueueCount { max },
    1 => Mtu { min, max },
    2 => Address,
    3 => Ipv4Disabled,
    4 => RouteCount { max },
    5 => RouteOutsideMesh,
    6 => RouteMalformed,
    7 => InterfaceTaken,
    8 => PrefixTaken,
    9 => QueuesDiffer { kept },
    10 => NotTheDevice,
    11 => RouteTaken { address },
});

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::QueueCount { max } => write!(f, "the helper's policy allows 1 to {max} queues"),
            Self::Mtu { min, max } => write!(f, "the helper's policy allows an MTU of {min} to {max}"),
            Self::Address => f.write_str("the helper's policy allows node addresses inside the mesh prefixes only"),
            Self::Ipv4Disabled => f.write_str("the helper's policy has no IPv4 mesh prefix"),
            Self::RouteCount { max } => write!(f, "the helper's policy allows {max} routes"),
            Self::RouteOutsideMesh => f.write_str("the helper's policy allows routes inside the mesh prefixes only"),
            Self::RouteMalformed => f.write_str("a route has host bits set or a prefix length that is too long"),
            Self::InterfaceTaken => {
                f.write_str("an interface with the name that the helper's policy sets exists already")
            }
            Self::PrefixTaken => f.write_str("another interface holds an address inside the mesh prefixes"),
            Self::QueuesDiffer { kept } => write!(f, "the device kept from the last engine has {kept} queues"),
            Self::NotTheDevice => f.write_str("the queues are not those of the device that the helper made"),
            Self::RouteTaken { address } => {
                write!(f, "a route contains {address}, which this host reaches through another interface")
            }
        }
    }
}
