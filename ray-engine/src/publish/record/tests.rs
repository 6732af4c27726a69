//! Records written, read, and everything that is no record.

use super::*;

const NOW: UnixTime = UnixTime(1_800_000_000);
const HOUR: u64 = 3600;

#[test]
fn an_open_record_says_what_was_signed() {
    for count in 0..=6 {
        let record = record(count);
        let packet = sign(&record, Cover::Open, &network()).unwrap();
        assert_eq!(read(&packet, &expected(&[])), Ok(record));
    }
}

#[test]
fn a_sealed_record_opens_with_its_epochs_key_among_others() {
    let keys = [key(1), key(2), key(3)];
    let packet = sign(&record(6), sealed(&keys[1]), &network()).unwrap();
    assert_eq!(read(&packet, &expected(&keys)), Ok(record(6)));
    let known = read(&packet, &expected(&keys[..1])).unwrap();
    assert_eq!(known, Record { seeds: None, ..record(6) });
}

#[test]
fn a_record_of_any_content_fits_the_dht_with_all_headers() {
    let blobs = [None, Some(BlobRef { hash: [0xff; 32], len: u32::try_from(BLOB_LEN_MAX).unwrap() })];
    for network_key in (0..=255).map(|byte| SigningKey::from_bytes(&[byte; 32])) {
        for count in 0..=6 {
            for (blob, issued) in blobs.into_iter().flat_map(|blob| [(blob, 0), (blob, u64::MAX >> 1)]) {
                let record = Record { issued: Issued(issued), blob, ..record(count) };
                for cover in [Cover::Open, sealed(&key(1))] {
                    let packet = sign(&record, cover, &network_key).unwrap();
                    assert!(packet.as_bytes().len() <= 1000, "{}", packet.as_bytes().len());
                }
            }
        }
    }
}

#[test]
fn a_sealed_record_shows_no_number_and_no_name() {
    let lens: Vec<_> = (0..=6)
        .map(|count| {
            let packet = sign(&record(count), sealed(&key(1)), &network()).unwrap();
            let body = body_of(&packet.encoded_packet(), packet.public_key()).unwrap();
            for seed in record(count).seeds.unwrap() {
                assert!(!body.windows(32).any(|window| window == seed.0));
            }
            packet.as_bytes().len()
        })
        .collect();
    assert!(lens.iter().all(|len| *len == lens[0]), "{lens:?}");
}

#[test]
fn signs_no_record_that_no_reader_takes() {
    assert!(sign(&record(7), Cover::Open, &network()).is_none());
    assert!(sign(&Record { seeds: None, ..record(1) }, Cover::Open, &network()).is_none());
    for len in [0, u32::MAX] {
        let blob = Some(BlobRef { hash: [1; 32], len });
        assert!(sign(&Record { blob, ..record(1) }, Cover::Open, &network()).is_none());
    }
}

#[test]
fn refuses_a_record_of_another_key() {
    let packet = sign(&record(1), Cover::Open, &SigningKey::from_bytes(&[8; 32])).unwrap();
    assert_eq!(read(&packet, &expected(&[])), Err(RecordError::Forged));
}

#[test]
fn refuses_every_changed_bit() {
    let packet = sign(&record(2), sealed(&key(1)), &network()).unwrap();
    let payload = packet.to_relay_payload();
    for bit in 0..payload.len() * 8 {
        let mut changed = payload.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(SignedPacket::from_relay_payload(&packet.public_key(), &changed.into()).is_err(), "bit {bit}");
    }
}

#[test]
fn bounds_the_time_of_issue_in_both_directions() {
    let (ahead, back) = (2 * HOUR, 7 * 24 * HOUR);
    for (at, answer) in [
        (NOW.0 + ahead, None),
        (NOW.0 + ahead + 1, Some(RecordError::FromTheFuture)),
        (u64::MAX / 2_000_000, Some(RecordError::FromTheFuture)),
        (NOW.0 - back, None),
        (NOW.0 - back - 1, Some(RecordError::Expired)),
        (0, Some(RecordError::Expired)),
    ] {
        let record = Record { issued: Issued(at * 1_000_000), ..record(1) };
        let packet = sign(&record, Cover::Open, &network()).unwrap();
        assert_eq!(read(&packet, &expected(&[])).err(), answer, "{at}");
    }
}

