//! The engine's state directory: identity, settings, and what is known of each network. Layer 4; its world is the file
//! system.
//!
//! ```text
//! /var/lib/rayfish/            0700
//!   identity.key               0600  32 bytes, the endpoint's secret key
//!   settings.toml              what the user last asked for
//!   config                     0600  what `ray config` has set
//!   aliases                    0600  names that this host gives for itself
//!   firewall                   0600  rules with keys, defaults, and what was decided about suggestions
//!   firewall.damaged           a firewall file as it was before it was replaced
//!   left/<room id>             the entry by which this node left, for the day that it joins again
//!   joining/<room id>          this node's own request to be let in
//!   networks/<room id>/ledger  entries, appended and synced before anything acts on them
//!   networks/<room id>/ledger.damaged   a ledger file as it was before it was repaired
//!   networks/<room id>/network.key      0600, on coordinators: 32 bytes each, newest first; sign the discovery record
//!   networks/<room id>/epochs  0600  epoch id and key, 64 bytes each, oldest first
//!   networks/<room id>/requests         who asks to be let in
//!   networks/<room id>/record  when the latest discovery record was issued that was accepted, 8 bytes
//!   networks/<room id>/idle    how long members were not seen, where idle ones are removed
//! ```
//!
//! A file is replaced atomically, a directory appears and vanishes by rename: `kill -9` at any moment leaves the old state
//! or the new one. [`crash_point`] is where tests do that.

mod aliases;
mod atomic;
mod config;
mod crash;
mod error;
mod firewall;
mod identity;
mod keys;
mod knocks;
mod log_file;
mod records;
mod settings;

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

pub use self::{
    aliases::AliasRecord,
    crash::{CRASH_POINTS, crash_point},
    error::StoreError,
    firewall::{Decided, FirewallRecord},
    knocks::{Joining, Knock, Knocks},
    log_file::{LogFile, Logged},
    settings::Settings,
};
use crate::{
    ident::{PeerId, RoomId},
    ledger::EntryId,
};

pub const STATE_DIR: &str = "/var/lib/rayfish";

const NETWORKS: &str = "networks";
const LEFT: &str = "left";
const JOINING: &str = "joining";
const LEDGER: &str = "ledger";
const DAMAGED: &str = "ledger.damaged";
const NETWORK_KEY: &str = "network.key";
const EPOCHS: &str = "epochs";
const REQUESTS: &str = "requests";
const IDLE: &str = "idle";
const RECORD: &str = "record";
/// Prefixes of directories on their way in or out; swept at start.
const INCOMING: &str = ".new-";
const OUTGOING: &str = ".gone-";
/// An entry by which a node left is one entry.
const LEFT_BYTES_MAX: u64 = 64 * 1024;

/// The state directory.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// What a network begins with on this node.
#[derive(Debug, Default)]
pub struct Beginning<'a> {
    pub entries: Vec<&'a [u8]>,
    pub network_key: Option<[u8; 32]>,
    pub epochs: Vec<(EntryId, [u8; 32])>,
}

