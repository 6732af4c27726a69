//! Writes judged packets to the host, merged where that saves the kernel work.
#![forbid(unsafe_code)]

use std::{
    io::{self, IoSlice},
    os::fd::OwnedFd,
    sync::Arc,
};

use nix::{errno::Errno, sys::uio::writev};

use super::{
    coalesce::{Run, Segment},
    vnet,
};
use crate::plane::Deliverable;

/// The writing half of a queue.
#[derive(Debug)]
pub struct Writer {
    fd: Arc<OwnedFd>,
    /// `None` where the queue does without offload.
    run: Option<Run>,
    refused: u64,
    writes: u64,
}

impl Writer {
    pub(super) fn new(fd: Arc<OwnedFd>, offload: bool) -> Self {
        Self { fd, run: offload.then(Run::new), refused: 0, writes: 0 }
    }

    /// Writes a batch and returns how many packets of it the kernel took. A packet that it does not take is counted
    /// and dropped. An error means that the device is gone.
    pub fn write<P: AsRef<[u8]>>(&mut self, packets: &mut dyn Iterator<Item = Deliverable<P>>) -> io::Result<usize> {
        let mut written = 0;
        for deliverable in packets {
            let packet = deliverable.packet();
            let segment = self.run.as_ref().and_then(|_| Segment::of(packet, deliverable.layout()));
            match segment {
                Some(segment) => {
                    if !self.push(&segment) {
                        written += self.flush()?;
                        self.push(&segment);
                    }
                }
                None => {
                    written += self.flush()?;
                    written += self.send(&[IoSlice::new(&vnet::PLAIN), IoSlice::new(packet)], 1)?;
                }
            }
        }
        Ok(written + self.flush()?)
    }

    /// Packets that the kernel did not take, since the start.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Write calls since the start; fewer than packets where merging works.
    pub fn writes(&self) -> u64 {
        self.writes
    }

    fn push(&mut self, segment: &Segment<'_>) -> bool {
        self.run.as_mut().is_some_and(|run| run.push(segment))
    }

    fn flush(&mut self) -> io::Result<usize> {
        let Some(mut run) = self.run.take() else { return Ok(0) };
        let result = match run.take() {
            Some((bytes, packets)) => self.send(&[IoSlice::new(bytes)], packets),
            None => Ok(0),
        };
        self.run = Some(run);
        result
    }

    fn send(&mut self, parts: &[IoSlice<'_>], packets: usize) -> io::Result<usize> {
        self.writes += 1;
        loop {
            return match writev(&self.fd, parts) {
                Ok(_) => Ok(packets),
                Err(Errno::EINTR) => continue,
                // The queue is full, the interface is down, the kernel dislikes the packet or is short of memory.
                Err(Errno::EAGAIN | Errno::EIO | Errno::EINVAL | Errno::EMSGSIZE | Errno::ENOBUFS | Errno::ENOMEM) => {
                    self.refused += packets as u64;
                    Ok(0)
                }
                Err(errno) => Err(errno.into()),
            };
        }
    }
}
