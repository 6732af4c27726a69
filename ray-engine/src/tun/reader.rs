//! Reads what the host sends, up to 64 KiB of one flow at a time.
#![forbid(unsafe_code)]

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::Arc,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    unistd,
};

use super::{Chunk, PACKET_MAX, merge::Allowed, vnet, writer::Writer};

/// Why [`Reader::wait`] returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    Readable,
    Stop,
}

/// The reading half of a queue. One thread reads a queue; two would reorder flows.
#[derive(Debug)]
pub struct Reader {
    fd: Arc<OwnedFd>,
    /// For the writers of the same queue.
    allowed: Allowed,
    buffer: Box<[u8]>,
}

impl Reader {
    pub(super) fn new(fd: Arc<OwnedFd>, allowed: Allowed) -> Self {
        Self { fd, allowed, buffer: vec![0; vnet::LEN + PACKET_MAX].into_boxed_slice() }
    }

    /// One read. `None` where nothing waits. An error means that the device is gone.
    pub fn read(&mut self) -> io::Result<Option<Chunk<'_>>> {
        let len = loop {
            match unistd::read(&self.fd, &mut self.buffer) {
                Ok(len) => break len,
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(None),
                Err(errno) => return Err(errno.into()),
            }
        };
        Ok(Some(Chunk::of(self.buffer.get_mut(..len).unwrap_or_default())))
    }

    /// Waits for a packet or for `stop` to become readable, which takes precedence.
    pub fn wait(&self, stop: BorrowedFd<'_>) -> io::Result<Wake> {
        let mut fds = [PollFd::new(self.fd.as_fd(), PollFlags::POLLIN), PollFd::new(stop, PollFlags::POLLIN)];
        loop {
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) => break,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        let [_, stop] = fds;
        // An error on the queue counts as readable: the read that follows tells which.
        Ok(if stop.any() == Some(true) { Wake::Stop } else { Wake::Readable })
    }

    /// Another writer of the same queue, for replies that the reading loop makes itself.
    pub fn writer(&self) -> Writer {
        Writer::new(Arc::clone(&self.fd), self.allowed)
    }
}
