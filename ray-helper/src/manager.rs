//! The service manager, where there is one: it is told when the helper serves, and keeps the device's queues for the next
//! helper (`sd_notify(3)`, "file descriptor store").
//!
//! Only the helper's own environment says where the manager listens and what it gave back, and neither is trusted with
//! more than that: what comes out of the store is checked like what an engine returns.

use std::{
    env,
    os::{
        fd::{BorrowedFd, OwnedFd},
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram},
    },
    time::Duration,
};

use ray_ipc::fd;

use crate::log;

/// Names every queue in the store: their order means nothing.
const QUEUES: &str = "queues";
/// Descriptors that are looked at; units allow the store as many.
const LISTED_MAX: u32 = 16;
/// A manager that does not read must not stop the helper.
const SEND_TIMEOUT: Duration = Duration::from_secs(2);

/// What the environment says of the manager, read before it is cleared.
#[derive(Debug, Default)]
pub struct Environment {
    socket: Option<String>,
    names: Vec<String>,
    listed: u32,
}

impl Environment {
    /// Reads what was said to the process `pid`, which is this one.
    pub fn read(pid: u32) -> Self {
        Self::parse(pid, |name| env::var(name).ok())
    }

    fn parse(pid: u32, text: impl Fn(&str) -> Option<String>) -> Self {
        let number = |name: &str| text(name).and_then(|value| value.parse::<u32>().ok());
        // Descriptors that were meant for another process of the same environment are not ours.
        let listed = if number("LISTEN_PID") == Some(pid) { number("LISTEN_FDS").unwrap_or(0) } else { 0 };
        let names = text("LISTEN_FDNAMES").unwrap_or_default();
        Self {
            socket: text("NOTIFY_SOCKET"),
            names: names.split(':').map(str::to_owned).collect(),
            listed: listed.min(LISTED_MAX),
        }
    }

    /// How many descriptors, from the first after the standard streams on, the manager gave.
    pub fn listed(&self) -> u32 {
        self.listed
    }

    /// Those of the given descriptors that are queues.
    pub fn queues(&self, given: Vec<OwnedFd>) -> Vec<OwnedFd> {
        self.names.iter().zip(given).filter_map(|(name, fd)| (name == QUEUES).then_some(fd)).collect()
    }
}

/// The way to the manager.
#[derive(Debug)]
pub struct Manager {
    socket: Option<UnixDatagram>,
}

impl Manager {
    /// Connects while paths are still in reach. A helper that no manager started tells nobody.
    pub fn connect(environment: &Environment) -> Self {
        let socket = environment.socket.as_deref().and_then(|address| match connect(address) {
            Ok(socket) => Some(socket),
            Err(error) => {
                log::line(format_args!("reaching the service manager at {address}: {error}"));
                None
            }
        });
        Self { socket }
    }

    /// Says that the helper serves.
    pub fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"), &[]);
    }

    /// Says what the helper is at.
    pub fn status(&self, status: &str) {
        self.tell(&format!("STATUS={status}"), &[]);
    }

    /// Says that the helper ends.
    pub fn stopping(&self) {
        self.tell("STOPPING=1", &[]);
    }

    /// Has the manager hold a duplicate of each queue, so that the device outlives this process.
    pub fn keep<'a>(&self, queues: impl Iterator<Item = BorrowedFd<'a>>) {
        let queues: Vec<BorrowedFd<'_>> = queues.collect();
        self.tell(&format!("FDSTORE=1\nFDNAME={QUEUES}"), &queues);
    }

    /// Has the manager let go of every queue.
    pub fn forget(&self) {
        self.tell(&format!("FDSTOREREMOVE=1\nFDNAME={QUEUES}"), &[]);
    }

    fn tell(&self, state: &str, fds: &[BorrowedFd<'_>]) {
        if let Some(socket) = &self.socket
            && let Err(error) = fd::send(socket, state.as_bytes(), fds)
        {
            log::line(format_args!("telling the service manager: {error}"));
        }
    }
}

fn connect(address: &str) -> std::io::Result<UnixDatagram> {
    let address = match address.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(address)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    socket.set_write_timeout(Some(SEND_TIMEOUT))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::{fs::File, os::fd::AsRawFd};

    use super::*;

    const OURS: u32 = 7;

    #[test]
    fn takes_no_descriptors_that_were_meant_for_another_process() {
        for pid in ["8", "", "seven"] {
            assert_eq!(parse(&[("LISTEN_PID", pid), ("LISTEN_FDS", "2")]).listed(), 0, "{pid:?}");
        }
        assert_eq!(parse(&[("LISTEN_FDS", "2")]).listed(), 0);
        assert_eq!(parse(&[("LISTEN_PID", "7"), ("LISTEN_FDS", "2")]).listed(), 2);
        assert_eq!(parse(&[("LISTEN_PID", "7"), ("LISTEN_FDS", "4000000000")]).listed(), LISTED_MAX);
    }

    #[test]
    fn takes_queues_and_nothing_else() {
        let environment = parse(&[("LISTEN_FDNAMES", "queues:socket:queues:queue::queues")]);
        let given: Vec<OwnedFd> = (0..6).map(|_| File::open("/dev/null").unwrap().into()).collect();
        let raw: Vec<_> = given.iter().map(AsRawFd::as_raw_fd).collect();
        let queues = environment.queues(given);
        let taken: Vec<_> = queues.iter().map(AsRawFd::as_raw_fd).collect();
        assert_eq!(taken, [raw[0], raw[2], raw[5]]);
    }

    fn parse(environment: &[(&str, &str)]) -> Environment {
        Environment::parse(OURS, |name| {
            environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }
}