impl Store {
    /// Opens `root`, which must be ours alone, and sweeps what an interrupted run left half done.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let store = Self { root: root.to_owned() };
        make_private_dir(root)?;
        let mode = fs::metadata(root).map_err(|e| StoreError::io("examining", root, e))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(StoreError::Exposed { path: root.to_owned(), mode: mode & 0o7777 });
        }
        for dir in [NETWORKS, LEFT, JOINING] {
            make_private_dir(&root.join(dir))?;
        }
        for path in listing(&store.root.join(NETWORKS))? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(INCOMING) || name.starts_with(OUTGOING) {
                fs::remove_dir_all(&path).map_err(|e| StoreError::io("sweeping", &path, e))?;
            }
        }
        Ok(store)
    }

    /// The node's secret key; made by `make` on first use.
    pub fn identity(&self, make: impl FnOnce() -> [u8; 32]) -> Result<[u8; 32], StoreError> {
        identity::load_or_make(&self.root, make)
    }

    pub fn settings(&self) -> Result<Settings, StoreError> {
        settings::load(&self.root)
    }

    pub fn save_settings(&self, settings: &Settings) -> Result<(), StoreError> {
        settings::save(&self.root, settings)
    }

    /// What was set while the engine ran: keys with their values, in words.
    pub fn config(&self) -> Result<Vec<(String, String)>, StoreError> {
        config::load(&self.root)
    }

    pub fn save_config(&self, settings: &[(&str, String)]) -> Result<(), StoreError> {
        config::save(&self.root, settings)
    }

    /// The names that this host gives for itself.
    pub fn aliases(&self) -> Result<Vec<AliasRecord>, StoreError> {
        aliases::load(&self.root)
    }

    pub fn save_aliases(&self, aliases: &[AliasRecord]) -> Result<(), StoreError> {
        aliases::save(&self.root, aliases)
    }

    /// The firewall of this host. A file that is damaged is kept aside, and what comes back lets nothing pass.
    pub fn firewall(&self) -> Result<FirewallRecord, StoreError> {
        firewall::load(&self.root)
    }

    pub fn save_firewall(&self, record: &FirewallRecord) -> Result<(), StoreError> {
        firewall::save(&self.root, record)
    }

    /// The networks on this disk.
    pub fn rooms(&self) -> Result<Vec<RoomId>, StoreError> {
        rooms_in(&self.root.join(NETWORKS))
    }

    /// Adds a network, complete with what it begins with, in one step.
    pub fn add_network(&self, room: RoomId, beginning: &Beginning<'_>) -> Result<LogFile, StoreError> {
        let incoming = self.root.join(NETWORKS).join(format!("{INCOMING}{room}"));
        match fs::remove_dir_all(&incoming) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::io("sweeping", &incoming, error));
            }
            Ok(()) | Err(_) => {}
        }
        make_private_dir(&incoming)?;
        LogFile::make(&incoming.join(LEDGER), &beginning.entries)?;
        crash_point("add-network-after-ledger");
        if let Some(key) = beginning.network_key {
            keys::save(&incoming.join(NETWORK_KEY), &[key])?;
        }
        if !beginning.epochs.is_empty() {
            keys::save_epochs(&incoming.join(EPOCHS), &beginning.epochs)?;
        }
        let home = self.network_dir(room);
        fs::rename(&incoming, &home).map_err(|e| StoreError::io("adding", &home, e))?;
        crash_point("add-network-after-rename");
        atomic::sync_dir(&self.root.join(NETWORKS))?;
        LogFile::open(&home.join(LEDGER), room).map(|(file, _)| file)
    }

    /// The ledger file of a network and what is in it.
    pub fn open_network(&self, room: RoomId) -> Result<(LogFile, Logged), StoreError> {
        LogFile::open(&self.network_dir(room).join(LEDGER), room)
    }

    /// Replaces the ledger file of a network, keeping the bytes of before aside.
    pub fn repair_network(&self, room: RoomId, entries: &[&[u8]]) -> Result<LogFile, StoreError> {
        let (path, aside) = (self.network_dir(room).join(LEDGER), self.network_dir(room).join(DAMAGED));
        atomic::remove(&aside)?;
        fs::hard_link(&path, &aside).map_err(|e| StoreError::io("keeping a copy of", &path, e))?;
        LogFile::make(&path, entries)?;
        LogFile::open(&path, room).map(|(file, _)| file)
    }

    /// Forgets a network.
    pub fn remove_network(&self, room: RoomId) -> Result<(), StoreError> {
        let outgoing = self.root.join(NETWORKS).join(format!("{OUTGOING}{room}"));
        let home = self.network_dir(room);
        fs::rename(&home, &outgoing).map_err(|e| StoreError::io("removing", &home, e))?;
        crash_point("remove-network-after-rename");
        atomic::sync_dir(&self.root.join(NETWORKS))?;
        fs::remove_dir_all(&outgoing).map_err(|e| StoreError::io("removing", &outgoing, e))
    }

    /// The keys that sign, or signed, the network's discovery record; the newest first.
    pub fn network_keys(&self, room: RoomId) -> Result<Vec<[u8; 32]>, StoreError> {
        keys::load(&self.network_dir(room).join(NETWORK_KEY))
    }

    pub fn save_network_keys(&self, room: RoomId, keys: &[[u8; 32]]) -> Result<(), StoreError> {
        keys::save(&self.network_dir(room).join(NETWORK_KEY), keys)?;
        crash_point("network-keys-after");
        Ok(())
    }

    /// Forgets the network's keys: this node coordinates no longer.
    pub fn remove_network_keys(&self, room: RoomId) -> Result<(), StoreError> {
        atomic::remove(&self.network_dir(room).join(NETWORK_KEY))
    }

    /// The keys of the network's epochs that this node has, oldest first.
    pub fn epochs(&self, room: RoomId) -> Result<Vec<(EntryId, [u8; 32])>, StoreError> {
        keys::load_epochs(&self.network_dir(room).join(EPOCHS))
    }

    pub fn save_epochs(&self, room: RoomId, epochs: &[(EntryId, [u8; 32])]) -> Result<(), StoreError> {
        keys::save_epochs(&self.network_dir(room).join(EPOCHS), epochs)?;
        crash_point("epochs-after");
        Ok(())
    }

    /// Who asks to be let in.
    pub fn knocks(&self, room: RoomId) -> Result<Knocks, StoreError> {
        knocks::load(&self.network_dir(room).join(REQUESTS))
    }

    pub fn save_knocks(&self, room: RoomId, knocks: &Knocks) -> Result<(), StoreError> {
        knocks::save(&self.network_dir(room).join(REQUESTS), knocks)?;
        crash_point("requests-after");
        Ok(())
    }

    /// Seconds that members were not seen while this node ran.
    pub fn idle(&self, room: RoomId) -> Result<Vec<(PeerId, u64)>, StoreError> {
        let record: Option<Vec<([u8; 32], u64)>> = records::load(&self.network_dir(room).join(IDLE))?;
        Ok(record.unwrap_or_default().into_iter().map(|(peer, seconds)| (PeerId(peer), seconds)).collect())
    }

    pub fn save_idle(&self, room: RoomId, idle: &[(PeerId, u64)]) -> Result<(), StoreError> {
        let record: Vec<([u8; 32], u64)> = idle.iter().map(|(peer, seconds)| (peer.0, *seconds)).collect();
        records::save(&self.network_dir(room).join(IDLE), &record)
    }

    /// When the latest discovery record was issued that this node accepted; 0 without one.
    pub fn record_issued(&self, room: RoomId) -> Result<u64, StoreError> {
        Ok(records::load(&self.network_dir(room).join(RECORD))?.unwrap_or_default())
    }

    pub fn save_record_issued(&self, room: RoomId, issued: u64) -> Result<(), StoreError> {
        records::save(&self.network_dir(room).join(RECORD), &issued)
    }

    /// The networks that this node asks to be let into, by what it was told to find them by.
    pub fn joining(&self) -> Result<Vec<(RoomId, Joining)>, StoreError> {
        let mut all = Vec::new();
        for room in rooms_in(&self.root.join(JOINING))? {
            all.extend(knocks::load_joining(&self.joining_file(room))?.map(|joining| (room, joining)));
        }
        Ok(all)
    }

    pub fn save_joining(&self, room: RoomId, joining: &Joining) -> Result<(), StoreError> {
        knocks::save_joining(&self.joining_file(room), joining)?;
        crash_point("joining-after");
        Ok(())
    }

    pub fn remove_joining(&self, room: RoomId) -> Result<(), StoreError> {
        atomic::remove(&self.joining_file(room))?;
        crash_point("joining-after-removal");
        Ok(())
    }

    /// Keeps the entry by which this node left a network; members that did not hear of it get it with the next join.
    pub fn remember_left(&self, room: RoomId, entry: &[u8]) -> Result<(), StoreError> {
        atomic::write(&self.root.join(LEFT).join(room.to_string()), entry)?;
        crash_point("remove-network-after-left");
        Ok(())
    }

    /// The entry by which this node left the network, if it did.
    pub fn left(&self, room: RoomId) -> Result<Option<Vec<u8>>, StoreError> {
        atomic::read(&self.root.join(LEFT).join(room.to_string()), LEFT_BYTES_MAX)
    }

    fn network_dir(&self, room: RoomId) -> PathBuf {
        self.root.join(NETWORKS).join(room.to_string())
    }

    fn joining_file(&self, room: RoomId) -> PathBuf {
        self.root.join(JOINING).join(room.to_string())
    }
}

fn rooms_in(dir: &Path) -> Result<Vec<RoomId>, StoreError> {
    let names = listing(dir)?.into_iter().filter_map(|path| path.file_name()?.to_str()?.parse().ok());
    Ok(names.collect())
}

fn listing(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = fs::read_dir(dir).map_err(|e| StoreError::io("listing", dir, e))?;
    entries.map(|entry| entry.map(|e| e.path()).map_err(|e| StoreError::io("listing", dir, e))).collect()
}

/// Makes the state directory where it does not exist yet.
pub fn make_dir(root: &Path) -> Result<(), StoreError> {
    make_private_dir(root)
}

fn make_private_dir(path: &Path) -> Result<(), StoreError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|e| StoreError::io("making", path, e))
}

#[cfg(test)]
mod tests;
