//! Tests of the state directory.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use super::*;

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
fn a_torn_append_loses_nothing_that_was_acknowledged() {
    let dir = TempDir::new();
    let store = Store::open(&dir.path).unwrap();
    let mut log = store.add_network(ROOM, None, &[b"genesis"]).unwrap();
    log.append(&[b"second", b"third"]).unwrap();
    let path = store.network_dir(ROOM).join("ledger");
    let whole = fs::read(&path).unwrap();

    for cut in 0..=8 {
        let mut torn = whole.clone();
        torn.extend_from_slice(&framed_tail()[..cut]);
        fs::write(&path, &torn).unwrap();
        let (mut log, entries) = store.open_network(ROOM).unwrap();
        assert_eq!(entries, [b"genesis".to_vec(), b"second".to_vec(), b"third".to_vec()], "cut at {cut}");
        log.append(&[b"fourth"]).unwrap();
        assert_eq!(store.open_network(ROOM).unwrap().1.len(), 4);
    }

    /// `u16` length 7 and seven bytes, of which the test keeps at most six.
    fn framed_tail() -> Vec<u8> {
        [&7u16.to_le_bytes()[..], b"unfinis"].concat()
    }
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
    store.add_network(ROOM, Some(&[9; 32]), &[b"genesis"]).unwrap();
    assert_eq!(store.rooms().unwrap(), [ROOM]);
    store.remove_network(ROOM).unwrap();
    assert_eq!(store.rooms().unwrap(), []);
    assert_eq!(fs::read_dir(dir.path.join("networks")).unwrap().count(), 0);
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

struct TempDir {
    path: PathBuf,
}

impl TempDir {
    fn new() -> Self {
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
