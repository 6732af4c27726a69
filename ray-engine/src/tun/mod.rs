//! The TUN device: one queue's file descriptor as a reader of super-packets and a writer of judged packets. Layer 4.
//!
//! The helper opened the queue with a `virtio_net_hdr` before every packet. That header never leaves this module: what
//! is read is split and summed by our own parse, and what is written gets a header of our own making.

mod chunk;
mod ioctl;
pub mod merge;
mod merger;
mod probe;
mod reader;
mod split;
mod vnet;
mod watched;
mod writer;

use std::{io, os::fd::OwnedFd, sync::Arc};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use self::merge::Allowed;
use crate::packet::ipv6;

pub use self::{
    chunk::{Chunk, OwnedChunk},
    ioctl::Offload,
    merger::{Counts, Merger},
    reader::Reader,
    writer::Writer,
};

/// Longest packet that the kernel exchanges with us: an IPv6 header and what its length field can say.
const PACKET_MAX: usize = ipv6::HEADER_LEN + 65_535;

/// One queue of the device.
#[derive(Debug)]
pub struct Queue {
    fd: Arc<OwnedFd>,
    offload: Offload,
    /// What writes may ask for.
    allowed: Allowed,
}

impl Queue {
    /// Takes a queue over that the helper opened. Refuses a descriptor that is not a TUN queue with packet headers of
    /// the `virtio_net` kind, since every byte would be misread. Offloads that the kernel does not know are given up
    /// step by step; [`Queue::offload`] tells what is left. What writes may ask for is tried without a packet reaching the
    /// host, and given up at run time where it fails after all. `mtu` is the device's.
    pub fn adopt(fd: OwnedFd, offload: bool, mtu: u16) -> io::Result<Self> {
        ioctl::check_flags(&fd)?;
        let flags = OFlag::from_bits_retain(fcntl(&fd, FcntlArg::F_GETFL)?);
        fcntl(&fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        ioctl::set_header_size(&fd, vnet::LEN)?;
        let offload = if offload { ioctl::enable_offload(&fd)? } else { ioctl::disable_offload(&fd)? };
        let wanted = Allowed {
            split_tcp: offload != Offload::Off,
            split_udp: offload == Offload::TcpAndUdp,
            checksum: offload != Offload::Off,
            mtu,
        };
        let allowed = probe::narrow(&fd, wanted)?;
        Ok(Self { fd: Arc::new(fd), offload, allowed })
    }

    /// What the kernel leaves undone on packets that are read.
    pub fn offload(&self) -> Offload {
        self.offload
    }

    /// What keeps the queue open, for handing it back.
    pub fn handle(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.fd)
    }

    /// One half for each packet loop. Within a runtime.
    pub fn into_split(self) -> io::Result<(Reader, Writer)> {
        Ok((Reader::new(Arc::clone(&self.fd))?, Writer::new(self.fd, self.allowed)))
    }
}
