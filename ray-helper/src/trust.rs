//! Reads a file only where nobody but root could have written it.

use std::{
    error::Error,
    fmt,
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use nix::libc::O_NOFOLLOW;

/// A policy is a few lines; more is a mistake of the path.
const TEXT_LEN_MAX: u64 = 64 * 1024;
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Why a path is not to be trusted.
#[derive(Debug)]
pub enum TrustError {
    Unreadable { path: PathBuf, cause: io::Error },
    NotAFile { path: PathBuf },
    NotADirectory { path: PathBuf },
    TooLong { path: PathBuf },
    ForeignOwner { path: PathBuf, uid: u32 },
    Writable { path: PathBuf, mode: u32 },
}

impl TrustError {
    /// What the administrator can do.
    pub fn hint(&self) -> String {
        match self {
            Self::Unreadable { path, .. } | Self::NotAFile { path } | Self::NotADirectory { path } => {
                format!(
                    "make sure that {} is there, owned by root, with mode 0644 (0755 for a directory)",
                    path.display()
                )
            }
            Self::TooLong { path } => format!("check that {} is the file you meant", path.display()),
            Self::ForeignOwner { path, .. } => format!("look who changed it, then run: chown root {}", path.display()),
            Self::Writable { path, .. } => format!("look who changed it, then run: chmod go-w {}", path.display()),
        }
    }
}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, .. } => write!(f, "reading {}", path.display()),
            Self::NotAFile { path } => write!(f, "reading {}: not a regular file", path.display()),
            Self::NotADirectory { path } => write!(f, "using {}: not a directory", path.display()),
            Self::TooLong { path } => write!(f, "reading {}: longer than {TEXT_LEN_MAX} bytes", path.display()),
            Self::ForeignOwner { path, uid } => {
                write!(f, "trusting {}: it belongs to uid {uid}, not to root", path.display())
            }
            Self::Writable { path, mode } => {
                write!(f, "trusting {}: its mode {mode:04o} lets others than root write to it", path.display())
            }
        }
    }
}

impl Error for TrustError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreadable { cause, .. } => Some(cause),
            Self::NotAFile { .. }
            | Self::NotADirectory { .. }
            | Self::TooLong { .. }
            | Self::ForeignOwner { .. }
            | Self::Writable { .. } => None,
        }
    }
}

/// Reads the text at `path`, after checking its owner and mode and those of its directory (both, where it is a link).
pub fn read(path: &Path) -> Result<String, TrustError> {
    let unreadable = |cause| TrustError::Unreadable { path: path.to_owned(), cause };
    check_directory_of(path)?;
    let target = fs::canonicalize(path).map_err(unreadable)?;
    check_directory_of(&target)?;
    let file = OpenOptions::new().read(true).custom_flags(O_NOFOLLOW).open(&target).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(TrustError::NotAFile { path: target });
    }
    check_owner_and_mode(&target, &metadata)?;
    read_bounded(file, target)
}

/// Checks that only root can put files into the directory that holds `path`.
pub fn check_directory_of(path: &Path) -> Result<(), TrustError> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    let metadata = fs::metadata(parent).map_err(|cause| TrustError::Unreadable { path: parent.to_owned(), cause })?;
    if !metadata.is_dir() {
        return Err(TrustError::NotADirectory { path: parent.to_owned() });
    }
    check_owner_and_mode(parent, &metadata)
}

fn check_owner_and_mode(path: &Path, metadata: &Metadata) -> Result<(), TrustError> {
    if metadata.uid() != 0 {
        return Err(TrustError::ForeignOwner { path: path.to_owned(), uid: metadata.uid() });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & WRITABLE_BY_OTHERS != 0 {
        return Err(TrustError::Writable { path: path.to_owned(), mode });
    }
    Ok(())
}

fn read_bounded(file: File, path: PathBuf) -> Result<String, TrustError> {
    let mut text = String::new();
    match file.take(TEXT_LEN_MAX + 1).read_to_string(&mut text) {
        Err(cause) => Err(TrustError::Unreadable { path, cause }),
        Ok(len) if len as u64 > TEXT_LEN_MAX => Err(TrustError::TooLong { path }),
        Ok(_) => Ok(text),
    }
}
