//! Reads what the host sends, up to 64 KiB of one flow at a time.
#![forbid(unsafe_code)]

use std::{io, os::fd::OwnedFd, sync::Arc};

use nix::{errno::Errno, unistd};
use tokio::io::{Interest, unix::AsyncFd};

use super::{Chunk, PACKET_MAX, merge::Allowed, vnet, watched::watched, writer::Writer};

/// The reading half of a queue. One task reads a queue; two would reorder flows.
#[derive(Debug)]
pub struct Reader {
    fd: AsyncFd<Arc<OwnedFd>>,
    buffer: Box<[u8]>,
}

impl Reader {
    /// Within a runtime, which tells when there is something to read.
    pub(super) fn new(fd: Arc<OwnedFd>) -> io::Result<Self> {
        Ok(Self { fd: watched(fd)?, buffer: vec![0; vnet::LEN + PACKET_MAX].into_boxed_slice() })
    }

    /// Waits for a packet. The end of the device is for who keeps it to see.
    pub async fn readable(&self) -> io::Result<()> {
        self.fd.readable().await?.retain_ready();
        Ok(())
    }

    /// One read. `None` where nothing waits. An error means that the device is gone.
    pub fn read(&mut self) -> io::Result<Option<Chunk<'_>>> {
        let buffer = &mut self.buffer;
        let read = self.fd.try_io(Interest::READABLE, |fd| {
            loop {
                match unistd::read(fd, buffer) {
                    Err(Errno::EINTR) => {}
                    other => return other.map_err(io::Error::from),
                }
            }
        });
        match read {
            Ok(len) => Ok(Some(Chunk::of(self.buffer.get_mut(..len).unwrap_or_default()))),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A plain writer of the same queue, for replies that the reading loop makes itself: they are few, so each goes whole
    /// and alone.
    pub fn writer(&self) -> Writer {
        Writer::new(Arc::clone(self.fd.get_ref()), Allowed::NOTHING)
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

    #[tokio::test]
    async fn replies_go_whole_and_each_alone() {
        let (device, kernel) = UnixDatagram::pair().unwrap();
        kernel.set_nonblocking(true).unwrap();
        let reader = Reader::new(Arc::new(device.into())).unwrap();
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
