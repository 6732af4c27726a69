//! Requests of the command line, one struct a verb.

use bincode::{Decode, Encode};

/// One verb.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Request {
    /// Bring the data plane up: device, addresses, routes.
    Up,
    /// Take the data plane down. Membership and identity stay.
    Down,
    /// Found a network.
    Create(CreateRequest),
    /// Enter a network with an invite.
    Join(JoinRequest),
    /// Leave a network for good.
    Leave(LeaveRequest),
    /// Mint an invite.
    Invite(InviteRequest),
    /// Everything there is to show.
    Status,
    /// Measure the way to a member, from the tunnel's entry to the peer's kernel and back.
    Ping(PingRequest),
    /// Who the engine is.
    Version,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CreateRequest {
    pub name: String,
    /// Own host name in the network; absent = the system's.
    pub hostname: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct JoinRequest {
    /// The invite as it was handed out.
    pub code: String,
    pub hostname: Option<String>,
    /// Give up after this many milliseconds.
    pub timeout_ms: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct LeaveRequest {
    /// Network name or room id.
    pub network: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct InviteRequest {
    /// Network name or room id; absent = the only network.
    pub network: Option<String>,
    /// How many nodes the invite may seat.
    pub uses: u32,
    /// Seconds until it expires.
    pub expires_s: u64,
    /// Host name that the joiner gets, whatever it asks for.
    pub hostname: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PingRequest {
    /// Host name, `host.network`, `host.network.ray`, mesh address, or endpoint id (or an unambiguous start of one).
    pub target: String,
    /// Echo requests to send; 0 is refused.
    pub count: u32,
    pub interval_ms: u32,
    /// How long to wait for each answer.
    pub timeout_ms: u32,
    /// Ask over IPv6 instead of IPv4.
    pub v6: bool,
}
