//! Answers of the engine.

use std::net::{Ipv4Addr, Ipv6Addr};

use bincode::{Decode, Encode};

use super::ErrorReply;

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
}

impl Reply {
    /// Whether nothing follows.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Ping(_))
    }
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
    pub networks: Vec<NetworkStatus>,
    /// Packets dropped since start, by reason; reasons that never occurred are left out.
    pub drops: Vec<DropCount>,
    /// Things a user should know, in plain words.
    pub warnings: Vec<String>,
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
