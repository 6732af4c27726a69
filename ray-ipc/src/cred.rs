//! Who is at the other end of a unix socket, on the kernel's word.

use std::{fs, os::fd::AsFd};

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

/// Credentials of the peer at the time it connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerCred {
    pub uid: u32,
    pub gid: u32,
    pub pid: i32,
}

impl PeerCred {
    /// Reads `SO_PEERCRED` of a connected unix socket.
    pub fn of(socket: &impl AsFd) -> nix::Result<Self> {
        let raw = getsockopt(socket, PeerCredentials)?;
        Ok(Self { uid: raw.uid(), gid: raw.gid(), pid: raw.pid() })
    }
}

/// The uid that owns a path, for a client that wants to know whose server it is about to talk to.
pub fn owner_of(path: &std::path::Path) -> std::io::Result<u32> {
    use std::os::unix::fs::MetadataExt;
    Ok(fs::metadata(path)?.uid())
}
