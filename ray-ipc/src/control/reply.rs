//! Answers of the engine.

use std::net::{Ipv4Addr, Ipv6Addr};

use bincode::{Decode, Encode};

use super::{
    AliasReply, AliasesReply, DnsQueryReply, DnsReply, DroppedFlow, ErrorReply, FirewallReply, FirewallTestReply,
    GroupsReply, NetworkMode, SettingReply, SettingsReply, SuggestionStatus, SuggestionsReply, WhoamiReply,
};

/// One message of an answer.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub enum Reply {
    Up(UpReply),
    Down {
        was_up: bool,
    },
    Created(NetworkReply),
    Joined(JoinReply),
    Left(LeaveReply),
    Invited(InviteReply),
    Status(Box<StatusReply>),
    /// One echo request's fate; more follow.
    Ping(PingReply),
    /// All echo requests are accounted for.
    PingDone(PingSummary),
    Version(EngineInfo),
    Error(ErrorReply),
    /// The network is not entered yet: a coordinator has been asked to let this node in.
    Waiting(WaitingReply),
    Invites(InvitesReply),
    InviteRevoked(InviteStatus),
    Requests(RequestsReply),
    /// Somebody was let in.
    Accepted(MemberReply),
    Denied(MemberReply),
    Kicked(MemberReply),
    Nuked(NukeReply),
    Ephemeral(EphemeralReply),
    Renamed(MemberReply),
    Granted(MemberReply),
    Revoked(MemberReply),
    Coordinators(CoordinatorsReply),
    /// One entry of a network's history, oldest first; more follow.
    LogEntry(Box<LogEntry>),
    /// All entries are told.
    LogDone(LogDone),
    Rekeyed(RekeyReply),
    Mode(ModeReply),
    Firewall(Box<FirewallReply>),
    FirewallTest(Box<FirewallTestReply>),
    Suggestions(SuggestionsReply),
    /// A coordinator's suggestion was published, or taken back.
    Suggested(SuggestionStatus),
    Withdrawn(SuggestionStatus),
    /// A flow that was dropped; more follow.
    Dropped(Box<DroppedFlow>),
    DroppedDone,
    Groups(GroupsReply),
    Whoami(Box<WhoamiReply>),
    Settings(SettingsReply),
    /// A setting was set, or taken back.
    Setting(Box<SettingReply>),
    Dns(Box<DnsReply>),
    DnsQuery(Box<DnsQueryReply>),
    Aliases(AliasesReply),
    /// An alias was added, or removed.
    Alias(AliasReply),
}

