//! Writes judged packets to the host, merged where that saves the kernel work.
#![forbid(unsafe_code)]

use std::{io, os::fd::OwnedFd, sync::Arc};

use nix::{errno::Errno, sys::uio::writev};

use super::{
    merge::{Allowed, Packet},
    merger::{Counts, Merger},
};
use crate::plane::Deliverable;

/// The writing half of a queue.
#[derive(Debug)]
pub struct Writer {
    fd: Arc<OwnedFd>,
    merger: Merger,
}

impl Writer {
    pub(super) fn new(fd: Arc<OwnedFd>, allowed: Allowed) -> Self {
        Self { fd, merger: Merger::new(allowed) }
    }

    /// Writes a batch and returns how many packets of it the kernel took. A packet that it does not take is counted
    /// and dropped. An error means that the device is gone.
    pub fn write<P: AsRef<[u8]>>(&mut self, packets: &[Deliverable<P>]) -> io::Result<usize> {
        let packets = packets.iter().map(|deliverable| Packet {
            bytes: deliverable.packet(),
            layout: deliverable.layout(),
            checksum: deliverable.checksum(),
        });
        let fd = &self.fd;
        let taken = self.merger.write(packets, &mut |parts| {
            loop {
                match writev(fd, parts) {
                    Ok(_) => return Ok(()),
                    Err(Errno::EINTR) => {}
                    Err(errno) => return Err(errno),
                }
            }
        });
        if let Some(ask) = self.merger.given_up() {
            tracing::warn!(?ask, "the kernel refuses such writes again and again, so it is spared them");
        }
        taken
    }

    pub fn counts(&self) -> Counts {
        self.merger.counts()
    }

    /// What is asked of the kernel: less than at first where it has refused that again and again.
    pub fn allowed(&self) -> Allowed {
        self.merger.allowed()
    }
}
