//! What the engine may ask of `ray-names`, the program that changes the host's DNS settings.
//!
//! One packet is one message. Each [`NamesRequest`] is answered by one [`NamesReply`] that is no report, but for
//! `Look`, which a report answers; a [`NamesReply::Report`] also comes unasked whenever it has changed. Requests
//! name intents: servers, domains, files and interfaces are the program's own, from root's policy.
//!
//! ```text
//! New ──Hello──▶ Greeted ──ReplaceDns, Release, Look──▶ Greeted
//! ```
//!
//! The end of the connection undoes what was set: a resolver that nobody answers would hold up every lookup.

mod reply;
mod request;

pub use self::{
    reply::{Backend, Conflict, NamesRefusal, NamesReply, Report, State},
    request::{Mode, NamesRequest, Wanted},
};

use crate::{
    codec::{self, CodecError},
    limits::NAMES_FRAME_MAX,
};

/// Version of this protocol. Engine and `ray-names` ship together; a mismatch is a half-done upgrade.
pub const VERSION: u16 = 1;
/// Where `ray-names` listens.
pub const SOCKET_PATH: &str = "/run/rayfish/names.sock";

/// Encodes a request into one packet.
pub fn encode_request(request: &NamesRequest) -> Result<Vec<u8>, CodecError> {
    codec::encode::<NAMES_FRAME_MAX, _>(request)
}

/// Decodes a request that fills `packet`.
pub fn decode_request(packet: &[u8]) -> Result<NamesRequest, CodecError> {
    codec::decode::<NAMES_FRAME_MAX, _>(packet)
}

/// Encodes a reply into one packet.
pub fn encode_reply(reply: &NamesReply) -> Result<Vec<u8>, CodecError> {
    codec::encode::<NAMES_FRAME_MAX, _>(reply)
}

/// Decodes a reply that fills `packet`.
pub fn decode_reply(packet: &[u8]) -> Result<NamesReply, CodecError> {
    codec::decode::<NAMES_FRAME_MAX, _>(packet)
}
