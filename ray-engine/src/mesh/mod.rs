//! Links to other nodes over iroh: who may open one, dialling, frames, and the two protocols spoken on them. Layer 4; its
//! world is iroh.
//!
//! A *link* is the one QUIC connection to a peer device, whatever number of networks both are in. It carries inner packets
//! as datagrams ([`frame`]) and membership as messages on one stream ([`wire`]). Strangers may speak the join protocol
//! ([`join`]) and nothing else: the [`gate`] closes a link's connection by roster right after the handshake, before any
//! byte of the peer is parsed further.

mod batch;
mod carrier;
mod congestion;
mod dial;
mod doorkeeper;
mod endpoint;
mod error;
mod event;
pub mod frame;
mod gate;
pub mod handin;
pub mod join;
mod link;
mod links;
mod lookup;
mod stream;
pub mod wire;

pub use self::{
    batch::{Batch, NotPacked},
    carrier::CARRIER_MAX,
    endpoint::{Guest, Mesh, MeshSettings},
    error::MeshError,
    event::{By, Credit, Door, Entering, JoinRefusal, MeshEvent, Seating, Ticket},
    link::{Heard, Link, LinkPath, LinkTraffic, Unsent},
    links::{Contact, Links},
};

/// Application protocols. A number is raised when the bytes change meaning.
mod alpn {
    pub(super) const LINK: &[u8] = b"rayfish/link/2";
    pub(super) const JOIN: &[u8] = b"rayfish/join/2";
}

/// Application close codes.
mod close {
    /// An orderly end: shutdown, or nothing left to share.
    pub(super) const DONE: u32 = 0;
    /// The peer is on no roster of ours.
    pub(super) const STRANGER: u32 = 1;
    /// A second connection between the same two nodes; the other one stays.
    pub(super) const DUPLICATE: u32 = 2;
    /// The peer broke the protocol.
    pub(super) const VIOLATION: u32 = 3;
    /// Too many strangers at once.
    pub(super) const BUSY: u32 = 4;
    /// Nothing comes over the path.
    pub(super) const SILENT: u32 = 5;
}

/// 32 bytes that nobody can guess.
pub fn random_key() -> [u8; 32] {
    iroh::SecretKey::generate().to_bytes()
}
