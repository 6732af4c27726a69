//! What is decided about a packet.

use std::fmt;

/// The firewall's word on one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Allow,
    /// Dropped in silence.
    Deny(Denied),
    /// Dropped, and the sender may be told.
    Reject(Denied),
}

/// Why a packet does not pass. Each has a drop counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Denied {
    /// A rule says so.
    Rule,
    /// No rule matches, and what comes in without one is denied.
    DefaultIn,
    /// No rule matches, and what goes out without one is denied.
    DefaultOut,
    /// The peer is not a member of the network that the packet travels in.
    Stranger,
    /// An answer, an error or the middle of a connection that nothing here belongs to.
    NoFlow,
    /// A reset that does not fit the connection, or belongs to none.
    Reset,
    /// An ICMP message that is neither an echo nor an error.
    IcmpType,
    /// A later piece of a datagram whose first piece did not pass.
    LonePiece,
    /// A piece that overwrites another.
    OverlappingPiece,
    /// No place was found for another flow.
    TableFull,
}

impl Denied {
    pub const ALL: [Self; 10] = [
        Self::Rule,
        Self::DefaultIn,
        Self::DefaultOut,
        Self::Stranger,
        Self::NoFlow,
        Self::Reset,
        Self::IcmpType,
        Self::LonePiece,
        Self::OverlappingPiece,
        Self::TableFull,
    ];

    /// Whether the sender may learn of it: when rules decided, not when the packet itself was wrong.
    pub(super) fn may_be_told(self) -> bool {
        match self {
            Self::Rule | Self::DefaultIn | Self::DefaultOut => true,
            Self::Stranger
            | Self::NoFlow
            | Self::Reset
            | Self::IcmpType
            | Self::LonePiece
            | Self::OverlappingPiece
            | Self::TableFull => false,
        }
    }

    /// The name of its drop counter.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rule => "firewall_rule",
            Self::DefaultIn => "firewall_default_in",
            Self::DefaultOut => "firewall_default_out",
            Self::Stranger => "firewall_stranger",
            Self::NoFlow => "firewall_no_flow",
            Self::Reset => "firewall_reset",
            Self::IcmpType => "firewall_icmp_type",
            Self::LonePiece => "firewall_lone_fragment",
            Self::OverlappingPiece => "firewall_overlapping_fragment",
            Self::TableFull => "firewall_table_full",
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rule => "a rule denies it",
            Self::DefaultIn => "no rule allows it in",
            Self::DefaultOut => "no rule allows it out",
            Self::Stranger => "the peer is not a member of that network",
            Self::NoFlow => "it belongs to no connection",
            Self::Reset => "a reset does not fit its connection",
            Self::IcmpType => "an ICMP message is neither an echo nor an error",
            Self::LonePiece => "the first fragment of the datagram did not pass",
            Self::OverlappingPiece => "a fragment overlaps another",
            Self::TableFull => "the table of flows is full",
        })
    }
}
