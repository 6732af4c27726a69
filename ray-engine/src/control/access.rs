//! How much a caller may do: root's settings applied to the kernel's word on the caller.

use std::path::PathBuf;

use ray_ipc::control::Level;

use super::caller::{Caller, OverflowIds};
use crate::config::{AccessLists, Accounts, Entry, Who};

/// Who may do what.
#[derive(Debug, Clone)]
pub struct Access {
    lists: AccessLists,
    pub(super) accounts: Accounts,
    pub(super) overflow: OverflowIds,
    /// Where root writes the lists, for words to users.
    pub(super) settings: PathBuf,
}

/// What a caller may do, and by which entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged<'a> {
    pub level: Level,
    /// Absent where no entry was needed, or none names the caller.
    pub by: Option<&'a Entry>,
}

impl Access {
    pub fn new(lists: AccessLists, accounts: Accounts, overflow: OverflowIds, settings: PathBuf) -> Self {
        Self { lists, accounts, overflow, settings }
    }

    /// What this caller may do: the strongest level that root, or a list, gives.
    pub fn judge(&self, caller: &Caller) -> Judged<'_> {
        // Before everything else: this uid is nobody's, whatever the lists say of it.
        if self.overflow.is_uid(caller.uid) {
            return Judged { level: Level::None, by: None };
        }
        if caller.uid == 0 {
            return Judged { level: Level::Admin, by: None };
        }
        for level in [Level::Admin, Level::Use, Level::Read] {
            if let Some(entry) = self.list(level).iter().find(|entry| self.means(entry, caller)) {
                return Judged { level, by: Some(entry) };
            }
        }
        Judged { level: Level::None, by: None }
    }

    /// The groups of a caller that count, the primary one first.
    pub(super) fn groups_that_count(&self, caller: &Caller) -> impl Iterator<Item = u32> {
        caller.all_groups().filter(|gid| !self.overflow.is_gid(*gid))
    }

    /// The entries that give a level.
    pub(super) fn list(&self, level: Level) -> &[Entry] {
        match level {
            Level::None => &[],
            Level::Read => &self.lists.readers,
            Level::Use => &self.lists.users,
            Level::Admin => &self.lists.admins,
        }
    }

    fn means(&self, entry: &Entry, caller: &Caller) -> bool {
        match entry.who {
            Who::Everybody => true,
            Who::User(uid) => caller.uid == uid,
            Who::Group(gid) => self.groups_that_count(caller).any(|own| own == gid),
            Who::Nobody => false,
        }
    }
}

/// The key whose entries give a level; without one it is everybody's.
pub(super) fn key_of(level: Level) -> Option<&'static str> {
    match level {
        Level::None => None,
        Level::Read => Some("readers"),
        Level::Use => Some("users"),
        Level::Admin => Some("admins"),
    }
}
