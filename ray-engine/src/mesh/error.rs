//! Failures of the mesh.

use std::fmt;

use super::JoinRefusal;

#[derive(Debug)]
pub enum MeshError {
    /// The endpoint could not be set up.
    Bind(String),
    /// A relay or discovery address is not a URL.
    Url { url: String },
    /// The peer cannot be reached; why, in iroh's words.
    Unreachable(String),
    /// The peer did not answer in time.
    Timeout,
    /// The connection broke.
    Lost(String),
    /// The peer sent what the protocol does not allow.
    Violation(&'static str),
    /// A member said no.
    Refused(JoinRefusal),
}

impl fmt::Display for MeshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(why) => write!(f, "binding the endpoint: {why}"),
            Self::Url { url } => write!(f, "{url:?} is not a URL"),
            Self::Unreachable(why) => write!(f, "reaching the peer: {why}"),
            Self::Timeout => f.write_str("the peer did not answer in time"),
            Self::Lost(why) => write!(f, "the connection broke: {why}"),
            Self::Violation(what) => write!(f, "the peer broke the protocol: {what}"),
            Self::Refused(refusal) => refusal.fmt(f),
        }
    }
}

impl std::error::Error for MeshError {}
