//! Requests of the command line, one struct a verb.

use bincode::{Decode, Encode};

use super::{AliasRequest, ConfigRequest, DnsRequest, FirewallRequest, GroupRequest};

/// One verb.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Request {
    /// Bring the data plane up: device, addresses, routes.
    Up,
    /// Take the data plane down. Membership and identity stay.
    Down,
    /// Found a network.
    Create(CreateRequest),
    /// Enter a network with an invite, or with a room id where the network is open or approves joiners.
    Join(JoinRequest),
    /// Leave a network for good, or forget one that this node was removed from, or stop waiting for one.
    Leave(LeaveRequest),
    /// Mint an invite.
    Invite(InviteRequest),
    /// Everything there is to show.
    Status,
    /// Measure the way to a member, from the tunnel's entry to the peer's kernel and back.
    Ping(PingRequest),
    /// Who the engine is.
    Version,
    /// The invites of a network.
    Invites(NetworkRequest),
    RevokeInvite(RevokeInviteRequest),
    /// Who asks to be let in.
    Requests(NetworkRequest),
    Accept(AcceptRequest),
    Deny(MemberRequest),
    /// Remove a member.
    Kick(MemberRequest),
    /// End a network for all its members.
    Nuke(NetworkRequest),
    Ephemeral(EphemeralRequest),
    /// Change a host name.
    Rename(RenameRequest),
    /// Make a member a coordinator.
    Grant(MemberRequest),
    /// Make a coordinator a plain member.
    Revoke(MemberRequest),
    /// The coordinators of a network.
    Coordinators(NetworkRequest),
    /// What happened in a network.
    Log(LogRequest),
    /// Replace the key that signs a network's discovery record.
    Rekey(NetworkRequest),
    SetMode(SetModeRequest),
    Firewall(FirewallRequest),
    Group(GroupRequest),
    /// What the caller may do, and why.
    Whoami,
    Config(ConfigRequest),
    Dns(DnsRequest),
    Alias(AliasRequest),
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CreateRequest {
    pub name: String,
    /// Own host name in the network; absent = the system's.
    pub hostname: Option<String>,
    pub mode: NetworkMode,
}

/// Who may enter a network without an invite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub enum NetworkMode {
    /// Nobody.
    #[default]
    Closed,
    /// Whoever a coordinator accepts.
    Approval,
    /// Anybody who knows the room id.
    Open,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct JoinRequest {
    /// The invite code as it was handed out, or a room id.
    pub target: String,
    pub hostname: Option<String>,
    /// Give up after this many milliseconds. A request for approval stays, and is repeated, until it is decided or left.
    pub timeout_ms: u32,
    /// Whether firewall rules that coordinators suggest are accepted by themselves.
    pub auto_accept_firewall: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct LeaveRequest {
    /// Network name or room id.
    pub network: String,
    /// The member that becomes a coordinator first: host name, or endpoint id or an unambiguous start of one.
    pub successor: Option<String>,
}

/// A request about one network.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct NetworkRequest {
    /// Network name or room id; absent = the only network.
    pub network: Option<String>,
}

/// A request about one member of a network, or about somebody who wants to be one.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct MemberRequest {
    /// Network name or room id; absent = the only network.
    pub network: Option<String>,
    /// Host name, or endpoint id or an unambiguous start of one.
    pub member: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct AcceptRequest {
    pub network: Option<String>,
    pub member: String,
    /// Host name to give; absent = the one that was asked for.
    pub hostname: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RevokeInviteRequest {
    pub network: Option<String>,
    /// The invite's key as `ray invite list` shows it, an unambiguous start of it, or the invite code itself.
    pub invite: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct EphemeralRequest {
    pub network: Option<String>,
    /// Seconds without a sign of life after which a member is removed; 0 = never; absent = only show.
    pub seconds: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RenameRequest {
    pub network: Option<String>,
    pub hostname: String,
    /// The member to rename; absent = this node.
    pub member: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct LogRequest {
    pub network: Option<String>,
    /// The latest so many; 0 = all.
    pub limit: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SetModeRequest {
    pub network: Option<String>,
    pub mode: NetworkMode,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct InviteRequest {
    /// Network name or room id; absent = the only network.
    pub network: Option<String>,
    /// How many nodes the invite may seat; `u32::MAX` = any number.
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
