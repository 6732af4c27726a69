//! Tests of the state directory.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use super::*;
use crate::ident::UnixTime;

#[test]
fn keeps_the_identity_across_restarts_and_from_others() {
    let dir = TempDir::new();
    let first = Store::open(&dir.path).unwrap().identity(|| [7; 32]).unwrap();
    assert_eq!(Store::open(&dir.path).unwrap().identity(|| [8; 32]).unwrap(), first);
    let mode = fs::metadata(dir.path.join("identity.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
fn refuses_a_damaged_identity_instead_of_making_another() {
    let dir = TempDir::new();
    let store = Store::open(&dir.path).unwrap();
    fs::write(dir.path.join("identity.key"), [1u8; 31]).unwrap();
    assert!(matches!(store.identity(|| [9; 32]), Err(StoreError::NotAKey { len: 31, .. })));
    assert_eq!(fs::read(dir.path.join("identity.key")).unwrap(), [1u8; 31]);
}

#[test]
fn refuses_a_state_directory_that_others_can_enter() {
    let dir = TempDir::new();
    Store::open(&dir.path).unwrap();
    fs::set_permissions(&dir.path, fs::Permissions::from_mode(0o750)).unwrap();
    assert!(matches!(Store::open(&dir.path), Err(StoreError::Exposed { mode: 0o750, .. })));
}

#[test]
fn keeps_what_was_set_and_refuses_a_file_that_is_not_its_own() {
    let dir = TempDir::new();
    let store = Store::open(&dir.path).unwrap();
    assert_eq!(store.config().unwrap(), []);
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    store.save_config(&[("mtu", "1300".to_owned()), ("offload", "off".to_owned())]).unwrap();
    let path = dir.path.join("config");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    let kept = Store::open(&dir.path).unwrap().config().unwrap();
    assert_eq!(kept, [pair("mtu", "1300"), pair("offload", "off")]);
    for damaged in [&b"mtu\n"[..], b"\0\0\0", b"mtu = \xff", b"mtu=1300", &[b'a'; 5000]] {
        fs::write(&path, damaged).unwrap();
        assert!(store.config().is_err(), "{damaged:?}");
    }
    store.save_config(&[]).unwrap();
    assert_eq!(store.config().unwrap(), []);
}

#[test]
fn keeps_aliases_and_refuses_a_file_that_is_not_its_own() {
    let dir = TempDir::new();
    let store = Store::open(&dir.path).unwrap();
    assert_eq!(store.aliases().unwrap(), []);
    let alias = |name: &str, id| AliasRecord { name: name.parse().unwrap(), peer: PeerId([id; 32]), room: ROOM };
    let aliases = [alias("db", 7), alias("printer", 8)];
    store.save_aliases(&aliases).unwrap();
    let path = dir.path.join("aliases");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(Store::open(&dir.path).unwrap().aliases().unwrap(), aliases);
    let reserved = format!("localhost = {}@{ROOM}\n", PeerId([7; 32]));
    for damaged in ["db\n", "db = nas\n", "db = 07@07\n", &reserved, "\0", &"a".repeat(70_000)] {
        fs::write(&path, damaged).unwrap();
        assert!(store.aliases().is_err(), "{damaged:?}");
    }
}

#[test]
fn a_torn_append_loses_nothing_that_was_acknowledged() {
    let dir = TempDir::new();
    let store = Store::open(&dir.path).unwrap();
    let [first, second, third, fourth] = entries();
    let mut log = store.add_network(ROOM, &beginning(&first)).unwrap();
    log.append(&[&second, &third]).unwrap();
    let path = store.network_dir(ROOM).join("ledger");
    let whole = fs::read(&path).unwrap();

    let tail = [&u16::try_from(fourth.len()).unwrap().to_le_bytes()[..], &fourth].concat();
    for cut in 0..tail.len() {
        let mut torn = whole.clone();
        torn.extend_from_slice(&tail[..cut]);
        fs::write(&path, &torn).unwrap();
        let (mut log, logged) = store.open_network(ROOM).unwrap();
        let kept = vec![first.clone(), second.clone(), third.clone()];
        assert_eq!(logged, Logged { entries: kept, displaced: false }, "cut at {cut}");
        log.append(&[&fourth]).unwrap();
        assert_eq!(store.open_network(ROOM).unwrap().1.entries.len(), 4);
    }
}

#[test]
fn damage_costs_only_the_entry_that_it_hits() {
    let dir = TempDir::new();
    let store = Store::open(&dir.path).unwrap();
    let [first, second, third, fourth] = entries();
    let mut log = store.add_network(ROOM, &beginning(&first)).unwrap();
    log.append(&[&second, &third, &fourth]).unwrap();
    let path = store.network_dir(ROOM).join("ledger");
    let whole = fs::read(&path).unwrap();
    let frame = 2 + first.len();
    // Lengths, versions, room ids and bodies of the second and the third entry, each byte in three ways.
    for at in frame..3 * frame {
        for flip in [0x01, 0x80, 0xff] {
            let mut damaged = whole.clone();
            damaged[at] ^= flip;
            fs::write(&path, &damaged).unwrap();
            let entries = store.open_network(ROOM).unwrap().1.entries;
            let hit = if at < 2 * frame { &second } else { &third };
            for entry in [&first, &second, &third, &fourth].into_iter().filter(|entry| *entry != hit) {
                assert!(entries.contains(entry), "byte {at} ^ {flip:#x} lost another entry");
            }
        }
    }
}

#[test]
fn a_wrong_length_does_not_even_cost_its_entry() {
    let dir = TempDir::new();
    let store = Store::open(&dir.path).unwrap();
    let [first, second, third, _] = entries();
    let mut log = store.add_network(ROOM, &beginning(&first)).unwrap();
    log.append(&[&second, &third]).unwrap();
    let path = store.network_dir(ROOM).join("ledger");
    let mut bytes = fs::read(&path).unwrap();
    bytes[2 + first.len()] ^= 0x40;
    fs::write(&path, &bytes).unwrap();
    let logged = store.open_network(ROOM).unwrap().1;
    assert!(logged.displaced);
    assert!([first, second, third].iter().all(|entry| logged.entries.contains(entry)));
}

#[test]
fn zeros_at_the_end_are_an_unfinished_append() {
    let dir = TempDir::new();
    let store = Store::open(&dir.path).unwrap();
    let [first, ..] = entries();
    store.add_network(ROOM, &beginning(&first)).unwrap();
    let path = store.network_dir(ROOM).join("ledger");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [&whole[..], &[0; 4096]].concat()).unwrap();
    assert_eq!(store.open_network(ROOM).unwrap().1, Logged { entries: vec![first], displaced: false });
    assert_eq!(fs::read(&path).unwrap(), whole);
}

#[test]
fn a_repair_keeps_what_was_there_before() {
    let dir = TempDir::new();
    let store = Store::open(&dir.path).unwrap();
    let [first, second, third, _] = entries();
    store.add_network(ROOM, &beginning(&first)).unwrap();
    for _ in 0..2 {
        let mut log = store.repair_network(ROOM, &[&first, &second]).unwrap();
        log.append(&[&third]).unwrap();
    }
    assert_eq!(store.open_network(ROOM).unwrap().1.entries, [first, second, third]);
    assert!(store.network_dir(ROOM).join("ledger.damaged").exists());
}

#[test]
fn a_network_appears_and_vanishes_whole() {
    let dir = TempDir::new();
    let store = Store::open(&dir.path).unwrap();
    // What a crash between making and renaming leaves behind.
    fs::create_dir(dir.path.join("networks").join(format!(".new-{ROOM}"))).unwrap();
    fs::create_dir(dir.path.join("networks").join(format!(".gone-{ROOM}"))).unwrap();
    assert_eq!(store.rooms().unwrap(), []);

    let store = Store::open(&dir.path).unwrap();
    let [first, ..] = entries();
    let beginning =
        Beginning { network_key: Some([9; 32]), epochs: vec![(EntryId([1; 32]), [2; 32])], ..beginning(&first) };
    store.add_network(ROOM, &beginning).unwrap();
    assert_eq!(store.rooms().unwrap(), [ROOM]);
    assert_eq!(store.network_keys(ROOM).unwrap(), [[9; 32]]);
    assert_eq!(store.epochs(ROOM).unwrap(), [(EntryId([1; 32]), [2; 32])]);
    store.remove_network(ROOM).unwrap();
    assert_eq!(store.rooms().unwrap(), []);
    assert_eq!(fs::read_dir(dir.path.join("networks")).unwrap().count(), 0);
}

#[test]
fn keys_are_for_nobody_else() {
    let dir = TempDir::new();
    let store = Store::open(&dir.path).unwrap();
    let [first, ..] = entries();
    store.add_network(ROOM, &beginning(&first)).unwrap();
    let epochs = [(EntryId([1; 32]), [2; 32]), (EntryId([3; 32]), [4; 32])];
    store.save_epochs(ROOM, &epochs).unwrap();
    store.save_network_keys(ROOM, &[[5; 32], [6; 32]]).unwrap();
    assert_eq!(store.epochs(ROOM).unwrap(), epochs);
    assert_eq!(store.network_keys(ROOM).unwrap(), [[5; 32], [6; 32]]);
    for name in ["epochs", "network.key", "ledger"] {
        let mode = fs::metadata(store.network_dir(ROOM).join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "{name}");
    }
    store.remove_network_keys(ROOM).unwrap();
    assert!(store.network_keys(ROOM).unwrap().is_empty());
}

#[test]
fn requests_survive_a_restart_and_damage_costs_no_more_than_them() {
    let dir = TempDir::new();
    let store = Store::open(&dir.path).unwrap();
    let [first, ..] = entries();
    store.add_network(ROOM, &beginning(&first)).unwrap();
    let knock = Knock {
        peer: PeerId([1; 32]),
        hostname: "bob".parse().unwrap(),
        after: Some(EntryId([2; 32])),
        asked_at: UnixTime(7),
        consent: [3; 64],
    };
    let knocks = Knocks { asked: vec![knock], denied: vec![(PeerId([4; 32]), UnixTime(8))] };
    store.save_knocks(ROOM, &knocks).unwrap();
    let joining = Joining { hostname: "nas".parse().unwrap(), asked_at: UnixTime(9) };
    store.save_joining(ROOM, &joining).unwrap();
    store.save_idle(ROOM, &[(PeerId([1; 32]), 30)]).unwrap();
    assert_eq!(store.record_issued(ROOM).unwrap(), 0);
    store.save_record_issued(ROOM, u64::MAX).unwrap();

    let store = Store::open(&dir.path).unwrap();
    assert_eq!(store.knocks(ROOM).unwrap(), knocks);
    assert_eq!(store.joining().unwrap(), [(ROOM, joining)]);
    assert_eq!(store.idle(ROOM).unwrap(), [(PeerId([1; 32]), 30)]);
    assert_eq!(store.record_issued(ROOM).unwrap(), u64::MAX);

    fs::write(store.network_dir(ROOM).join("requests"), b"no such record").unwrap();
    assert_eq!(store.knocks(ROOM).unwrap(), Knocks::default());
    store.remove_joining(ROOM).unwrap();
    store.remove_joining(ROOM).unwrap();
    assert!(store.joining().unwrap().is_empty());
}

#[test]
fn remembers_the_entry_by_which_a_network_was_left() {
    let dir = TempDir::new();
    let store = Store::open(&dir.path).unwrap();
    assert_eq!(store.left(ROOM).unwrap(), None);
    store.remember_left(ROOM, b"leave").unwrap();
    assert_eq!(Store::open(&dir.path).unwrap().left(ROOM).unwrap().as_deref(), Some(&b"leave"[..]));
}

#[test]
fn remembers_what_the_user_asked_for() {
    let dir = TempDir::new();
    let store = Store::open(&dir.path).unwrap();
    assert!(store.settings().unwrap().up);
    store.save_settings(&Settings { up: false }).unwrap();
    assert!(!store.settings().unwrap().up);
}

const ROOM: RoomId = RoomId([7; 32]);

/// Version, room id, and a body that names the entry.
fn entries() -> [Vec<u8>; 4] {
    [b"first", b"other", b"third", b"final"].map(|text| [&[1][..], &ROOM.0, &text[..]].concat())
}

fn beginning(entry: &[u8]) -> Beginning<'_> {
    Beginning { entries: vec![entry], ..Beginning::default() }
}

pub(super) struct TempDir {
    pub(super) path: PathBuf,
}

impl TempDir {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let unique = format!("ray-store-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self { path: std::env::temp_dir().join(unique) }
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
