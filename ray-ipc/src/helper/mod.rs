//! What the engine may ask of the privileged helper.
//!
//! One packet is one message. The engine sends a [`HelperRequest`], the helper answers with one [`HelperReply`]. File
//! descriptors travel with [`HelperReply::TunOpened`] to the engine and with [`HelperRequest::ReturnTun`] to the helper,
//! exactly as many as the message says, and with nothing else. Requests name intents: no interface name, path, command,
//! pid or uid crosses. Legal order:
//!
//! ```text
//!                         ReturnTun
//! New ──Hello──▶ Greeted ──OpenTun──▶ Open ──SetAddresses──▶ Addressed ──SetLink(Up)──▶ Up
//!                   ▲                  │                        │  ▲                     │ ReplaceRoutes, SetLink(Up)
//!                   │                  │                        │  └────SetLink(Down)────┤
//!                   └──────────────────┴───────Release──────────┴────────────────────────┘
//! ```
//!
//! `SetAddresses` may be repeated in `Addressed` and `Up`, where it leaves the phase as it is: a node's IPv4 address can
//! move when it joins another network. The kernel forgets the routes of a link that goes down.
//!
//! `OpenTun` makes a device, or takes over the one that the helper kept for an engine that died. `ReturnTun` is its
//! counterpart for a helper that died: the engine, whose queues kept the device alive, hands them to the successor, which
//! takes nothing on trust: name, kind, flags, owner, namespace, number of queues and rules must be what it would have made.
//! Neither loses a packet: the device, its addresses and its routes stay, and asking for them again changes nothing.
//!
//! A request out of its phase, an unknown tag, surplus bytes or a descriptor that was not announced is a *violation*: the
//! helper closes the connection. A well-formed request that policy forbids is a *refusal*: a typed answer, and nothing changes.

mod reply;
mod request;

pub use self::{
    reply::{HelperReply, Refusal, TunOpened},
    request::{HelperRequest, LinkState, Route},
};

use crate::{
    codec::{self, CodecError},
    limits::HELPER_FRAME_MAX,
};

/// Version of this protocol. Engine and helper ship together; a mismatch is a half-done upgrade.
pub const VERSION: u16 = 1;
/// Where the helper listens.
pub const SOCKET_PATH: &str = "/run/rayfish/helper.sock";

/// Encodes a request into one packet.
pub fn encode_request(request: &HelperRequest) -> Result<Vec<u8>, CodecError> {
    codec::encode::<HELPER_FRAME_MAX, _>(request)
}

/// Decodes a request that fills `packet`.
pub fn decode_request(packet: &[u8]) -> Result<HelperRequest, CodecError> {
    codec::decode::<HELPER_FRAME_MAX, _>(packet)
}

/// Encodes a reply into one packet.
pub fn encode_reply(reply: &HelperReply) -> Result<Vec<u8>, CodecError> {
    codec::encode::<HELPER_FRAME_MAX, _>(reply)
}

/// Decodes a reply that fills `packet`.
pub fn decode_reply(packet: &[u8]) -> Result<HelperReply, CodecError> {
    codec::decode::<HELPER_FRAME_MAX, _>(packet)
}
