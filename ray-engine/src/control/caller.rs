//! Who asks: the kernel's word on the process that made the connection, at the time it did.

use std::{fs, os::fd::AsFd};

use ray_ipc::cred::{PeerCred, groups_of};

/// What the kernel shows in place of every id that its own user namespace has no number for, unless root sets another.
const OVERFLOW: u32 = 65534;

/// User and groups of a caller. A connection that is handed on keeps them: like an open file, it is worth what its opener
/// was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
    /// The supplementary groups.
    pub groups: Vec<u32>,
}

impl Caller {
    /// Asks the kernel about the other end of a connected socket.
    pub fn of(socket: &impl AsFd) -> nix::Result<Self> {
        let cred = PeerCred::of(socket)?;
        Ok(Self { uid: cred.uid, gid: cred.gid, groups: groups_of(socket)? })
    }

    /// All groups, the primary one first.
    pub fn all_groups(&self) -> impl Iterator<Item = u32> {
        let others = self.groups.iter().filter(|gid| **gid != self.gid);
        std::iter::once(self.gid).chain(others.copied())
    }
}

/// The ids that stand for everybody of a foreign user namespace, and so for nobody in particular.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverflowIds {
    uid: u32,
    gid: u32,
}

impl Default for OverflowIds {
    fn default() -> Self {
        Self { uid: OVERFLOW, gid: OVERFLOW }
    }
}

impl OverflowIds {
    /// Asks the kernel, which a confined process may not be able to. Without an answer they are what they nearly always
    /// are.
    pub fn read() -> Self {
        Self { uid: number("/proc/sys/kernel/overflowuid"), gid: number("/proc/sys/kernel/overflowgid") }
    }

    #[cfg(test)]
    pub(super) fn of(uid: u32, gid: u32) -> Self {
        Self { uid, gid }
    }

    /// The usual ones count as well: what a container's init has set is not always what is asked here.
    pub fn is_uid(&self, uid: u32) -> bool {
        uid == self.uid || uid == OVERFLOW
    }

    pub fn is_gid(&self, gid: u32) -> bool {
        gid == self.gid || gid == OVERFLOW
    }
}

fn number(path: &str) -> u32 {
    fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(OVERFLOW)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn the_primary_group_comes_first_and_once() {
        let caller = Caller { uid: 1000, gid: 100, groups: vec![27, 100, 10] };
        assert_eq!(caller.all_groups().collect::<Vec<_>>(), [100, 27, 10]);
    }

    #[test]
    fn a_caller_is_who_made_the_connection() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let caller = Caller::of(&ours).unwrap();
        assert_eq!((caller.uid, caller.gid), (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw()));
    }

    #[test]
    fn the_usual_overflow_ids_count_beside_those_that_root_has_set() {
        let ids = OverflowIds { uid: 60000, gid: 60001 };
        assert!(ids.is_uid(60000) && ids.is_uid(65534) && !ids.is_uid(60001) && !ids.is_uid(0));
        assert!(ids.is_gid(60001) && ids.is_gid(65534) && !ids.is_gid(60000) && !ids.is_gid(0));
        assert!(OverflowIds::read().is_uid(65534));
    }
}
