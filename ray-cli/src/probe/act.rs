//! An act: one system call that must be refused, in words and in numbers.

use std::{ffi::c_long, path::PathBuf};

use nix::errno::Errno;

/// Which of the two confined processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Process {
    Engine,
    Helper,
}

impl Process {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Helper => "helper",
        }
    }

    /// Name of its executable.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Engine => "ray-engine",
            Self::Helper => "ray-helper",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Engine, Self::Helper].into_iter().find(|process| process.name() == name)
    }
}

/// What an act is about; the headings of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Programs,
    Processes,
    Kernel,
    Namespaces,
    Identity,
    Host,
    Network,
    Device,
    Files,
}

impl Kind {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Programs => "programs and memory",
            Self::Processes => "other processes",
            Self::Kernel => "the kernel",
            Self::Namespaces => "namespaces and mounts",
            Self::Identity => "identity and rights",
            Self::Host => "clock, name, limits, keys",
            Self::Network => "sockets",
            Self::Device => "the tunnel device",
            Self::Files => "files",
        }
    }

    /// Stable name for `--json`, and the first half of an act's id.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Programs => "programs",
            Self::Processes => "processes",
            Self::Kernel => "kernel",
            Self::Namespaces => "namespaces",
            Self::Identity => "identity",
            Self::Host => "host",
            Self::Network => "sockets",
            Self::Device => "device",
            Self::Files => "files",
        }
    }
}

/// What can refuse an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defence {
    Seccomp,
    Landlock,
    /// Memory that was writable never becomes executable.
    Memory,
    /// Owner and mode of a file.
    Permissions,
    /// A capability that the process does not hold.
    Capabilities,
    /// The limit that the process has set itself.
    Limit,
    /// The service manager shows the process another file system.
    MountNamespace,
    ReadOnlyMount,
}

impl Defence {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Seccomp => "seccomp",
            Self::Landlock => "Landlock",
            Self::Memory => "memory protection",
            Self::Permissions => "file permissions",
            Self::Capabilities => "no capability for it",
            Self::Limit => "hard limit",
            Self::MountNamespace => "not in its file system",
            Self::ReadOnlyMount => "read-only mount",
        }
    }

    /// Stable name for `--json`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Seccomp => "seccomp",
            Self::Landlock => "landlock",
            Self::Memory => "memory",
            Self::Permissions => "permissions",
            Self::Capabilities => "capabilities",
            Self::Limit => "limit",
            Self::MountNamespace => "mount_namespace",
            Self::ReadOnlyMount => "read_only_mount",
        }
    }

    /// Whether it is the process itself that has it, whoever runs it.
    pub(super) fn belongs_to_the_process(self) -> bool {
        match self {
            Self::Seccomp | Self::Landlock | Self::Memory | Self::Limit => true,
            Self::Permissions | Self::Capabilities | Self::MountNamespace | Self::ReadOnlyMount => false,
        }
    }
}

/// A part of Landlock, and the kernel that brought it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Needs {
    pub(super) landlock_abi: u8,
    pub(crate) linux: &'static str,
}

impl Needs {
    pub(super) const FILES: Self = Self { landlock_abi: 1, linux: "5.13" };
    pub(super) const TCP: Self = Self { landlock_abi: 4, linux: "6.7" };
    pub(super) const ABSTRACT_SOCKETS: Self = Self { landlock_abi: 6, linux: "6.12" };
    pub(super) const SOCKETS_BY_PATH: Self = Self { landlock_abi: 9, linux: "7.1" };
}

/// Something that the child has open before it confines itself, as the process has it open in earnest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ready {
    /// A queue of a throw-away TUN device of root's, in a network namespace of the child's own.
    Queue,
    /// `/dev/net/tun`, not attached to any device yet; in the same namespace.
    FreshQueue,
    UnixSocket,
    TcpSocket,
    /// A file in memory that belongs to the process.
    File,
    /// A path that leads to it.
    FilePath,
    /// A page of memory, readable and writable.
    Page,
}

/// An argument of a system call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Arg {
    Number(i64),
    /// A pointer to this text.
    Text(String),
    /// A pointer to a structure.
    Bytes(Vec<u8>),
    Ready(Ready),
}

impl From<i64> for Arg {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<i32> for Arg {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Vec<u8>> for Arg {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<Ready> for Arg {
    fn from(ready: Ready) -> Self {
        Self::Ready(ready)
    }
}

/// A file that an act is about, and how it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(super) path: PathBuf,
    pub(super) access: Access,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
    /// Put a nameless file into it, which is a directory.
    Fill,
    /// Put it into its directory; it is removed again if that worked.
    Create,
}

/// One thing that must be refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Act {
    /// Stable name for `--json`, such as `programs.execve`.
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) words: String,
    pub(super) number: c_long,
    pub(super) arguments: Vec<Arg>,
    /// Answers that mean no.
    pub(super) refusals: &'static [Errno],
    /// Who gives such an answer. A process that is killed was stopped by seccomp.
    pub(super) defence: Defence,
    /// The part of Landlock without which nothing refuses it on some hosts.
    pub(super) needs: Option<Needs>,
    pub(super) target: Option<Target>,
}

/// What the kernel says when it minds who asks.
const NOT_ALLOWED: &[Errno] = &[Errno::EPERM, Errno::EACCES];

impl Act {
    /// A system call that the process has no use for.
    pub(super) fn call(kind: Kind, name: &str, words: &str, number: c_long, arguments: Vec<Arg>) -> Self {
        Self {
            id: format!("{}.{name}", kind.name()),
            kind,
            words: words.to_owned(),
            number,
            arguments,
            refusals: NOT_ALLOWED,
            defence: Defence::Capabilities,
            needs: None,
            target: None,
        }
    }

    /// What refuses it where the process is not killed.
    pub(super) fn defended_by(self, defence: Defence) -> Self {
        Self { defence, ..self }
    }

    /// Another answer than the usual ones means no.
    pub(super) fn refused_with(self, refusals: &'static [Errno]) -> Self {
        Self { refusals, ..self }
    }

    pub(super) fn needing(self, needs: Needs) -> Self {
        Self { needs: Some(needs), ..self }
    }

    pub(super) fn on(self, path: impl Into<PathBuf>, access: Access) -> Self {
        Self { target: Some(Target { path: path.into(), access }), ..self }
    }
}
