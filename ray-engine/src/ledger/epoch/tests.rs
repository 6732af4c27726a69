//! What opens, and what does not.

use data_encoding::HEXLOWER;

use super::*;

const ROOM: RoomId = RoomId([0x11; 32]);
const EPOCH: EntryId = EntryId([0x22; 32]);
const NONCE: [u8; NONCE_BYTES] = [0x33; NONCE_BYTES];
const EPHEMERAL: [u8; 32] = [0x44; 32];

/// Points of order 1, 2, 4 and 8, in every encoding: as X25519 keys all of them lead to the shared secret zero.
const LOW_ORDER: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

#[test]
fn frozen_vectors() {
    let hex = |bytes: &[u8]| HEXLOWER.encode(bytes);
    assert_eq!(hex(&key().commitment()), "56dea6eaa8cc83e651f8c942dc485b72db00851165dc06bef6ec04a5c2d8bb82");
    let blob = seal(&key(), b"the whole history", NONCE);
    assert_eq!(
        hex(&blob[..64]),
        "0133333333333333333333333333333333333333333333333373531dfc8ffb97d154d5baf85a2b589f0ae4c1a96ff5eb\
         84ca06c257e363873b030a8321eecded"
    );
    assert_eq!(hex(blake3::hash(&blob).as_bytes()), "87522f57b54bad0b34c1dba6b37dbd7481e201a230e49b39fff19970b2f5a980");
    assert_eq!(
        hex(&wrapped()),
        "ff2ee45601ec1b67310c7790404585ae697331eee1c1f8cf2419731c1fff3e6b18948c0525da5bfd5076b3334e1426b8\
         a8e9c5a28898debf825e23cc1c3824230e043c53b895905f8df8fc833596da54"
    );
    let network = wrap_network_key(&ROOM, &id(&bob()), &signing(9), EPHEMERAL).unwrap();
    assert_eq!(
        hex(&network),
        "ff2ee45601ec1b67310c7790404585ae697331eee1c1f8cf2419731c1fff3e6b20785e5b81f13c26e2ba852bbbe47112\
         5130ba9c5e5d2fbb66410eba34dd717bbeaf712d148f213b7047a125c1359867"
    );
}

#[test]
fn opens_what_was_sealed_at_every_size_around_a_class_border() {
    for border in [CLASS_MIN, 2 * CLASS_MIN, CLASS_DOUBLING_MAX, 9 * CLASS_DOUBLING_MAX / 8] {
        for length in [0, 1, border - SEAL_OVERHEAD - 1, border - SEAL_OVERHEAD, border - SEAL_OVERHEAD + 1, border] {
            let plaintext: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let blob = seal(&key(), &plaintext, NONCE);
            assert_eq!(blob.len(), sealed_len(length));
            assert_eq!(open(&key(), &blob).unwrap(), plaintext, "{length} bytes");
        }
    }
}

#[test]
fn a_size_shows_its_class_only() {
    let classes: Vec<usize> = (0..40_000).map(|step| class(step * 13)).collect();
    let mut distinct = classes.clone();
    distinct.dedup();
    let kib: Vec<usize> = distinct.iter().map(|bytes| bytes / 1024).collect();
    let doubling = [4, 8, 16, 32, 64];
    let eighths = [72, 80, 88, 96, 104, 112, 120, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320, 352, 384];
    assert_eq!(kib[..25], [doubling.as_slice(), &eighths].concat());
    for (step, class_of) in classes.into_iter().enumerate() {
        assert!(class_of >= step * 13 && class(class_of) == class_of, "{class_of}");
    }
    assert_eq!(class(usize::MAX), usize::MAX);
}

#[test]
fn padding_wastes_at_most_an_eighth_of_a_large_blob() {
    for length in (CLASS_DOUBLING_MAX..4_000_000).step_by(997) {
        assert!(sealed_len(length) - length <= length / 8 + SEAL_OVERHEAD, "{length}");
    }
}

#[test]
fn another_key_opens_nothing() {
    let blob = seal(&key(), b"secret", NONCE);
    assert_eq!(open(&EpochKey([6; 32]), &blob), Err(SealError::Key));
}

#[test]
fn a_blob_with_one_byte_changed_does_not_open() {
    let blob = seal(&key(), b"secret", NONCE);
    for at in (0..100).chain(4000..blob.len()) {
        let mut changed = blob.clone();
        changed[at] ^= 1;
        assert!(open(&key(), &changed).is_err(), "byte {at}");
    }
}

#[test]
fn a_blob_of_another_version_or_size_is_refused_before_it_is_decrypted() {
    let mut blob = seal(&key(), b"secret", NONCE);
    for length in [0, 1, HEAD_BYTES, SEAL_OVERHEAD, blob.len() - 1] {
        assert_eq!(open(&key(), &blob[..length]), Err(SealError::Size), "{length} bytes");
    }
    assert_eq!(open(&key(), &[blob.as_slice(), &[0]].concat()), Err(SealError::Size));
    blob[0] = 2;
    assert_eq!(open(&key(), &blob), Err(SealError::Version(2)));
}

#[test]
fn a_length_beyond_the_blob_is_refused() {
    // What a member could make that has the key: the length says one byte more than there is.
    let room = CLASS_MIN - SEAL_OVERHEAD;
    let mut body = u64::try_from(room + 1).unwrap().to_le_bytes().to_vec();
    body.resize(LENGTH_BYTES + room, 0);
    let tag = sealer(&key()).encrypt_inout_detached(&NONCE.into(), &[VERSION], body.as_mut_slice().into()).unwrap();
    let blob = [&[VERSION][..], &NONCE, &body, &tag].concat();
    assert_eq!(blob.len(), CLASS_MIN);
    assert_eq!(open(&key(), &blob), Err(SealError::Size));
}

