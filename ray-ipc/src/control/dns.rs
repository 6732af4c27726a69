//! Names: how the host's DNS settings stand, how a name would be answered, and names of this host's own.

use std::net::{IpAddr, SocketAddr};

use bincode::{Decode, Encode};

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum DnsRequest {
    /// How things stand.
    Status,
    /// How the mesh's resolver would answer. Nobody is asked.
    Query {
        /// A name, with or without its final dot, or an address.
        name: String,
        kind: RecordKind,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum AliasRequest {
    List,
    Add {
        /// One label; it is answered below `ray`.
        name: String,
        /// A member, as in other requests.
        target: String,
    },
    Remove {
        name: String,
    },
}

/// Which questions are sent to the mesh's resolver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum DnsMode {
    /// None: nothing of the host's settings is touched.
    Off,
    /// Those about mesh names, where the host can tell names apart; else all.
    Names,
    /// All.
    Full,
}

impl DnsMode {
    pub const ALL: [Self; 3] = [Self::Off, Self::Names, Self::Full];

    /// Stable name, in settings, in text and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Names => "names",
            Self::Full => "full",
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// What a question asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum RecordKind {
    /// The addresses of a name, or the name of an address.
    Any,
    A,
    Aaaa,
    Ptr,
    Soa,
}

impl RecordKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "ANY",
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Ptr => "PTR",
            Self::Soa => "SOA",
        }
    }
}

/// How names stand on this host.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DnsReply {
    pub mode: DnsMode,
    /// Whether hosts shall be found by their bare name.
    pub search: bool,
    pub keeper: DnsKeeper,
    /// Absent until the keeper has said it.
    pub host: Option<HostDns>,
    /// Why what is wanted was refused or did not work.
    pub trouble: Option<String>,
    /// Where the mesh's resolver answers at this moment.
    pub answers: Vec<IpAddr>,
    /// The resolvers that the mesh's passes other questions on to, and whether each answers.
    pub upstreams: Vec<DnsUpstream>,
    /// Whether questions about other names are passed on.
    pub forwards: bool,
    /// What has changed, the oldest first.
    pub events: Vec<DnsEvent>,
}

/// The program that keeps the host's DNS settings.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum DnsKeeper {
    Connected,
    /// Not reachable; why.
    Missing {
        reason: String,
    },
}

/// What the keeper says of the host.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct HostDns {
    /// Stable name of the backend.
    pub backend: String,
    /// Why this one: a sentence.
    pub why: String,
    pub state: DnsState,
    /// What has been set, an item a line.
    pub set: Vec<String>,
    pub conflicts: Vec<DnsConflict>,
    /// The host's own resolvers and search domains, as they were before anything was set.
    pub resolvers: Vec<SocketAddr>,
    pub search: Vec<String>,
}

/// How far the change of the host's settings has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum DnsState {
    /// Nothing is wanted, and nothing is set.
    Unset,
    Set,
    /// Wanted, and tried again soon.
    Waiting,
    /// Wanted, and left alone for the sake of another program's settings.
    StoodDown,
}

impl DnsState {
    /// Stable name, in text and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unset => "unset",
            Self::Set => "set",
            Self::Waiting => "waiting",
            Self::StoodDown => "stood-down",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DnsConflict {
    pub what: String,
    pub remedy: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DnsUpstream {
    pub address: SocketAddr,
    pub answers: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DnsEvent {
    /// Unix time, seconds.
    pub time: u64,
    pub text: String,
}

/// How a name would be answered.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DnsQueryReply {
    /// The name in full, without the final dot.
    pub name: String,
    pub kind: RecordKind,
    pub verdict: DnsVerdict,
    /// The full name that a short one stands for.
    pub target: Option<String>,
    /// The network that it is in.
    pub network: Option<String>,
    pub alias: bool,
    pub records: Vec<DnsRecord>,
    /// Full names that a short one could mean as well.
    pub others: Vec<String>,
    /// Whom such a question would be passed on to.
    pub upstreams: Vec<SocketAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum DnsVerdict {
    /// There are such records.
    Found,
    /// There is such a name, and it has no such record.
    NoData,
    /// There is no such name.
    Missing,
    /// Not ours, and passed on.
    Forwarded,
    /// Not ours, and refused.
    Refused,
}

impl DnsVerdict {
    /// Stable name, in text and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::NoData => "no-data",
            Self::Missing => "missing",
            Self::Forwarded => "forwarded",
            Self::Refused => "refused",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DnsRecord {
    pub kind: RecordKind,
    pub data: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct AliasesReply {
    pub aliases: Vec<AliasStatus>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct AliasStatus {
    /// In full: `<alias>.ray`.
    pub name: String,
    /// The full name that its member has at this moment, or the endpoint id of one that is gone.
    pub target: String,
    pub endpoint_id: String,
    pub addresses: Vec<IpAddr>,
}

/// An alias was added, or removed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct AliasReply {
    pub alias: AliasStatus,
    /// Whether something else holds than before.
    pub changed: bool,
    /// Full name of the member that goes by this name otherwise.
    pub hides: Option<String>,
}
