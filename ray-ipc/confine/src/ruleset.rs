//! The Landlock of the privileged programs, in the kernel's own terms: the crate that makes the engine's rules would double
//! what they are made of.
//!
//! Root without capabilities still owns most of the host's files. Each program needs a few places of them.

use std::{
    fs::File,
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use nix::libc;

use crate::{ConfineError, process::step, sys};

/// Rights to files, as the kernel numbers them.
pub(crate) mod file {
    pub(crate) const WRITE: u64 = 1 << 1;
    pub(crate) const READ: u64 = 1 << 2;
    pub(crate) const READ_DIR: u64 = 1 << 3;
    pub(crate) const REMOVE: u64 = 1 << 5;
    #[cfg(feature = "names")]
    pub(crate) const MAKE: u64 = 1 << 8;
    #[cfg(feature = "names")]
    pub(crate) const TRUNCATE: u64 = 1 << 14;
    pub(crate) const IOCTL_DEV: u64 = 1 << 15;
    /// Those that a file can have, as opposed to a directory.
    pub(super) const OF_A_FILE: u64 = (1 << 0) | WRITE | READ | (1 << 14) | IOCTL_DEV;
    /// What each version of the interface knows, the first one first.
    pub(super) const KNOWN: [u64; 5] = [0x1fff, 0x3fff, 0x7fff, 0x7fff, 0xffff];
}

/// From this version on TCP can be refused: binding and connecting.
const TCP_SINCE: u8 = 4;
const TCP: u64 = 0b11;
/// From this version on abstract sockets and signals can be kept from leaving.
const SCOPES_SINCE: u8 = 6;
const SCOPES: u64 = 0b11;

pub(crate) const TUN: &str = "/dev/net/tun";
/// Major and minor number of the TUN driver's device.
const TUN_DEVICE: (u32, u32) = (10, 200);

/// `struct landlock_ruleset_attr`. A kernel that knows less of it wants zeros there.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Handled {
    file: u64,
    net: u64,
    scoped: u64,
}

/// Closes all files but those at and below `places`, each with its rights. Returns the version of the interface that the
/// kernel has, or `None` without one.
pub(crate) fn restrict(places: &[(&Path, u64)]) -> Result<Option<u8>, ConfineError> {
    let Some(abi) = sys::landlock_abi() else { return Ok(None) };
    let handled = handled(abi);
    let ruleset = sys::landlock_create(&handled).map_err(step("making rules for files"))?;
    for &(path, access) in places {
        let unseen = |cause| ConfineError::Inspection { what: "a place that it keeps", cause };
        let opened = match open(path) {
            // What is not there cannot be opened either.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other.map_err(unseen)?,
        };
        if path == Path::new(TUN) {
            let found = opened.metadata().map_err(unseen)?;
            if !is_tun(found.mode(), found.rdev()) {
                return Err(ConfineError::NotConfined { what: format!("{TUN} is not the device of the TUN driver") });
            }
        }
        let is_directory = opened.metadata().map_err(unseen)?.is_dir();
        let access = if is_directory { access } else { access & file::OF_A_FILE };
        sys::landlock_allow(&ruleset, &opened, access & handled.file).map_err(step("making a rule for a file"))?;
    }
    sys::landlock_restrict(&ruleset).map_err(step("limiting access to files"))?;
    Ok(Some(abi))
}

/// Everything that this version can refuse.
fn handled(abi: u8) -> Handled {
    let known = usize::from(abi).clamp(1, file::KNOWN.len()) - 1;
    Handled {
        file: file::KNOWN.get(known).copied().unwrap_or_default(),
        net: if abi >= TCP_SINCE { TCP } else { 0 },
        scoped: if abi >= SCOPES_SINCE { SCOPES } else { 0 },
    }
}

/// Only to name it, without reading. A link in the device's place would give the rights to whatever it leads to.
fn open(path: &Path) -> io::Result<File> {
    let follow = if path == Path::new(TUN) { libc::O_NOFOLLOW } else { 0 };
    File::options().read(true).custom_flags(libc::O_PATH | libc::O_CLOEXEC | follow).open(path)
}

fn is_tun(mode: u32, device: u64) -> bool {
    mode & libc::S_IFMT == libc::S_IFCHR && (libc::major(device), libc::minor(device)) == TUN_DEVICE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_rights_to_the_tun_device_and_to_nothing_else_in_its_place() {
        let device = libc::makedev(10, 200);
        assert!(is_tun(libc::S_IFCHR | 0o666, device));
        assert!(!is_tun(libc::S_IFBLK | 0o666, device));
        assert!(!is_tun(libc::S_IFCHR | 0o666, libc::makedev(10, 130)));
        assert!(!is_tun(libc::S_IFLNK | 0o777, 0));
        assert!(!is_tun(libc::S_IFREG | 0o644, 0));
    }

    #[test]
    fn asks_each_kernel_for_what_it_knows_and_for_all_of_it() {
        assert_eq!(handled(1), Handled { file: 0x1fff, net: 0, scoped: 0 });
        assert_eq!(handled(3), Handled { file: 0x7fff, net: 0, scoped: 0 });
        assert_eq!(handled(4), Handled { file: 0x7fff, net: 3, scoped: 0 });
        assert_eq!(handled(5), Handled { file: 0xffff, net: 3, scoped: 0 });
        assert_eq!(handled(6), Handled { file: 0xffff, net: 3, scoped: 3 });
        assert_eq!(handled(40), handled(6));
    }
}
