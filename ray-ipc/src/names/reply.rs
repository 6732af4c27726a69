//! Answers and reports of `ray-names`.

use std::net::SocketAddr;

use crate::codec;

/// An answer, or a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamesReply {
    /// Answer to `Hello`: the version spoken here. When it differs, the connection is closed after this.
    Hello { version: u16 },
    /// The state asked for is in effect, or will be as soon as the host lets it; the next report says which.
    Done,
    /// Policy forbids it. Nothing changed.
    Refused(NamesRefusal),
    /// It could not be done; what was half done has been undone.
    Failed { step: String, errno: i32 },
    /// How things are.
    Report(Report),
}

/// Why a well-formed request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamesRefusal {
    /// Root's policy says `backend = "off"`.
    Off,
    /// Root's policy does not let the mesh's resolver see all lookups.
    FullForbidden,
    /// More search domains than the protocol allows.
    SearchCount { max: u8 },
    /// A search domain that is no network's name.
    SearchName,
}

/// How the host's DNS settings stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub backend: Backend,
    /// Why this backend: one sentence.
    pub why: String,
    pub state: State,
    /// What has been set, an item a line.
    pub set: Vec<String>,
    pub conflicts: Vec<Conflict>,
    /// The host's resolvers but for the mesh's, as they were before anything was set, in their order.
    pub upstreams: Vec<SocketAddr>,
    /// The host's own search domains.
    pub search: Vec<String>,
}

/// Who keeps the host's DNS settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Off,
    Resolved,
    NetworkManager,
    Resolvconf,
    File,
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing is wanted, and nothing is set.
    Unset,
    /// Wanted, and in effect.
    Set,
    /// Wanted, and tried again soon.
    Waiting,
    /// Wanted, and left alone for the sake of another program's settings.
    StoodDown,
}

/// What stands in the way of names, and what would help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    pub what: String,
    pub remedy: String,
}

codec::message!(enum NamesReply {
    0 => Hello { version },
    1 => Done,
    2 => Refused(refusal),
    3 => Failed { step, errno },
    4 => Report(report),
});
codec::message!(enum NamesRefusal {
    0 => Off,
    1 => FullForbidden,
    2 => SearchCount { max },
    3 => SearchName,
});
codec::message!(struct Report { backend, why, state, set, conflicts, upstreams, search });
codec::message!(enum Backend { 0 => Off, 1 => Resolved, 2 => NetworkManager, 3 => Resolvconf, 4 => File });
codec::message!(enum State { 0 => Unset, 1 => Set, 2 => Waiting, 3 => StoodDown });
codec::message!(struct Conflict { what, remedy });
