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
    buffer: Box<[u8]>,
}

impl Reader {
    pub(super) fn new(fd: Arc<OwnedFd>) -> Self {
        Self { fd, buffer: vec![0; vnet::LEN + PACKET_MAX].into_boxed_slice() }
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

    /// A plain writer of the same queue, for replies that the reading loop makes itself: they are few, so each goes whole
    /// and alone.
    pub fn writer(&self) -> Writer {
        Writer::new(Arc::clone(&self.fd), Allowed::NOTHING)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;
    use crate::{
        dns::Zone,
        firewall::Firewall,
        ident::MAGIC_V4,
        packet::{samples::ip, udp},
        plane::{self, Deliverable, Outbound, Snapshot},
    };

    #[test]
    fn replies_go_whole_and_each_alone() {
        let (device, kernel) = UnixDatagram::pair().unwrap();
        kernel.set_nonblocking(true).unwrap();
        let reader = Reader::new(Arc::new(device.into()));
        // One after the other they would be a run.
        let replies = [reply(), reply()];
        assert_eq!(reader.writer().write(&replies).unwrap(), 2);
        for reply in &replies {
            let mut written = [0; 2048];
            let len = kernel.recv(&mut written).unwrap();
            assert_eq!(written[..len], [&vnet::PLAIN, reply.packet()].concat());
        }
    }

    fn reply() -> Deliverable<Vec<u8>> {
        let snapshot = Snapshot { own_v4: Some([100, 64, 0, 1].into()), ..Snapshot::default() };
        let query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03ray\x00\x00\x01\x00\x01";
        let packet = udp::build((ip("100.64.0.1"), 5000).into(), (MAGIC_V4, 53).into(), query).unwrap();
        match plane::outbound(&snapshot, &Firewall::default(), &packet, 0) {
            Ok(Outbound::Dns(question)) => question.reply(&Zone::default()).unwrap(),
            other => panic!("{other:?} is no question"),
        }
    }
}
