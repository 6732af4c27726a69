//! What the user last asked for and expects to find again after a restart.

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize};

use super::{StoreError, atomic};

const FILE: &str = "settings.toml";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Whether the data plane shall be up.
    pub up: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { up: true }
    }
}

pub(super) fn load(root: &Path) -> Result<Settings, StoreError> {
    let path = root.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) => toml::from_str(&text).map_err(|cause| StoreError::Settings { path, cause }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Settings::default()),
        Err(error) => Err(StoreError::io("reading", &path, error)),
    }
}

pub(super) fn save(root: &Path, settings: &Settings) -> Result<(), StoreError> {
    // One boolean: spelled here rather than by a serializer that could fail.
    let Settings { up } = settings;
    atomic::write(&root.join(FILE), format!("up = {up}\n").as_bytes())
}
