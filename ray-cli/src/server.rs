//! Whether who listens at a socket may be believed to be the engine.
//!
//! Whoever listens owns the socket file, and nobody else could have put it there: no directory on the way to it is open to
//! everybody, or what lies in it belongs to root or to the caller. A socket that somebody has made in advance, in a directory
//! such as `/tmp`, is not believed whoever listens at it.

use std::{
    fs, io,
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

use nix::unistd::geteuid;
use ray_ipc::cred::PeerCred;

const WRITABLE_BY_ALL: u32 = 0o002;
/// Only its owner removes or renames what lies in such a directory.
const STICKY: u32 = 0o1000;

/// Why it may not.
#[derive(Debug)]
pub(crate) enum Distrust {
    /// Somebody else than the owner of the socket file listens on it.
    Impostor { server: u32, owner: u32 },
    /// Anybody could have put the socket there.
    Exposed { directory: PathBuf },
    /// The system does not tell.
    Unknown(io::Error),
}

/// Checks who is at the other end of a stream to `socket`.
pub(crate) fn check(socket: &Path, stream: &UnixStream) -> Result<(), Distrust> {
    let server = PeerCred::of(stream).map_err(|errno| Distrust::Unknown(errno.into()))?.uid;
    let owner = fs::metadata(socket).map_err(Distrust::Unknown)?.uid();
    if server != owner {
        return Err(Distrust::Impostor { server, owner });
    }
    check_way(&fs::canonicalize(socket).map_err(Distrust::Unknown)?, geteuid().as_raw())
}

fn check_way(socket: &Path, me: u32) -> Result<(), Distrust> {
    let mut entry = fs::symlink_metadata(socket).map_err(Distrust::Unknown)?;
    for directory in socket.ancestors().skip(1) {
        let meta = fs::metadata(directory).map_err(Distrust::Unknown)?;
        let mode = meta.permissions().mode();
        let kept = mode & STICKY != 0 && [0, me].contains(&entry.uid());
        if mode & WRITABLE_BY_ALL != 0 && !kept {
            return Err(Distrust::Exposed { directory: directory.to_owned() });
        }
        entry = meta;
    }
    Ok(())
}
