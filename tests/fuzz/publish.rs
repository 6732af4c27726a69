//! What a network shows to the world: its discovery record and the sealed bundle of its entries.

use pkarr::{
    Keypair, SignedPacket,
    dns::{Name, rdata::TXT},
};
use ray_engine::{
    ident::{RoomId, UnixTime},
    ledger::{
        SigningKey, VerifiedEntry,
        epoch::{self, EpochKey},
        verify,
    },
    publish::{
        blob,
        record::{self, BlobRef, Cover, Expected, Issued, Record},
    },
};

const NETWORK: [u8; 32] = [8; 32];
const EPOCH: [u8; 32] = [6; 32];
const NONCE: [u8; 24] = [5; 24];

/// Bytes as they come, and as the inside of a bundle that somebody sealed well.
pub(crate) fn bundle(bytes: &[u8]) {
    let room = RoomId([7; 32]);
    let key = EpochKey(EPOCH);
    let _ = blob::open(room, bytes, &key);
    let Ok(entries) = blob::open(room, &epoch::seal(&key, bytes, NONCE), &key) else { return };
    for entry in &entries {
        let _ = verify(entry, room).map(|entry: VerifiedEntry| entry.id());
    }
}

pub(crate) fn bundle_samples() -> Vec<Vec<u8>> {
    let (room, key) = (RoomId([7; 32]), EpochKey(EPOCH));
    let entries = [vec![1u8; 200], vec![2; 300]];
    let Ok(blob) = blob::build(room, entries.iter().map(Vec::as_slice), &key) else { return Vec::new() };
    let plain = epoch::open(&key, blob.bytes()).unwrap_or_default();
    vec![plain, blob.bytes().iter().copied().take(512).collect()]
}

/// The text of a record that the network's own key signed.
pub(crate) fn record(bytes: &[u8]) {
    let Some(packet) = signed(bytes) else { return };
    let expected = Expected {
        discovery: SigningKey::from_bytes(&NETWORK).verifying_key().to_bytes(),
        now: UnixTime(packet.timestamp().as_u64() / 1_000_000),
        floor: Issued(0),
        epochs: &[EpochKey(EPOCH)],
    };
    if let Ok(record) = record::read(&packet, &expected) {
        assert!(record.seeds.is_none_or(|seeds| seeds.len() <= 6));
    }
}

pub(crate) fn record_samples() -> Vec<Vec<u8>> {
    let key = SigningKey::from_bytes(&NETWORK);
    let seeds = Some(vec![ray_engine::ident::PeerId([1; 32]); 3]);
    let blob = Some(BlobRef { hash: [4; 32], len: 4096 });
    let record = Record { issued: Issued(1_700_000_000_000_000), blob, seeds };
    let sealed = EpochKey(EPOCH);
    let covers = [Cover::Open, Cover::Sealed { key: &sealed, nonce: NONCE }];
    let packets = covers.into_iter().filter_map(|cover| record::sign(&record, cover, &key));
    packets.filter_map(|packet| text_of(&packet)).collect()
}

/// A packet with `text` as its only record, cut into strings as long as such a record may have.
fn signed(text: &[u8]) -> Option<SignedPacket> {
    let text = String::from_utf8_lossy(text);
    let mut record = TXT::new();
    for part in text.as_bytes().chunks(255) {
        record.add_char_string(pkarr::dns::CharacterString::new(part).ok()?);
    }
    let builder = SignedPacket::builder().txt(Name::new("_rayfish").ok()?, record, 300);
    builder.sign(&Keypair::from_secret_key(&NETWORK)).ok()
}

fn text_of(packet: &SignedPacket) -> Option<Vec<u8>> {
    packet.all_resource_records().find_map(|record| match &record.rdata {
        pkarr::dns::rdata::RData::TXT(text) => Some(String::try_from(text.clone()).ok()?.into_bytes()),
        _ => None,
    })
}
