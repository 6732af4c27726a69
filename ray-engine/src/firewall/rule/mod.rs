//! One rule: who may, or may not, reach what.

mod date;
mod parse;
mod ports;
mod show;

use crate::{
    ident::{PeerId, RoomId, UnixTime},
    ledger::{EntryId, GroupName, UserKey},
};

pub use self::{
    parse::{Name, NameError, RuleError, parse, parse_bytes},
    ports::{PortRange, Ports},
};

/// Selects packets, and says what becomes of the flows that they open. It names keys, never a name that its owner can
/// change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub direction: Direction,
    pub action: Action,
    pub protocol: Protocol,
    /// The port at the end that is reached: ours for `in`, the peer's for `out`.
    pub ports: Ports,
    pub peer: PeerSelector,
    /// `None` = in any network.
    pub network: Option<RoomId>,
    /// From then on the rule counts for nothing.
    pub expires: Option<UnixTime>,
    pub origin: Origin,
}

/// Which way a packet goes, and which end opens a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From a peer to this host.
    In,
    /// From this host to a peer.
    Out,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    Allow,
    Deny,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    Tcp,
    Udp,
    /// Echo requests, of ICMP and ICMPv6.
    Icmp,
    /// The three above and every other protocol over IP.
    Any,
}

/// Whom a rule is about, the narrowest first.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PeerSelector {
    /// One device.
    Device(PeerId),
    /// All devices of one user.
    User(UserKey),
    /// The members of a group. The rule names its network: groups of one name are others elsewhere.
    Group(GroupName),
    Any,
}

/// Who wrote a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    Local,
    /// Accepted from a coordinator; goes when the suggestion is withdrawn.
    Suggestion(EntryId),
}

impl Direction {
    pub fn opposite(self) -> Self {
        match self {
            Self::In => Self::Out,
            Self::Out => Self::In,
        }
    }
}

impl Protocol {
    /// Whether a rule for `self` is about packets of `packet`.
    pub(super) fn covers(self, packet: Self) -> bool {
        self == Self::Any || self == packet
    }

    pub(super) fn has_ports(self) -> bool {
        match self {
            Self::Tcp | Self::Udp => true,
            Self::Icmp | Self::Any => false,
        }
    }
}

impl Rule {
    /// Whether both select the same and come from the same hand, so that the later of two replaces the earlier.
    pub fn same_selector(&self, other: &Self) -> bool {
        self.direction == other.direction
            && self.protocol == other.protocol
            && self.ports == other.ports
            && self.peer == other.peer
            && self.network == other.network
            && self.origin == other.origin
    }

    pub fn is_local(&self) -> bool {
        self.origin == Origin::Local
    }

    pub fn counts_at(&self, now: UnixTime) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

/// What [`add`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// At this index, behind all others.
    New(usize),
    /// The rule at this index had the same selector.
    Replaced(usize),
}

/// Adds a rule to a list, or puts it in the place of the one with the same selector. `None` when the list is full.
pub fn add(rules: &mut Vec<Rule>, rule: Rule) -> Option<Added> {
    if let Some((at, old)) = rules.iter_mut().enumerate().find(|(_, old)| old.same_selector(&rule)) {
        *old = rule;
        return Some(Added::Replaced(at));
    }
    if rules.len() >= super::limits::RULES_MAX {
        return None;
    }
    rules.push(rule);
    Some(Added::New(rules.len() - 1))
}

#[cfg(test)]
mod tests;
