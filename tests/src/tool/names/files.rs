//! Watches files and directories for whoever writes, makes, moves or removes anything there.

use std::{
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor},
};
use serde::{Deserialize, Serialize};

use super::super::{ToolError, failed};

/// Between two looks: an event waits for us, so this only bounds how late a report is.
const INTERVAL: Duration = Duration::from_millis(20);
const TOLD_MAX: usize = 1000;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Since the beginning.
    pub at_ms: u64,
    pub path: PathBuf,
    /// What the kernel calls it, such as `IN_MODIFY`.
    pub what: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    pub schema: String,
    pub changes: Vec<Change>,
}

/// Watches `paths`, and what is directly in those that are directories, until `done`.
pub fn watch(paths: &[PathBuf], done: impl Fn() -> bool, watching: impl FnOnce()) -> Result<Report, ToolError> {
    let inotify =
        Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).map_err(failed("opening an inotify"))?;
    let flags = AddWatchFlags::IN_MODIFY
        | AddWatchFlags::IN_ATTRIB
        | AddWatchFlags::IN_CLOSE_WRITE
        | AddWatchFlags::IN_CREATE
        | AddWatchFlags::IN_DELETE
        | AddWatchFlags::IN_MOVE
        | AddWatchFlags::IN_DELETE_SELF
        | AddWatchFlags::IN_MOVE_SELF;
    let watch = |path: &Path| inotify.add_watch(path, flags).map_err(failed(format!("watching {}", path.display())));
    let watches: Vec<(WatchDescriptor, &PathBuf)> =
        paths.iter().map(|path| Ok((watch(path)?, path))).collect::<Result<_, ToolError>>()?;
    let started = Instant::now();
    watching();
    let mut changes = Vec::new();
    loop {
        let is_last = done();
        match inotify.read_events() {
            Ok(events) => {
                for event in events {
                    let directory = watches.iter().find(|(watch, _)| *watch == event.wd).map(|(_, path)| *path);
                    let Some(directory) = directory else { continue };
                    let path = event.name.map_or_else(|| directory.clone(), |name| directory.join(name));
                    let at_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
                    let names: Vec<&str> = event.mask.iter_names().map(|(name, _)| name).collect();
                    if changes.len() < TOLD_MAX {
                        changes.push(Change { at_ms, path, what: names.join(" ") });
                    }
                }
            }
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(errno) => return Err(failed("reading what changed")(errno)),
        }
        if is_last {
            return Ok(Report { schema: "ray.lab.files-watch/1".to_owned(), changes });
        }
        thread::sleep(INTERVAL);
    }
}