#[test]
fn a_commitment_fits_one_key() {
    assert_eq!(key().commitment(), key().commitment());
    assert_ne!(key().commitment(), EpochKey([6; 32]).commitment());
    assert_ne!(key().commitment(), key().0);
}

#[test]
fn a_member_unwraps_the_key_that_was_wrapped_for_it() {
    assert_eq!(unwrap(&ROOM, &EPOCH, &bob(), &wrapped()), Some(key()));
}

#[test]
fn nobody_else_unwraps_it_and_for_nothing_else() {
    assert_eq!(unwrap(&ROOM, &EPOCH, &signing(8), &wrapped()), None);
    assert_eq!(unwrap(&RoomId([0x12; 32]), &EPOCH, &bob(), &wrapped()), None);
    assert_eq!(unwrap(&ROOM, &EntryId([0x23; 32]), &bob(), &wrapped()), None);
    assert!(unwrap_network_key(&ROOM, &EPOCH.0, &bob(), &wrapped()).is_none());
}

#[test]
fn a_wrapped_key_with_one_byte_changed_or_missing_is_none() {
    let wrapped = wrapped();
    for at in 0..wrapped.len() {
        let mut changed = wrapped;
        changed[at] ^= 1;
        // The highest bit of the ephemeral key is no part of it, but it is part of the label.
        assert_eq!(unwrap(&ROOM, &EPOCH, &bob(), &changed), None, "byte {at}");
        assert_eq!(unwrap(&ROOM, &EPOCH, &bob(), &wrapped[..at]), None, "{at} bytes");
    }
    let mut changed = wrapped;
    changed[31] ^= 0x80;
    assert_eq!(unwrap(&ROOM, &EPOCH, &bob(), &changed), None);
    assert_eq!(unwrap(&ROOM, &EPOCH, &bob(), &[wrapped.as_slice(), &[0]].concat()), None);
}

#[test]
fn two_ephemeral_secrets_make_two_unlike_wrappings() {
    let other = wrap(&ROOM, &EPOCH, &id(&bob()), &key(), [0x45; 32]).unwrap();
    assert!(other.iter().zip(wrapped()).filter(|(one, other)| **one == *other).count() < 10);
    assert_eq!(unwrap(&ROOM, &EPOCH, &bob(), &other), Some(key()));
}

#[test]
fn a_shared_secret_that_everybody_knows_is_refused() {
    let secret = bob().to_scalar_bytes();
    for point in LOW_ORDER {
        let bytes: [u8; 32] = HEXLOWER.decode(point.as_bytes()).unwrap().try_into().unwrap();
        assert!(agree(MontgomeryPoint(bytes), &secret).is_none(), "{point}");
        // What a stranger would make who relies on it: all of it follows from what is public.
        let public = MontgomeryPoint(bytes);
        let label = Label { room: &ROOM, kind: Kind::Epoch, name: &EPOCH.0 };
        let cipher = wrapper(&label, &id(&bob()), &public, &[0; 32]);
        let mut body = [7; 32];
        let tag = cipher.encrypt_inout_detached(&Default::default(), &[], body.as_mut_slice().into()).unwrap();
        assert_eq!(unwrap(&ROOM, &EPOCH, &bob(), &[&bytes[..], &body, &tag].concat()), None, "{point}");
    }
}

#[test]
fn a_member_id_that_is_no_key_gets_nothing() {
    // Not on the curve; the identity; a point of order four.
    let four = [0; 32];
    let mut identity = [0; 32];
    identity[0] = 1;
    for bytes in [[2; 32], identity, four] {
        assert_eq!(wrap(&ROOM, &EPOCH, &PeerId(bytes), &key(), EPHEMERAL), None, "{bytes:?}");
    }
}

#[test]
fn a_network_key_arrives_only_if_it_is_the_one_that_was_named() {
    let network = signing(9);
    let discovery = network.verifying_key().to_bytes();
    let wrapped = wrap_network_key(&ROOM, &id(&bob()), &network, EPHEMERAL).unwrap();
    let arrived = unwrap_network_key(&ROOM, &discovery, &bob(), &wrapped).unwrap();
    assert_eq!(arrived.to_bytes(), network.to_bytes());
    assert!(unwrap_network_key(&ROOM, &[0; 32], &bob(), &wrapped).is_none());
    assert_eq!(unwrap(&ROOM, &EntryId(discovery), &bob(), &wrapped), None);
    // A member that names one key and wraps another.
    let label = Label { room: &ROOM, kind: Kind::Network, name: &discovery };
    let swapped = wrap_bytes(&label, &id(&bob()), &[1; 32], EPHEMERAL).unwrap();
    assert!(unwrap_network_key(&ROOM, &discovery, &bob(), &swapped).is_none());
}

#[test]
fn a_key_shows_nothing_of_itself() {
    assert_eq!(format!("{:?}", key()), "EpochKey(..)");
}

fn wrapped() -> [u8; WRAPPED_BYTES] {
    wrap(&ROOM, &EPOCH, &id(&bob()), &key(), EPHEMERAL).unwrap()
}

fn key() -> EpochKey {
    EpochKey([5; 32])
}

fn bob() -> SigningKey {
    signing(7)
}

fn signing(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn id(key: &SigningKey) -> PeerId {
    PeerId(key.verifying_key().to_bytes())
}
