//! What the loop sleeps for: signals, knocks, the engine's end, its requests, and the end of a pause or a grace time.

use std::{
    io,
    os::fd::AsFd,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};

use super::Server;
use crate::signal::{self, Asked};

/// What [`Server::wait`] found.
#[derive(Debug, Default)]
pub(super) struct Wake {
    pub(super) stop: Option<Asked>,
    pub(super) knock: bool,
    /// The engine has died, and its end of the socket lives on elsewhere.
    pub(super) dead: bool,
    pub(super) frame: bool,
}

impl Server {
    /// Sleeps until something may be done.
    pub(super) fn wait(&mut self, now: Instant) -> io::Result<Wake> {
        let frame_in = self.limits.frames.wait(now).max(self.limits.operations.wait(now));
        let knock_in = match self.peer {
            Some(_) => self.limits.connections.wait(now),
            None => self.limits.connections.wait(now).max(self.back_off.wait(now)),
        };
        let hung_up = self.peer.as_ref().is_some_and(|peer| peer.hung_up);
        let grace = self.orphaned_until.map(|until| until.saturating_duration_since(now));
        // Each zero duration is something that is polled for instead.
        let sleep = [self.peer.is_some().then_some(frame_in), Some(knock_in)].into_iter().flatten();
        let timeout = sleep.filter(|wait| !wait.is_zero()).chain(grace).min();

        let events = |ready: bool| if ready { PollFlags::POLLIN } else { PollFlags::empty() };
        let mut polled = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        // While a peer that hung up has not been read to its end, its successor waits outside.
        let listening = knock_in.is_zero() && !hung_up;
        polled.push(PollFd::new(self.listener.as_fd(), events(listening)));
        let (mut process_at, mut socket_at) = (None, None);
        if let Some(peer) = self.peer.as_ref().filter(|_| frame_in.is_zero() || !hung_up) {
            // The process first: one that has died by then has closed its end of the socket before.
            polled.extend(peer.process.iter().map(|process| PollFd::new(process.as_fd(), PollFlags::POLLIN)));
            process_at = (polled.len() > 2).then_some(2);
            socket_at = Some(polled.len());
            polled.push(PollFd::new(peer.socket.as_fd(), events(frame_in.is_zero())));
        }
        match poll(&mut polled, poll_timeout(timeout)) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(Wake::default()),
            Err(errno) => return Err(errno.into()),
        }
        let found: Vec<PollFlags> =
            polled.iter().map(|polled| polled.revents().unwrap_or(PollFlags::POLLERR)).collect();
        let of = |index: usize| found.get(index).copied().unwrap_or(PollFlags::empty());
        let maybe = |index: Option<usize>| index.map_or(PollFlags::empty(), of);
        let gone = maybe(socket_at).intersects(PollFlags::POLLHUP | PollFlags::POLLERR);
        let dead = !maybe(process_at).is_empty() && !gone;
        let stop = if of(0).is_empty() { None } else { signal::asked(&self.signals)? };
        let wake = Wake {
            stop,
            knock: listening && !of(1).is_empty() && !gone,
            dead,
            frame: frame_in.is_zero() && !maybe(socket_at).is_empty() && !dead,
        };
        if let Some(peer) = &mut self.peer {
            peer.hung_up |= gone;
        }
        Ok(wake)
    }
}

/// Rounded up, so that the loop never spins through the last part of a millisecond.
pub fn poll_timeout(wait: Option<Duration>) -> PollTimeout {
    match wait {
        None => PollTimeout::NONE,
        Some(wait) => {
            let ms = wait.as_micros().div_ceil(1000);
            PollTimeout::try_from(ms).unwrap_or(PollTimeout::MAX)
        }
    }
}
