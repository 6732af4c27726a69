//! Who keeps the host's DNS settings, and what each of them is told.

use std::{fmt, os::fd::BorrowedFd, time::Instant};

use nix::errno::Errno;
use ray_ipc::names::{Conflict, State, Wanted};

/// One way to make the host ask the mesh's resolver. All of them are told the whole of what is wanted.
pub trait Keeper: fmt::Debug {
    /// Brings what is wanted into effect. Called again whenever something has changed; doing it twice changes nothing.
    fn set(&mut self, wanted: &Wanted, now: Instant) -> Result<Outcome, Failure>;

    /// Undoes what was set by this process or one before it. Twice is once.
    fn unset(&mut self) -> Result<(), Failure>;

    /// A descriptor that becomes readable when the host's settings may have changed.
    fn watch(&self) -> Option<BorrowedFd<'_>>;

    /// Reads what made the descriptor readable. Whether `set` is to be called again.
    fn changed(&mut self, now: Instant) -> bool;
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub state: State,
    /// What has been set, an item a line.
    pub set: Vec<String>,
    pub conflicts: Vec<Conflict>,
    /// When to try again, unless something changes before.
    pub again: Option<Instant>,
}

/// A step that the host did not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub step: &'static str,
    pub errno: Errno,
    /// What the other program said, if it said anything.
    pub words: String,
}
