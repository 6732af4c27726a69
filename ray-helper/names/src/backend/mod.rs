//! Who keeps the host's DNS settings, and what each of them is told.

pub mod domains;
pub mod file;
pub mod networkmanager;
pub mod resolved;
mod service;

use std::{fmt, net::SocketAddr, os::fd::BorrowedFd, path::Path, time::Instant};

use nix::errno::Errno;
use ray_ipc::names::{Backend, Conflict, State, Wanted};

use crate::config::Config;

/// One way to make the host ask the mesh's resolver. All of them are told the whole of what is wanted.
pub trait Keeper: fmt::Debug {
    /// Brings what is wanted into effect. Called again whenever something has changed; doing it twice changes nothing.
    fn set(&mut self, wanted: &Wanted, now: Instant) -> Result<Outcome, Failure>;

    /// Undoes what was set by this process or one before it. Twice is once.
    fn unset(&mut self) -> Result<(), Failure>;

    /// A descriptor that becomes readable when the host's settings may have changed. The list of resolvers is watched
    /// for every keeper.
    fn watch(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Reads what made the descriptor readable. Whether `set` is to be called again.
    fn changed(&mut self, _now: Instant) -> bool {
        false
    }

    /// The host's own resolvers, without ours; `None` where the list of resolvers tells them.
    fn upstreams(&mut self) -> Option<Host> {
        None
    }
}

/// What the host resolves by itself with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    pub servers: Vec<SocketAddr>,
    pub search: Vec<String>,
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

impl Outcome {
    /// Nothing is wanted.
    pub fn unset() -> Self {
        Self { state: State::Unset, set: Vec::new(), conflicts: Vec::new(), again: None }
    }
}

/// A step that the host did not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub step: &'static str,
    pub errno: Errno,
    /// What the other program said, if it said anything.
    pub words: String,
}

impl std::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step, self.errno)?;
        if self.words.is_empty() { Ok(()) } else { write!(f, " ({:?})", self.words) }
    }
}

/// The keeper of `backend`.
pub fn make(backend: Backend, config: &Config) -> Box<dyn Keeper> {
    match backend {
        Backend::Off => Box::new(Nobody),
        Backend::Resolved => Box::new(resolved::Resolved::new(&config.interface)),
        Backend::NetworkManager => Box::new(networkmanager::NetworkManager::new()),
        Backend::Resolvconf | Backend::File => Box::new(file::File::new(backend)),
    }
}

/// Whether `backend` is reached over the system bus.
pub fn is_on_the_bus(backend: Backend) -> bool {
    match backend {
        Backend::Resolved | Backend::NetworkManager => true,
        Backend::Off | Backend::Resolvconf | Backend::File => false,
    }
}

/// The directory in which `backend` writes, where the list of resolvers stands in `listed`.
pub fn edited(backend: Backend, listed: &Path) -> Option<&Path> {
    match backend {
        Backend::Resolvconf | Backend::File => Some(listed),
        // Of the resolver that it runs.
        Backend::NetworkManager => Some(Path::new(networkmanager::DIRECTORY)),
        Backend::Off | Backend::Resolved => None,
    }
}

/// Keeps nothing.
#[derive(Debug)]
struct Nobody;

impl Keeper for Nobody {
    fn set(&mut self, _: &Wanted, _: Instant) -> Result<Outcome, Failure> {
        Ok(Outcome { state: State::StoodDown, ..Outcome::unset() })
    }

    fn unset(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}
