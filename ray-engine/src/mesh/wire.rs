//! What members say on the stream of a link.
//!
//! A link begins with one [`LinkMessage::Hello`] from each side. Then each side names the networks that both are in, with
//! the handle that it wants to see on datagrams of that network, and the heads of its ledger. Whoever sees an unknown head
//! asks for what it lacks and gets it in causal order, in answers of bounded size.

use bincode::{Decode, Encode};

use crate::ledger::limits::{ANSWER_ENTRIES_MAX, ENTRY_BYTES_MAX};

/// Version of the messages on a link; [`super::alpn::LINK`] changes when old and new cannot talk.
pub const VERSION: u16 = 1;
/// An answer of entries of full size, with room for their lengths.
pub(super) const MESSAGE_MAX: usize = ANSWER_ENTRIES_MAX * (ENTRY_BYTES_MAX + 8) + 128;

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum LinkMessage {
    /// First message of each side.
    Hello { version: u16, features: u32, release: String },
    /// The networks shared with the receiver, in full; replaces what was said before.
    Networks(Vec<SharedNetwork>),
    /// The sender's ledger of `room` has changed; its heads.
    Heads { room: [u8; 32], heads: Vec<[u8; 32]> },
    /// Send what is neither in `have` nor an ancestor of it.
    Want { room: [u8; 32], have: Vec<[u8; 32]> },
    /// Entries in causal order.
    Entries { room: [u8; 32], entries: Vec<Vec<u8>> },
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SharedNetwork {
    pub room: [u8; 32],
    /// What datagrams of this network shall carry on their way to the sender of this message.
    pub handle: u16,
    pub heads: Vec<[u8; 32]>,
}