impl Reply {
    /// Whether nothing follows.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Ping(_) | Self::LogEntry(_) | Self::Dropped(_))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct WaitingReply {
    pub room_id: String,
    pub hostname: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct InvitesReply {
    pub network: String,
    pub invites: Vec<InviteStatus>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct InviteStatus {
    /// The public half, lower-case hex.
    pub key: String,
    pub network: String,
    /// `u32::MAX` = any number.
    pub uses: u32,
    pub used: u32,
    /// Unix time, seconds.
    pub expires_at: u64,
    pub hostname: Option<String>,
    /// Host name of the member that minted it, or its endpoint id if it has left.
    pub minted_by: String,
    pub state: InviteState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum InviteState {
    Open,
    UsedUp,
    Expired,
    Revoked,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RequestsReply {
    pub network: String,
    pub requests: Vec<JoinAsked>,
}

/// Somebody who wants to be a member.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct JoinAsked {
    pub endpoint_id: String,
    /// The host name it wishes to have.
    pub hostname: String,
    /// Unix time, seconds, of the first time it asked.
    pub asked_at: u64,
}

/// The member that something was done to.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct MemberReply {
    pub network: String,
    pub endpoint_id: String,
    /// Its host name, afterwards where there is one.
    pub hostname: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct NukeReply {
    pub network: String,
    /// Members that were linked, and that word was sent to; others learn it from these.
    pub told: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct EphemeralReply {
    pub network: String,
    /// 0 = off.
    pub seconds: u32,
    pub changed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CoordinatorsReply {
    pub network: String,
    /// The most senior first.
    pub coordinators: Vec<CoordinatorStatus>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CoordinatorStatus {
    pub endpoint_id: String,
    pub hostname: String,
    /// Who granted it; absent for the founder and for one that succeeded.
    pub granted_by: Option<String>,
    /// Unix time, seconds, as the granting node said.
    pub since: u64,
    pub me: bool,
}

/// One entry of a network's history.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct LogEntry {
    /// Entry id, lower-case hex.
    pub id: String,
    /// Unix time, seconds, as the author said.
    pub time: u64,
    pub author_id: String,
    /// Host name of the author then or at any time; its short endpoint id if it never had one.
    pub author: String,
    /// Stable name of the action, as in `mint-invite`.
    pub action: String,
    /// What was done, in plain words.
    pub text: String,
    pub effect: LogEffect,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum LogEffect {
    Counted,
    /// It stands in the history and changed nothing; why, in plain words.
    NoEffect {
        reason: String,
    },
    /// Said by a newer release that this one does not understand.
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct LogDone {
    pub network: String,
    pub entries: u32,
    /// Entries that no checkpoint confirms yet.
    pub unconfirmed: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RekeyReply {
    pub network: String,
    /// The key at which the network's record is found from now on; it serves as room id in `ray join`.
    pub discovery_key: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ModeReply {
    pub network: String,
    pub mode: NetworkMode,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct UpReply {
    pub was_up: bool,
    pub tun: TunStatus,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct NetworkReply {
    pub name: String,
    pub room_id: String,
    pub hostname: String,
    pub v4: Option<Ipv4Addr>,
    pub v6: Ipv6Addr,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct JoinReply {
    pub network: NetworkReply,
    /// Members, this node included.
    pub members: u32,
    /// Host name of the member that opened the door.
    pub seated_by: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct LeaveReply {
    pub name: String,
    /// Members that were linked, and that word was sent to; others learn it from these.
    pub told: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct InviteReply {
    pub code: String,
    pub network: String,
    pub uses: u32,
    /// Unix time, seconds.
    pub expires_at: u64,
    pub hostname: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct EngineInfo {
    pub release: String,
    pub endpoint_id: String,
    pub pid: u32,
    pub uid: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct StatusReply {
    pub engine: EngineInfo,
    pub helper: HelperState,
    /// Whether the data plane shall be up.
    pub wanted_up: bool,
    /// The device, when it is open.
    pub tun: Option<TunStatus>,
    /// UDP addresses that the engine is bound to.
    pub underlay: Vec<String>,
    pub confinement: ConfinementStatus,
    pub networks: Vec<NetworkStatus>,
    /// Packets dropped since start, by reason; reasons that never occurred are left out.
    pub drops: Vec<DropCount>,
    /// Networks that this node has asked to be let into.
    pub waiting: Vec<WaitingReply>,
    /// Things a user should know, in plain words.
    pub warnings: Vec<String>,
}

/// What the kernel holds the engine to, besides its system calls.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ConfinementStatus {
    /// Version of the Landlock interface whose rules are in force; absent = the kernel has none of it.
    pub landlock_abi: Option<u8>,
    /// What the engine asked for and the kernel does not do, a clause each.
    pub missing: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum HelperState {
    Connected,
    /// Not asked for anything: the tunnel is not wanted, or not yet set up.
    Idle,
    /// Not reachable; why.
    Missing {
        reason: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TunStatus {
    pub ifname: String,
    pub mtu: u16,
    pub queues: u8,
    pub offload: bool,
    pub v4: Option<Ipv4Addr>,
    pub v6: Ipv6Addr,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct NetworkStatus {
    pub name: String,
    pub room_id: String,
    pub hostname: String,
    pub coordinator: bool,
    /// Every member, this node included, by host name.
    pub members: Vec<MemberStatus>,
    pub mode: NetworkMode,
    pub standing: Standing,
    /// Seconds without a sign of life after which a member is removed; 0 = never.
    pub ephemeral_s: u32,
    /// Entries of the ledger, and those of them that no checkpoint confirms yet.
    pub entries: u32,
    pub unconfirmed: u32,
    /// Entries of newer releases, without effect here.
    pub unknown_entries: u32,
    /// Nodes that ask to be let in, as far as this node knows.
    pub requests: u32,
    pub publication: PublicationStatus,
}

/// What this node is in a network.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Standing {
    Member,
    /// It was removed, or its seat went to somebody else when a split healed; how, in plain words.
    Out {
        reason: String,
    },
    /// The network was ended; by whom.
    Ended {
        by: String,
    },
}

/// Where the network's record and blob are.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PublicationStatus {
    /// The key at which the record is found.
    pub discovery_key: String,
    /// Whether this node publishes it.
    pub publisher: bool,
    /// Seconds since this node last published, or found, a record that is good.
    pub seen_s: Option<u64>,
    /// Why the last attempt failed.
    pub error: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct MemberStatus {
    pub hostname: String,
    /// `<host>.<network>.ray`
    pub fqdn: String,
    pub endpoint_id: String,
    pub v4: Option<Ipv4Addr>,
    pub v6: Ipv6Addr,
    pub coordinator: bool,
    /// Whether this is the node that answers.
    pub me: bool,
    pub state: MemberState,
}

/// How a member is reached at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum MemberState {
    /// This node itself.
    Me,
    /// A link is up.
    Online {
        path: PathState,
        /// Smoothed round trip of the path in microseconds.
        rtt_us: u64,
        /// Seconds since the link came up.
        since_s: u64,
        /// Inner packet bytes sent and received over the link.
        tx_bytes: u64,
        rx_bytes: u64,
        /// Inner packets sent and received over the link.
        tx_packets: u64,
        rx_packets: u64,
        /// Inner packets of the peer that were lost on the way, as far as the peer has told how many it sent.
        lost_packets: u64,
    },
    /// A dial is under way.
    Connecting,
    /// No link; seconds since the last one, when there was one since the engine started.
    Offline { last_seen_s: Option<u64> },
}

/// The route under a link that carries data.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum PathState {
    Direct {
        remote: String,
    },
    Relay {
        url: String,
    },
    /// The link is up and no path is selected yet.
    Unsettled,
    /// There is no link.
    Absent,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DropCount {
    /// Short name of the reason, stable.
    pub reason: String,
    pub packets: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PingReply {
    pub seq: u32,
    /// Round trip in microseconds; absent = no answer in time.
    pub rtt_us: Option<u64>,
    pub path: PathState,
}

#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct PingSummary {
    /// The name that the target resolved to, `<host>.<network>.ray`.
    pub peer: String,
    pub address: String,
    pub sent: u32,
    pub received: u32,
    pub min_us: Option<u64>,
    pub avg_us: Option<u64>,
    pub max_us: Option<u64>,
    pub path: PathState,
}
