//! What members say on the stream of a link.
//!
//! A link begins with one [`LinkMessage::Hello`] from each side. Then each side names the networks that both are in, with
//! the handle that it wants to see on datagrams of that network, and the heads of its ledger. Whoever sees an unknown head
//! asks for what it lacks and gets it in causal order, in answers of bounded size.

use bincode::{Decode, Encode};

use crate::ledger::limits::{ANSWER_ENTRIES_MAX, ENTRY_BYTES_MAX};

/// Version of the messages on a link; [`super::alpn::LINK`] changes when old and new cannot talk.
pub const VERSION: u16 = 1;
/// Feature bit: the sender has no IPv4 address in the mesh.
pub const FEATURE_IPV6_ONLY: u32 = 1;
/// Heads that one message names. More concurrent heads than that are found in the answers.
pub const HEADS_MAX: usize = 4096;
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

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use ray_ipc::codec;

    use super::*;

    #[test]
    fn frozen_vectors() {
        let room = [0x11; 32];
        for (message, hex) in [
            (
                LinkMessage::Hello { version: 1, features: 2, release: "0.1.0".to_owned() },
                "00000000010002000000050000000000000030 2e312e30".replace(' ', ""),
            ),
            (
                LinkMessage::Networks(vec![SharedNetwork { room, handle: 0x0304, heads: vec![[0x22; 32]] }]),
                format!("010000000100000000000000{}0403 0100000000000000{}", "11".repeat(32), "22".repeat(32))
                    .replace(' ', ""),
            ),
            (LinkMessage::Heads { room, heads: vec![] }, format!("02000000{}0000000000000000", "11".repeat(32))),
            (
                LinkMessage::Want { room, have: vec![[0x22; 32]] },
                format!("03000000{}0100000000000000{}", "11".repeat(32), "22".repeat(32)),
            ),
            (
                LinkMessage::Entries { room, entries: vec![vec![1, 2, 3]] },
                format!("04000000{}01000000000000000300000000000000010203", "11".repeat(32)),
            ),
        ] {
            let bytes = codec::encode::<MESSAGE_MAX, _>(&message).unwrap();
            assert_eq!(HEXLOWER.encode(&bytes), hex, "{message:?}");
            assert_eq!(codec::decode::<MESSAGE_MAX, LinkMessage>(&bytes).unwrap(), message);
        }
    }

    #[test]
    fn a_full_answer_fits_one_message() {
        let entries = vec![vec![0xff; ENTRY_BYTES_MAX]; ANSWER_ENTRIES_MAX];
        assert!(codec::encode::<MESSAGE_MAX, _>(&LinkMessage::Entries { room: [0; 32], entries }).is_ok());
    }
}
