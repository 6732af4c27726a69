//! What the loop sleeps for: signals, knocks, the engine's end, its requests, changes on the host, and times to try again.

use std::{io, os::fd::AsFd, time::Instant};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, poll},
};
use ray_helper::{
    serve::poll_timeout,
    signal::{self, Asked},
};

use super::Server;

/// What [`Server::wait`] found.
#[derive(Debug, Default)]
pub(super) struct Wake {
    pub(super) asked: Option<Asked>,
    pub(super) knock: bool,
    /// The engine has died, and its end of the socket lives on elsewhere.
    pub(super) dead: bool,
    pub(super) frame: bool,
    /// A list of resolvers may have changed.
    pub(super) listed: bool,
    /// The backend's own descriptor.
    pub(super) keeper: bool,
}

impl Server {
    /// Sleeps until something may be done.
    pub(super) fn wait(&self, now: Instant) -> io::Result<Wake> {
        let frame_in = self.limits.frames.wait(now).max(self.limits.operations.wait(now));
        let knock_in = self.limits.connections.wait(now).max(self.back_off.wait(now));
        let again = self.again.map(|again| again.saturating_duration_since(now));
        // Each zero duration is something that is polled for instead.
        let sleep = [self.peer.is_some().then_some(frame_in), Some(knock_in)].into_iter().flatten();
        let timeout = sleep.filter(|wait| !wait.is_zero()).chain(again).min();

        let events = |ready: bool| if ready { PollFlags::POLLIN } else { PollFlags::empty() };
        let mut polled = vec![
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.listener.as_fd(), events(knock_in.is_zero())),
            PollFd::new(self.watch.as_fd(), PollFlags::POLLIN),
        ];
        let mut add = |fd, events| {
            polled.push(PollFd::new(fd, events));
            polled.len().saturating_sub(1)
        };
        let keeper_at = self.keeper.watch().map(|fd| add(fd, PollFlags::POLLIN));
        let peer = self.peer.as_ref();
        let process_at = peer.and_then(|peer| peer.process.as_ref()).map(|fd| add(fd.as_fd(), PollFlags::POLLIN));
        let socket_at = peer.map(|peer| add(peer.socket.as_fd(), events(frame_in.is_zero())));
        match poll(&mut polled, poll_timeout(timeout)) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(Wake::default()),
            Err(errno) => return Err(errno.into()),
        }
        let found: Vec<PollFlags> =
            polled.iter().map(|polled| polled.revents().unwrap_or(PollFlags::POLLERR)).collect();
        let is_ready =
            |index: Option<usize>| index.and_then(|index| found.get(index)).is_some_and(|found| !found.is_empty());
        let hung_up =
            socket_at.and_then(|index| found.get(index)).is_some_and(|found| found.intersects(PollFlags::POLLHUP));
        Ok(Wake {
            asked: if is_ready(Some(0)) { signal::asked(&self.signals)? } else { None },
            knock: is_ready(Some(1)),
            // What a dead engine has sent before is of no use any more: a resolver that nobody answers must go at once.
            dead: is_ready(process_at) || hung_up,
            frame: is_ready(socket_at),
            listed: is_ready(Some(2)),
            keeper: is_ready(keeper_at),
        })
    }
}
