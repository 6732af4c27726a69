//! What a user may ask of the engine.
//!
//! A connection starts with [`ClientHello`] and [`ServerHello`]; when the versions differ the client says so and stops.
//! Then each [`Request`] is answered by [`Reply`] messages, of which the last is *final* ([`Reply::is_final`]). A frame
//! is a little-endian `u32` length and that many bytes of bincode; the length is checked before anything is allocated.
//!
//! No request names a file: the engine opens nothing that a caller points at. What a command takes out of a file, the
//! command line opens with the caller's own rights.

mod access;
mod config;
mod dns;
mod error;
mod firewall;
mod reply;
mod request;

pub use self::{access::*, config::*, dns::*, error::*, firewall::*, reply::*, request::*};

use bincode::{Decode, Encode};

use crate::{
    codec::{self, CodecError},
    limits::{CONTROL_FRAME_MAX, CONTROL_REQUEST_MAX},
};

/// Version of this protocol.
pub const VERSION: u16 = 1;
/// Where the engine listens. The directory belongs to the engine's user; anybody may connect, and the engine judges
/// each request by the caller's user and groups.
pub const SOCKET_PATH: &str = "/run/rayfish/engine/ray.sock";
/// Bytes of a frame's length prefix.
pub const LENGTH_PREFIX: usize = 4;

/// First frame from the client.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ClientHello {
    pub version: u16,
}

/// First frame from the engine.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ServerHello {
    pub version: u16,
    /// Release of the engine, for the message on a mismatch.
    pub engine_release: String,
}

/// A message of this protocol, with the frame size it may have.
pub trait Message: Encode + Decode<()> {
    /// Longest encoding in bytes, without the length prefix.
    const MAX: usize;

    /// The frame: length prefix and encoding.
    fn to_frame(&self) -> Result<Vec<u8>, CodecError>;
    /// Decodes the bytes after the length prefix.
    fn from_body(body: &[u8]) -> Result<Self, CodecError>;
}

macro_rules! message {
    ($type:ty, $max:expr) => {
        impl Message for $type {
            const MAX: usize = $max;

            fn to_frame(&self) -> Result<Vec<u8>, CodecError> {
                let body = codec::encode::<{ $max }, _>(self)?;
                let mut frame = Vec::with_capacity(LENGTH_PREFIX + body.len());
                // The codec has bounded the body far below 4 GiB.
                frame.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
                frame.extend_from_slice(&body);
                Ok(frame)
            }

            fn from_body(body: &[u8]) -> Result<Self, CodecError> {
                codec::decode::<{ $max }, _>(body)
            }
        }
    };
}

message!(ClientHello, 16);
message!(ServerHello, 256);
message!(Request, CONTROL_REQUEST_MAX);
message!(Reply, CONTROL_FRAME_MAX);
