//! What the engine asks of the host, through the helper and through `ray-names`. Layer 4; its world is their sockets.

mod around;
mod client;
mod names;
mod tunnel;

use std::{fmt, io, net::IpAddr};

use ray_ipc::{codec::CodecError, fd::RecvError, helper::Refusal};

pub use self::{
    around::replace_routes_around,
    client::{Client, OpenedTun},
    names::{NamesControl, NamesState, NamesWanted, OnReport},
    tunnel::{Shape, Tun, TunnelControl, TunnelState, TunnelWanted},
};

/// Why the helper did not do what was asked.
#[derive(Debug)]
pub enum HostError {
    /// Nobody answers at the helper's socket, or we may not connect.
    Unreachable {
        path: String,
        cause: io::Error,
    },
    /// The helper closed the connection or did not answer in time.
    Lost(RecvError),
    Send(io::Error),
    Codec(CodecError),
    /// The helper is of another release.
    Version {
        helper: u16,
    },
    /// An answer of another kind than the request calls for.
    Unexpected,
    Refused(Refusal),
    /// The host keeps more addresses inside the mesh than `max` routes can go around.
    Around {
        outside: Vec<IpAddr>,
        max: usize,
    },
    /// The kernel refused the helper.
    Failed {
        step: String,
        errno: i32,
    },
}

impl HostError {
    /// Whether the helper is gone, rather than of another opinion.
    pub fn is_absence(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Lost(_) | Self::Send(_) => true,
            Self::Codec(_)
            | Self::Version { .. }
            | Self::Unexpected
            | Self::Refused(_)
            | Self::Around { .. }
            | Self::Failed { .. } => false,
        }
    }

    /// Whether it stays so until root changes something.
    pub fn is_lasting(&self) -> bool {
        matches!(self, Self::Around { .. } | Self::Refused(Refusal::RouteCount { .. }))
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { path, cause } => match cause.kind() {
                io::ErrorKind::NotFound => write!(f, "no socket at {path}"),
                io::ErrorKind::ConnectionRefused => write!(f, "nobody answers at {path}"),
                io::ErrorKind::PermissionDenied => write!(f, "not allowed to connect to {path}"),
                _ => write!(f, "connecting to {path}: {cause}"),
            },
            Self::Lost(_) => f.write_str("the helper closed the connection or did not answer"),
            Self::Send(_) => f.write_str("sending to the helper"),
            Self::Codec(_) => f.write_str("talking to the helper"),
            Self::Version { helper } => {
                write!(f, "the helper speaks protocol version {helper}, this engine {}", ray_ipc::helper::VERSION)
            }
            Self::Unexpected => f.write_str("the helper answered something else than was asked"),
            Self::Refused(refusal) => write!(f, "refused: {refusal}"),
            Self::Around { outside, max } => {
                let outside: Vec<String> = outside.iter().map(ToString::to_string).collect();
                write!(
                    f,
                    "this host uses addresses inside the mesh as its gateways or resolvers, or keeps them ({}): more than \
                     {max} routes can go around",
                    outside.join(", ")
                )
            }
            Self::Failed { step, errno } => {
                write!(f, "{step}: {}", io::Error::from_raw_os_error(*errno))
            }
        }
    }
}

impl std::error::Error for HostError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreachable { cause, .. } | Self::Send(cause) => Some(cause),
            Self::Lost(cause) => Some(cause),
            Self::Codec(cause) => Some(cause),
            Self::Version { .. } | Self::Unexpected | Self::Refused(_) | Self::Around { .. } | Self::Failed { .. } => {
                None
            }
        }
    }
}
