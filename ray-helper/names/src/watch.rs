//! Tells when a list of resolvers may have changed: the file, the link to it, or the directory of either.

use std::{
    collections::BTreeMap,
    fs,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::MetadataExt,
    },
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor},
};

use crate::resolv_conf::write::COPY_NAME;

/// A file that is written is looked at when its writer has closed it: a part of a text is none, and a file that took the
/// place of one that is being written would swallow the rest.
const OF_A_FILE: AddWatchFlags = AddWatchFlags::IN_CLOSE_WRITE;
const OF_A_DIRECTORY: AddWatchFlags = AddWatchFlags::IN_CLOSE_WRITE
    .union(AddWatchFlags::IN_CREATE)
    .union(AddWatchFlags::IN_MOVED_TO)
    .union(AddWatchFlags::IN_MOVED_FROM)
    .union(AddWatchFlags::IN_DELETE)
    .union(AddWatchFlags::IN_ONLYDIR);

/// The watched files. A file that is a mount of its own is seen at itself only, one that is replaced in its directory only.
#[derive(Debug)]
pub struct Watch {
    inotify: Inotify,
    files: Vec<PathBuf>,
    watched: BTreeMap<PathBuf, WatchDescriptor>,
}

impl Watch {
    pub fn new() -> nix::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        Ok(Self { inotify, files: Vec::new(), watched: BTreeMap::new() })
    }

    /// Watches `files` and no others. To be called again after each change: a file in the place of another is a new one.
    pub fn follow(&mut self, files: &[&Path]) {
        self.files = files.iter().map(|file| file.to_path_buf()).collect();
        let mut wanted: BTreeMap<PathBuf, AddWatchFlags> = BTreeMap::new();
        for file in &self.files {
            wanted.insert(file.clone(), OF_A_FILE);
            if let Some(directory) = file.parent() {
                wanted.insert(directory.to_path_buf(), OF_A_DIRECTORY);
            }
        }
        let mut watched = BTreeMap::new();
        for (path, flags) in wanted {
            // What is not there is seen when it comes, as long as its directory is.
            if let Ok(descriptor) = self.inotify.add_watch(&path, flags) {
                watched.insert(path, descriptor);
            }
        }
        for (_, descriptor) in std::mem::replace(&mut self.watched, watched) {
            if !self.watched.values().any(|kept| *kept == descriptor) {
                // The kernel has removed it already where the file is gone.
                let _ = self.inotify.rm_watch(descriptor);
            }
        }
    }

    /// Reads what has happened. Whether any of it concerns the files and is not this program's own doing: after its own
    /// change the next look would come at any moment of another's.
    pub fn has_changed(&self) -> bool {
        let (mut changed, mut own) = (false, Vec::new());
        loop {
            let events = match self.inotify.read_events() {
                Ok(events) => events,
                Err(Errno::EINTR) => continue,
                Err(_) => return changed,
            };
            for event in &events {
                if event.mask.contains(AddWatchFlags::IN_MOVED_FROM)
                    && event.name.as_deref() == Some(COPY_NAME.as_ref())
                {
                    own.push(event.cookie);
                }
                changed |= self.concerns(event) && !own.contains(&event.cookie);
            }
        }
    }

    /// An event without a name is the file's own, or one that tells that others were lost.
    fn concerns(&self, event: &InotifyEvent) -> bool {
        let Some(name) = &event.name else { return !event.mask.contains(AddWatchFlags::IN_IGNORED) };
        let mut named = self.files.iter().filter(|file| file.file_name() == Some(name.as_os_str()));
        if event.mask.contains(AddWatchFlags::IN_CREATE) {
            // One that was made to be written has its writer still to come; a link is complete.
            return named
                .any(|file| fs::symlink_metadata(file).is_ok_and(|found| !found.is_file() || found.nlink() > 1));
        }
        named.next().is_some()
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}
