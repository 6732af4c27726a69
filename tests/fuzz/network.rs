//! What peers and programs on the host send.

use bytes::Bytes;
use ray_engine::{
    dns::{self, Zone},
    mesh::{
        frame::Unpacker,
        wire::{LinkMessage, MESSAGE_MAX},
    },
};
use ray_ipc::codec;

/// What a peer says on the stream of a link.
pub(crate) fn message(bytes: &[u8]) {
    let Ok(message) = codec::decode::<MESSAGE_MAX, LinkMessage>(bytes) else { return };
    let again =
        codec::encode::<MESSAGE_MAX, _>(&message).unwrap_or_else(|e| panic!("a decoded message is refused: {e}"));
    assert_eq!(again, bytes, "a message has one encoding");
}

pub(crate) fn message_samples() -> Vec<Vec<u8>> {
    let room = [0x11; 32];
    let messages = [
        LinkMessage::Hello { version: 1, features: 3, release: "0.1.0".to_owned() },
        LinkMessage::Heads { room, heads: vec![[0x22; 32]; 2] },
        LinkMessage::Want { room, have: vec![[0x22; 32]], ids: vec![[0x33; 32]] },
        LinkMessage::Entries { room, entries: vec![vec![1; 100], vec![2; 7]], more: true },
    ];
    messages.iter().filter_map(|message| codec::encode::<MESSAGE_MAX, _>(message).ok()).collect()
}

pub(crate) fn frame(bytes: &[u8]) {
    let mut unpacker = Unpacker::default();
    for datagram in bytes.chunks(64) {
        let _ = unpacker.unpack(&Bytes::copy_from_slice(datagram), |_, packet| assert!(!packet.is_empty()));
    }
}

pub(crate) fn frame_samples() -> Vec<Vec<u8>> {
    vec![b"\x01\x02\x01\x02\x00ab\x03\x00cde".to_vec(), b"\x02\x02\x01\x00\x00\x00\x00\x00\x0201234".to_vec()]
}

pub(crate) fn dns(bytes: &[u8]) {
    if let Some(reply) = dns::answer(&Zone::new([]), bytes) {
        assert!(reply.len() <= 4096);
    }
}

pub(crate) fn dns_samples() -> Vec<Vec<u8>> {
    vec![b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03nas\x04home\x03ray\x00\x00\x01\x00\x01".to_vec()]
}
