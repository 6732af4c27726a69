//! The three protocols of Rayfish.
//!
//! | protocol | between | socket | message | authority |
//! |---|---|---|---|---|
//! | [`helper`] | engine to helper | unix, SOCK_SEQPACKET | one bincode value a packet | the engine's uid, and nobody else |
//! | [`names`] | engine to `ray-names` | unix, SOCK_SEQPACKET | one bincode value a packet | the engine's uid, and nobody else |
//! | [`control`] | `ray` to engine | unix stream | length-prefixed bincode | the kernel's word on the caller, per request |
//!
//! Each begins with a hello that names the protocol version; a different version is answered in words and closed.
//! Types here are what crosses a socket, nothing more: the receiver validates every value before it acts on it.
//!
//! Unsafe code lives in [`fd`] and [`cred`] only.

pub mod codec;
#[allow(unsafe_code)]
pub mod cred;
#[allow(unsafe_code)]
pub mod fd;
pub mod limits;

#[cfg(feature = "control")]
pub mod control;
#[cfg(feature = "helper")]
pub mod helper;
#[cfg(feature = "names")]
pub mod names;
