//! The engine's state directory: identity, settings, and the ledger of each network. Layer 4; its world is the file system.
//!
//! ```text
//! /var/lib/rayfish/            0700
//!   identity.key               0600  32 bytes, the endpoint's secret key
//!   settings.toml              what the user last asked for
//!   left/<room id>             the entry by which this node left, for the day that it joins again
//!   networks/<room id>/ledger  entries, appended and synced before anything acts on them
//!   networks/<room id>/network.key   0600, on the founder only: signs the network's discovery record
//! ```
//!
//! A file is replaced atomically, a directory appears and vanishes by rename: `kill -9` at any moment leaves the old state
//! or the new one.

mod atomic;
mod error;
mod identity;
mod log_file;
mod settings;

use std::{
    fs,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

pub use self::{error::StoreError, log_file::LogFile, settings::Settings};
use crate::ident::RoomId;

pub const STATE_DIR: &str = "/var/lib/rayfish";

const NETWORKS: &str = "networks";
const LEFT: &str = "left";
const LEDGER: &str = "ledger";
const NETWORK_KEY: &str = "network.key";
/// Prefixes of directories on their way in or out; swept at start.
const INCOMING: &str = ".new-";
const OUTGOING: &str = ".gone-";

/// The state directory.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
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
        make_private_dir(&store.networks())?;
        make_private_dir(&root.join(LEFT))?;
        for path in store.network_entries()? {
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

    /// The networks this node is in.
    pub fn rooms(&self) -> Result<Vec<RoomId>, StoreError> {
        let names = self.network_entries()?.into_iter().filter_map(|path| {
            let name = path.file_name()?.to_str()?.to_owned();
            name.parse().ok()
        });
        Ok(names.collect())
    }

    /// Adds a network, complete with its entries, in one step.
    pub fn add_network(
        &self,
        room: RoomId,
        network_key: Option<&[u8; 32]>,
        entries: &[&[u8]],
    ) -> Result<LogFile, StoreError> {
        let incoming = self.networks().join(format!("{INCOMING}{room}"));
        make_private_dir(&incoming)?;
        LogFile::make(&incoming.join(LEDGER), entries)?;
        if let Some(key) = network_key {
            atomic::write(&incoming.join(NETWORK_KEY), key)?;
        }
        let home = self.network_dir(room);
        fs::rename(&incoming, &home).map_err(|e| StoreError::io("adding", &home, e))?;
        atomic::sync_dir(&self.networks())?;
        LogFile::open(&home.join(LEDGER)).map(|(file, _)| file)
    }

    /// The ledger file of a network and the entries in it.
    pub fn open_network(&self, room: RoomId) -> Result<(LogFile, Vec<Vec<u8>>), StoreError> {
        LogFile::open(&self.network_dir(room).join(LEDGER))
    }

    /// Forgets a network.
    pub fn remove_network(&self, room: RoomId) -> Result<(), StoreError> {
        let outgoing = self.networks().join(format!("{OUTGOING}{room}"));
        let home = self.network_dir(room);
        fs::rename(&home, &outgoing).map_err(|e| StoreError::io("removing", &home, e))?;
        atomic::sync_dir(&self.networks())?;
        fs::remove_dir_all(&outgoing).map_err(|e| StoreError::io("removing", &outgoing, e))
    }

    /// Keeps the entry by which this node left a network; members that did not hear of it get it with the next join.
    pub fn remember_left(&self, room: RoomId, entry: &[u8]) -> Result<(), StoreError> {
        atomic::write(&self.root.join(LEFT).join(room.to_string()), entry)
    }

    /// The entry by which this node left the network, if it did.
    pub fn left(&self, room: RoomId) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.root.join(LEFT).join(room.to_string());
        match fs::read(&path) {
            Ok(entry) => Ok(Some(entry)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io("reading", &path, error)),
        }
    }

    fn networks(&self) -> PathBuf {
        self.root.join(NETWORKS)
    }

    fn network_dir(&self, room: RoomId) -> PathBuf {
        self.networks().join(room.to_string())
    }

    fn network_entries(&self) -> Result<Vec<PathBuf>, StoreError> {
        let dir = self.networks();
        let listing = fs::read_dir(&dir).map_err(|e| StoreError::io("listing", &dir, e))?;
        listing.map(|entry| entry.map(|e| e.path()).map_err(|e| StoreError::io("listing", &dir, e))).collect()
    }
}

fn make_private_dir(path: &Path) -> Result<(), StoreError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|e| StoreError::io("making", path, e))
}

#[cfg(test)]
mod tests;
