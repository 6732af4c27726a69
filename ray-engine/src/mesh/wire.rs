//! What members say on the stream of a link.
//!
//! A link begins with one [`LinkMessage::Hello`] from each side. Then each side names the networks that both are in, with
//! the handle that it wants to see on datagrams of that network, and the heads of its ledger. What follows is the talk of
//! [`crate::sync`] for each network, keys for whoever may have them, and word of nodes that ask to be let in.

use bincode::{Decode, Encode};

use crate::ledger::limits::{ANSWER_ENTRIES_MAX, ENTRY_BYTES_MAX};

/// Version of the messages on a link; [`super::alpn::LINK`] changes when old and new cannot talk.
pub const VERSION: u16 = 2;
/// Feature bit: the sender has no IPv4 address in the mesh.
pub const FEATURE_IPV6_ONLY: u32 = 1;
/// Feature bit: the sender takes packets whose TCP or UDP checksum is left to it (frame kind 0x03).
pub const FEATURE_SEGMENTS: u32 = 2;
/// Feature bit: the sender takes control frames (frame kind 0x04).
pub const FEATURE_CONTROL: u32 = 4;
/// Heads that one message names. More concurrent heads than that are found in the answers.
pub const HEADS_MAX: usize = 512;
/// Epochs whose keys one message asks for.
pub const EPOCHS_MAX: usize = 16;
/// An answer of entries of full size, with room for their lengths.
pub const MESSAGE_MAX: usize = ANSWER_ENTRIES_MAX * (ENTRY_BYTES_MAX + 8) + 128;

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum LinkMessage {
    /// First message of each side.
    Hello { version: u16, features: u32, release: String },
    /// The networks shared with the receiver, in full; replaces what was said before.
    Networks(Vec<SharedNetwork>),
    /// The sender's ledger of `room` has changed; its heads.
    Heads { room: [u8; 32], heads: Vec<[u8; 32]> },
    /// Send what is neither in `have` nor an ancestor of it, the entries `ids` first.
    Want { room: [u8; 32], have: Vec<[u8; 32]>, ids: Vec<[u8; 32]> },
    /// Entries in causal order, and whether there are more where these came from.
    Entries { room: [u8; 32], entries: Vec<Vec<u8>>, more: bool },
    /// Send the keys of these epochs, and the key that signs the discovery record.
    KeyWant { room: [u8; 32], epochs: Vec<[u8; 32]>, network_key: bool },
    /// The keys that the sender has and the receiver may have, each readable by the receiver alone.
    Keys { room: [u8; 32], epochs: Vec<EpochAnswer>, network_key: Option<Vec<u8>> },
    /// A node asks a member to be let in; coordinators decide.
    Knock { room: [u8; 32], knock: Wish },
    /// A coordinator has said no to a node that asks to be let in.
    Denied { room: [u8; 32], peer: [u8; 32] },
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SharedNetwork {
    pub room: [u8; 32],
    /// What datagrams of this network shall carry on their way to the sender of this message.
    pub handle: u16,
    pub heads: Vec<[u8; 32]>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct EpochAnswer {
    pub epoch: [u8; 32],
    /// Absent if the sender does not have the key, or the receiver may not.
    pub wrapped: Option<Vec<u8>>,
}

/// What a node that asks to be let in has signed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Wish {
    pub peer: [u8; 32],
    pub hostname: String,
    pub after: Option<[u8; 32]>,
    pub consent: [u8; 64],
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use ray_ipc::codec;

    use super::*;

    #[test]
    fn frozen_vectors() {
        let room = [0x11; 32];
        let (ones, twos) = ("11".repeat(32), "22".repeat(32));
        for (message, hex) in [
            (
                LinkMessage::Hello { version: 2, features: 2, release: "0.1.0".to_owned() },
                "00000000 0200 02000000 0500000000000000 302e312e30".to_owned(),
            ),
            (
                LinkMessage::Networks(vec![SharedNetwork { room, handle: 0x0304, heads: vec![[0x22; 32]] }]),
                format!("01000000 0100000000000000 {ones} 0403 0100000000000000 {twos}"),
            ),
            (LinkMessage::Heads { room, heads: vec![] }, format!("02000000 {ones} 0000000000000000")),
            (
                LinkMessage::Want { room, have: vec![[0x22; 32]], ids: vec![[0x33; 32]] },
                format!("03000000 {ones} 0100000000000000 {twos} 0100000000000000 {}", "33".repeat(32)),
            ),
            (
                LinkMessage::Entries { room, entries: vec![vec![1, 2, 3]], more: true },
                format!("04000000 {ones} 0100000000000000 0300000000000000 010203 01"),
            ),
            (
                LinkMessage::KeyWant { room, epochs: vec![[0x22; 32]], network_key: true },
                format!("05000000 {ones} 0100000000000000 {twos} 01"),
            ),
            (
                LinkMessage::Keys {
                    room,
                    epochs: vec![
                        EpochAnswer { epoch: [0x22; 32], wrapped: None },
                        EpochAnswer { epoch: [0x22; 32], wrapped: Some(vec![9]) },
                    ],
                    network_key: None,
                },
                format!("06000000 {ones} 0200000000000000 {twos} 00 {twos} 01 0100000000000000 09 00"),
            ),
            (
                LinkMessage::Knock {
                    room,
                    knock: Wish { peer: [0x22; 32], hostname: "bob".to_owned(), after: None, consent: [0x33; 64] },
                },
                format!("07000000 {ones} {twos} 0300000000000000 626f62 00 {}", "33".repeat(64)),
            ),
            (LinkMessage::Denied { room, peer: [0x22; 32] }, format!("08000000 {ones} {twos}")),
        ] {
            let bytes = codec::encode::<MESSAGE_MAX, _>(&message).unwrap();
            assert_eq!(HEXLOWER.encode(&bytes), hex.replace(' ', ""), "{message:?}");
            assert_eq!(codec::decode::<MESSAGE_MAX, LinkMessage>(&bytes).unwrap(), message);
        }
    }

    #[test]
    fn a_full_answer_fits_one_message() {
        let entries = vec![vec![0xff; ENTRY_BYTES_MAX]; ANSWER_ENTRIES_MAX];
        assert!(codec::encode::<MESSAGE_MAX, _>(&LinkMessage::Entries { room: [0; 32], entries, more: true }).is_ok());
    }
}
