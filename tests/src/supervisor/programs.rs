//! Puts our programs where every user of every node can run them.
//!
//! A clone below a private home directory cannot be reached by the engine's user; a bind mount can.

use std::{
    fs,
    os::{fd::OwnedFd, unix::fs::PermissionsExt},
    path::Path,
};

use crate::{
    lab::plan::PROGRAMS_DIR,
    node::mounts::{self, MountError, failed},
};

const NAMES: [&str; 5] = ["ray", "ray-helper", "ray-names", "ray-engine", "ray-lab"];

/// The directory as it is outside, to be opened before `/run` is covered: it may lie below.
pub(super) fn remember(directory: &str) -> Result<OwnedFd, MountError> {
    mounts::remember(Path::new(directory))
}

/// Binds the directory, so that a rebuilt program is seen at once; or copies the programs where others may not read it.
pub(super) fn install(directory: &OwnedFd) -> Result<(), MountError> {
    mounts::bind(directory, PROGRAMS_DIR)?;
    if open_to_all(PROGRAMS_DIR) {
        return Ok(());
    }
    let copies = format!("{PROGRAMS_DIR}-copies");
    mounts::fresh_dir(&copies, 0o755)?;
    for name in NAMES {
        let (source, target) = (format!("{PROGRAMS_DIR}/{name}"), format!("{copies}/{name}"));
        if Path::new(&source).exists() {
            fs::copy(&source, &target).map_err(failed(format!("copying {name}")))?;
            fs::set_permissions(&target, fs::Permissions::from_mode(0o755))
                .map_err(failed(format!("setting the mode of {name}")))?;
        }
    }
    mounts::bind(&mounts::remember(Path::new(&copies))?, PROGRAMS_DIR)
}

fn open_to_all(directory: &str) -> bool {
    let open = |path: &str| fs::metadata(path).map(|metadata| metadata.permissions().mode() & 0o5 == 0o5);
    open(directory).unwrap_or(false) && NAMES.iter().all(|name| open(&format!("{directory}/{name}")).unwrap_or(true))
}
