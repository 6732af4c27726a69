//! Failures of the state directory, each naming the file.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

#[derive(Debug)]
pub enum StoreError {
    /// The operation on the path failed.
    Io { doing: &'static str, path: PathBuf, cause: io::Error },
    /// Others could read or write the state directory.
    Exposed { path: PathBuf, mode: u32 },
    /// The identity file has another length than a key.
    NotAKey { path: PathBuf, len: usize },
    /// The settings file is not what we write.
    Settings { path: PathBuf, cause: toml::de::Error },
}

impl StoreError {
    pub(super) fn io(doing: &'static str, path: &Path, cause: io::Error) -> Self {
        Self::Io { doing, path: path.to_owned(), cause }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { doing, path, .. } => write!(f, "{doing} {}", path.display()),
            Self::Exposed { path, mode } => {
                write!(f, "opening {}: mode {mode:04o} lets others in; run chmod 0700 on it", path.display())
            }
            Self::NotAKey { path, len } => {
                write!(f, "reading {}: {len} bytes instead of 32; restore it from a backup", path.display())
            }
            Self::Settings { path, .. } => write!(f, "parsing {}", path.display()),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { cause, .. } => Some(cause),
            Self::Settings { cause, .. } => Some(cause),
            Self::Exposed { .. } | Self::NotAKey { .. } => None,
        }
    }
}
