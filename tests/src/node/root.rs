//! Another system's files as the node's own: programs that the host lacks, in the versions that their users run.

use std::{fs, path::Path};

use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    unistd::{chdir, pivot_root},
};

use super::mounts::{MountError, TMPFS_OPTIONS, bind_path, failed};
use crate::lab::plan::LAB_DIR;

/// Covered by the new root until it is one: a directory that every host has.
const PLACE: &str = "/tmp";
/// What stays the kernel's or the host's.
const KEPT: [&str; 3] = ["proc", "sys", "dev"];

/// Makes the files below `root` those of the mount namespace, with a private layer on top for what is written.
pub(super) fn enter(root: &Path) -> Result<(), MountError> {
    let (upper, work) = (format!("{LAB_DIR}/root/upper"), format!("{LAB_DIR}/root/work"));
    for path in [&upper, &work] {
        fs::create_dir_all(path).map_err(failed(format!("making {path}")))?;
    }
    let options = format!("lowerdir={},upperdir={upper},workdir={work}", root.display());
    mount(Some("overlay"), PLACE, Some("overlay"), MsFlags::empty(), Some(options.as_str()))
        .map_err(failed(format!("laying a private layer over {}", root.display())))?;
    for part in KEPT {
        bind_path(&format!("/{part}"), &made(part)?)?;
    }
    let none = None::<&str>;
    mount(Some("/run"), made("run")?.as_str(), none, MsFlags::MS_MOVE, none).map_err(failed("moving /run"))?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), made("tmp")?.as_str(), Some("tmpfs"), flags, Some(TMPFS_OPTIONS))
        .map_err(failed("mounting a tmpfs on /tmp"))?;

    chdir(PLACE).map_err(failed("entering the new root"))?;
    pivot_root(".", ".").map_err(failed("making it the root"))?;
    // The old one lies on top of it.
    umount2(".", MntFlags::MNT_DETACH).map_err(failed("leaving the old root"))?;
    chdir("/").map_err(failed("entering the new root"))
}

/// A directory of the new root.
fn made(part: &str) -> Result<String, MountError> {
    let path = format!("{PLACE}/{part}");
    fs::create_dir_all(&path).map_err(failed(format!("making {path}")))?;
    Ok(path)
}
