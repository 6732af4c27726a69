//! What a caller may do: the levels, each of which contains those below it.

use bincode::{Decode, Encode};

/// How much a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum Level {
    /// Ask who the engine is and what the caller itself may do.
    None,
    /// Look.
    Read,
    /// Use what there is: tunnel up and down.
    Use,
    /// Change anything, here and for others.
    Admin,
}

impl Level {
    pub const ALL: [Self; 4] = [Self::None, Self::Read, Self::Use, Self::Admin];

    /// Stable name, in text and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read => "read",
            Self::Use => "use",
            Self::Admin => "admin",
        }
    }

    /// What it adds to the level below, in a few words.
    pub fn adds(self) -> &'static str {
        match self {
            Self::None => "ask for releases, and for what you may do",
            Self::Read => "look at networks, members and rules; ping a peer",
            Self::Use => "bring the data plane up or down; follow dropped flows",
            Self::Admin => "change networks, members, names, groups, firewall, settings",
        }
    }
}

/// The answer to [`Whoami`](super::Request::Whoami).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct WhoamiReply {
    pub uid: u32,
    /// Absent where the engine's host has no local account with this uid.
    pub user: Option<String>,
    /// The groups that counted, the primary one first.
    pub groups: Vec<CallerGroup>,
    pub level: Level,
    /// The entry that gives the level; absent for root, which needs none, and where there is no such entry.
    pub granted: Option<Granted>,
    /// Whether the uid is the one that stands for all users of a foreign user namespace.
    pub foreign: bool,
    /// The file in which root says who may do what.
    pub settings: String,
}

/// A group of the caller.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CallerGroup {
    pub gid: u32,
    pub name: Option<String>,
}

/// An entry of the settings that names the caller.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Granted {
    /// `readers`, `users` or `admins`.
    pub key: String,
    /// As root wrote it.
    pub entry: String,
}
