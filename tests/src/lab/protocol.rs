//! What crosses the supervisor's socket: JSON messages, one a packet, some with file descriptors.
//!
//! The socket is SOCK_SEQPACKET and abstract, in the host's network namespace. Both ends check the other's uid.

use std::{
    collections::BTreeMap,
    io,
    os::{
        fd::{BorrowedFd, OwnedFd},
        unix::net::UnixDatagram,
    },
    str::FromStr,
};

use nix::sys::socket::UnixAddr;
use ray_ipc::fd;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{LabConfig, LabError};

/// One message; an exec with a long command line and its environment fits.
const MESSAGE_LEN_MAX: usize = 128 * 1024;

/// What a client asks.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    Status,
    /// Comes with three descriptors: stdin, stdout, stderr. The connection lives as long as the command.
    Exec(ExecRequest),
    /// To the command of this connection.
    Signal(i32),
    Logs {
        node: String,
        process: Process,
    },
    Kill {
        node: String,
        process: Process,
        signal: i32,
    },
    Start {
        node: String,
        process: Option<Process>,
        /// Environment of this start, besides what the lab gives to all.
        env: BTreeMap<String, String>,
    },
    Stop {
        node: String,
        process: Option<Process>,
    },
    /// Runs what a service manager runs after the end of a process.
    Undo {
        node: String,
        process: Process,
    },
    Link {
        node: String,
        up: bool,
    },
    /// The longest packet on a node's cable.
    LinkMtu {
        node: String,
        mtu: u16,
    },
    /// How many of a million packets are lost on a node's cable, in each direction.
    Loss {
        node: String,
        ppm: u32,
    },
    /// Takes UDP from these nodes but for that with the infra, and gives it back to all others.
    RelayOnly {
        nodes: Vec<String>,
    },
    /// Plugs these nodes into a switch of their own, and all others into the first one.
    Split {
        apart: Vec<String>,
    },
    Down,
}

/// What the supervisor answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    Done,
    Status(LabStatus),
    /// Comes with one descriptor: the log, open for reading.
    Log,
    /// How the command of this connection ended, as `wait` tells it.
    Ended(i32),
    UnknownNode {
        node: String,
        known: Vec<String>,
    },
    Refused {
        message: String,
        log_tail: Vec<String>,
    },
}

/// A command to run in a node.
#[derive(Debug, Serialize, Deserialize)]
pub struct ExecRequest {
    pub node: String,
    /// Absent: root.
    pub user: Option<String>,
    pub argv: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub cwd: Option<String>,
}

/// A process that the lab runs in a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Process {
    Helper,
    Names,
    Engine,
    /// The relay and the pkarr server, in the node of that name.
    Infra,
}

impl Process {
    pub fn name(self) -> &'static str {
        match self {
            Self::Helper => "helper",
            Self::Names => "names",
            Self::Engine => "engine",
            Self::Infra => "infra",
        }
    }
}

impl FromStr for Process {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Helper, Self::Names, Self::Engine, Self::Infra]
            .into_iter()
            .find(|process| process.name() == text)
            .ok_or_else(|| format!("{text:?} is none of helper, names, engine, infra"))
    }
}

/// The whole lab at one moment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LabStatus {
    pub schema: String,
    pub name: String,
    pub uptime_s: u64,
    pub nodes: Vec<NodeStatus>,
}

impl LabStatus {
    pub const SCHEMA: &str = "ray.lab.status/1";

    /// The processes that were ended for a system call that their policy does not have, as `node process`.
    pub fn violations(&self) -> Vec<String> {
        let of = |node: &NodeStatus| {
            let guilty = node.processes.iter().filter(|process| process.violations > 0);
            guilty.map(|process| format!("{} {}", node.name, process.process.name())).collect::<Vec<_>>()
        };
        self.nodes.iter().flat_map(of).collect()
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NodeStatus {
    pub name: String,
    pub v4: String,
    pub v6: String,
    /// Whether the cable is plugged in.
    pub link: bool,
    pub processes: Vec<ProcessStatus>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProcessStatus {
    pub process: Process,
    /// In the lab's PID namespace, which is that of `ray-lab exec`; absent = not running.
    pub pid: Option<i32>,
    /// How it last ended, in words.
    pub ended: Option<String>,
    /// How often it was ended for a system call that its policy does not have.
    pub violations: u32,
}

/// What the outer supervisor process hands to the inner one, together with the listening socket.
#[derive(Debug, Serialize, Deserialize)]
pub struct Boot {
    pub config: LabConfig,
    /// Where our programs are.
    pub programs: String,
    /// End the lab when stdin closes.
    pub lifeline: bool,
}

/// What the supervisor writes while it starts, a line each.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    Progress(String),
    Ready,
    AlreadyRunning,
    Missing(Vec<String>),
    Failed { message: String, log_tail: Vec<String> },
}

/// The abstract address of the lab `name` of the user `uid`.
pub fn address(uid: u32, name: &str) -> nix::Result<UnixAddr> {
    UnixAddr::new_abstract(format!("ray-lab-{uid}-{name}").as_bytes())
}

/// Sends one message with its descriptors.
pub fn send<T: Serialize>(socket: &UnixDatagram, message: &T, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let bytes = serde_json::to_vec(message)?;
    if bytes.len() > MESSAGE_LEN_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "message longer than the lab's protocol allows"));
    }
    fd::send(socket, &bytes, fds)
}

/// Receives one message with its descriptors; `None` when the other end has closed.
pub fn recv<T: DeserializeOwned>(socket: &UnixDatagram) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut buffer = vec![0; MESSAGE_LEN_MAX];
    let received = loop {
        match fd::recv(socket, &mut buffer) {
            Err(fd::RecvError::Io(nix::errno::Errno::EINTR)) => {}
            other => break other.map_err(io::Error::other)?,
        }
    };
    if received.len == 0 {
        return Ok(None);
    }
    let bytes = buffer.get(..received.len).unwrap_or_default();
    Ok(Some((serde_json::from_slice(bytes)?, received.fds)))
}

/// The reply as a result, for callers that expect `Done`.
pub(crate) fn expect_done(reply: Reply) -> Result<(), LabError> {
    match reply {
        Reply::Done => Ok(()),
        other => Err(unexpected(other)),
    }
}

/// The error that a reply stands for, where another kind was expected.
pub(crate) fn unexpected(reply: Reply) -> LabError {
    match reply {
        Reply::UnknownNode { node, known } => LabError::UnknownNode { node, known },
        Reply::Refused { message, log_tail } if log_tail.is_empty() => LabError::Refused(message),
        Reply::Refused { message, log_tail } => LabError::Start { message, log_tail },
        Reply::Done | Reply::Status(_) | Reply::Log | Reply::Ended(_) => {
            LabError::Refused("the supervisor answered something else than was asked".to_owned())
        }
    }
}