#[test]
fn refuses_what_is_older_than_the_last_accepted_record_and_takes_that_one_again() {
    let packet = sign(&record(1), Cover::Open, &network()).unwrap();
    let floor = |floor| Expected { floor: Issued(floor), ..expected(&[]) };
    let issued = record(1).issued.0;
    assert!(read(&packet, &floor(issued)).is_ok());
    assert_eq!(read(&packet, &floor(issued + 1)), Err(RecordError::Superseded));
}

#[test]
fn a_record_that_replaces_another_is_later_also_when_the_others_clock_was_ahead() {
    let ahead = Issued((NOW.0 + HOUR) * 1_000_000);
    assert_eq!(Issued::after(NOW, ahead), Issued(ahead.0 + 1));
    assert_eq!(Issued::after(NOW, Issued(5)).unix(), NOW);
    assert_eq!(Issued::after(UnixTime(u64::MAX), Issued(u64::MAX)), Issued(u64::MAX));
}

#[test]
fn refuses_a_newer_version_and_says_which() {
    assert_eq!(read_body(&[2]), Err(RecordError::Version(2)));
    assert_eq!(read_body(&[0; 60]), Err(RecordError::Version(0)));
}

#[test]
fn refuses_bodies_that_no_program_writes() {
    let with = |sealed: u8, hash: [u8; 32], len: u32, rest: &[u8]| {
        [&[1, sealed][..], &hash, &len.to_le_bytes(), rest].concat()
    };
    let (hash, none) = ([3; 32], [0; 32]);
    let twice = [&[2][..], &[5; 64]].concat();
    for (body, why) in [
        (vec![], "empty"),
        (vec![1], "too short"),
        (with(2, hash, 1, &[0]), "neither open nor sealed"),
        (with(0, hash, 0, &[0]), "no blob has that hash and length"),
        (with(0, none, 1, &[0]), "no blob has that hash and length"),
        (with(0, hash, u32::MAX, &[0]), "no blob has that hash and length"),
        (with(0, hash, 1, &[]), "no seeds"),
        (with(0, hash, 1, &[1; 32]), "too short"),
        (with(0, hash, 1, &[0, 0]), "bytes too many"),
        (with(0, hash, 1, &[&[7][..], &[1; 224]].concat()), "too many seeds"),
        (with(0, hash, 1, &twice), "a seed twice"),
        (with(1, hash, 1, &[0; 23]), "too short"),
        (with(1, hash, 1, &[0; 24]), "a sealed part of another length"),
        (with(1, hash, 1, &[0; 24 + 193 + 17]), "a sealed part of another length"),
    ] {
        assert_eq!(read_body(&body), Err(RecordError::Malformed(why)));
    }
}

#[test]
fn refuses_sealed_seeds_that_no_program_writes() {
    let mut surplus = vec![0; SEED_LIST_LEN];
    surplus[SEED_LIST_LEN - 1] = 1;
    let mut many = vec![0; SEED_LIST_LEN];
    many[0] = 7;
    for list in [surplus, many] {
        let head = [&[1, 1][..], &[0; 36]].concat();
        let aad = bound(&network().verifying_key().to_bytes(), &head);
        let sealed = cipher(&key(1)).encrypt(&XNonce::from([4; 24]), Payload { msg: &list, aad: &aad }).unwrap();
        let body = [&head[..], &[4; 24], &sealed].concat();
        let packet = packet(&body, record(0).issued, &network()).unwrap();
        assert_eq!(read(&packet, &expected(&[key(1)])), Err(RecordError::BadSeal));
    }
}

#[test]
fn a_sealed_part_serves_no_other_network_and_no_other_blob() {
    let packet_of = sign(&record(2), sealed(&key(1)), &network()).unwrap();
    let body = body_of(&packet_of.encoded_packet(), packet_of.public_key()).unwrap();
    let other = SigningKey::from_bytes(&[8; 32]);
    let moved = packet(&body, record(2).issued, &other).unwrap();
    let keys = [key(1)];
    let elsewhere = Expected { discovery: other.verifying_key().to_bytes(), ..expected(&keys) };
    assert_eq!(read(&moved, &elsewhere).unwrap().seeds, None);
    let mut changed = body;
    changed[2] ^= 1;
    let changed = packet(&changed, record(2).issued, &network()).unwrap();
    assert_eq!(read(&changed, &expected(&keys)).unwrap().seeds, None);
}

#[test]
fn refuses_packets_that_hold_something_else() {
    let keypair = Keypair::from_secret_key(&network().to_bytes());
    let at = || SignedPacket::builder().timestamp(Timestamp::from(record(1).issued.0));
    let name = |name: &'static str| Name::new(name).unwrap();
    let text = || TXT::new().with_string("AQ").unwrap();
    for packet in [
        at().sign(&keypair),
        at().txt(name(NAME), text(), 1).txt(name(NAME), text(), 1).sign(&keypair),
        at().txt(name("_iroh"), text(), 1).sign(&keypair),
        at().txt(name("a._rayfish"), text(), 1).sign(&keypair),
        at().a(name(NAME), [192, 0, 2, 1].into(), 1).sign(&keypair),
        at().txt(name(NAME), TXT::new().with_string("=").unwrap(), 1).sign(&keypair),
        at().txt(name(NAME), TXT::new().with_string("AR").unwrap(), 1).sign(&keypair),
    ] {
        let answer = read(&packet.unwrap(), &expected(&[]));
        assert!(matches!(answer, Err(RecordError::Malformed(_))), "{answer:?}");
    }
}

#[test]
fn takes_the_latest_good_one_of_several() {
    let at = |issued| {
        let record = Record { issued: Issued(NOW.0 * 1_000_000 + issued), ..record(1) };
        sign(&record, Cover::Open, &network()).unwrap()
    };
    let future = at(3 * HOUR * 1_000_000);
    let forged = sign(&record(1), Cover::Open, &SigningKey::from_bytes(&[8; 32])).unwrap();
    let latest = |packets: &[&SignedPacket]| newest(packets.iter().copied(), &expected(&[]));
    let issued = |answer: Option<Result<Record, RecordError>>| answer.unwrap().unwrap().issued.0 - NOW.0 * 1_000_000;
    assert_eq!(issued(latest(&[&at(1), &at(3), &at(2)])), 3);
    assert_eq!(issued(latest(&[&future, &at(2), &forged])), 2);
    assert_eq!(latest(&[&forged, &future]), Some(Err(RecordError::FromTheFuture)));
    assert_eq!(latest(&[]), None);
}

/// Any body under a good signature.
fn read_body(body: &[u8]) -> Result<Record, RecordError> {
    read(&packet(body, record(0).issued, &network()).unwrap(), &expected(&[key(1)]))
}

fn record(seeds: u8) -> Record {
    Record {
        issued: Issued(NOW.0 * 1_000_000 + 7),
        blob: Some(BlobRef { hash: [0xb1; 32], len: 8192 }),
        seeds: Some((1..=seeds).map(|number| PeerId([number; 32])).collect()),
    }
}

fn expected(epochs: &[EpochKey]) -> Expected<'_> {
    Expected { discovery: network().verifying_key().to_bytes(), now: NOW, floor: Issued(0), epochs }
}

fn sealed(key: &EpochKey) -> Cover<'_> {
    Cover::Sealed { key, nonce: [4; 24] }
}

fn network() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn key(number: u8) -> EpochKey {
    EpochKey([number; 32])
}
