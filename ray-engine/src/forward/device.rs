//! A device in use: a task for each of its queues, which reads it, and the writers of all.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::{runtime::Handle, task::JoinHandle};

use super::{Forwarder, egress};
use crate::{
    host::{Shape, TunnelControl},
    mesh::Mesh,
    tun::{Offload, Queue, Writer},
};

/// The writers of a device, one a queue.
pub(super) type Writers = Vec<Mutex<Writer>>;

/// A device that is being read.
#[derive(Debug)]
pub(super) struct Device {
    runtime: Handle,
    readers: Vec<JoinHandle<()>>,
    /// A reader has found the device gone.
    gone: Arc<AtomicBool>,
    /// Keep the queues open, for a helper that has started anew.
    queues: Vec<Arc<OwnedFd>>,
    offload: bool,
}

impl Device {
    /// Takes the queues of a device over and begins to read them. `control` is nudged when the device is gone.
    pub(super) fn start(
        runtime: &Handle,
        queues: Vec<OwnedFd>,
        shape: Shape,
        forwarder: &Arc<Forwarder>,
        mesh: &Mesh,
        control: &TunnelControl,
    ) -> io::Result<Self> {
        let _context = runtime.enter();
        let (mut handles, mut readers, mut writers, mut offload) = (Vec::new(), Vec::new(), Vec::new(), true);
        for fd in queues {
            let queue = Queue::adopt(fd, shape.offload, shape.mtu)?;
            handles.push(queue.handle());
            offload &= queue.offload() != Offload::Off;
            let (reader, writer) = queue.into_split()?;
            readers.push(reader);
            writers.push(Mutex::new(writer));
        }
        forwarder.device.store(Some(Arc::new(writers)));
        let gone = Arc::new(AtomicBool::new(false));
        let readers = readers.into_iter().map(|reader| {
            let (forwarder, mesh) = (forwarder.clone(), mesh.clone());
            let (gone, control) = (gone.clone(), control.clone());
            runtime.spawn(async move {
                let error = egress::run(&forwarder, &mesh, reader).await;
                tracing::warn!(%error, "reading from the device");
                gone.store(true, Ordering::Release);
                control.nudge();
            })
        });
        Ok(Self { runtime: runtime.clone(), readers: readers.collect(), gone, queues: handles, offload })
    }

    /// Whether a reader has failed, or the kernel says that there is no device behind the queues any more: it shows that as
    /// an error alone, which wakes nobody who waits for packets.
    pub(super) fn is_gone(&self) -> bool {
        let mut queues: Vec<_> =
            self.queues.iter().map(|queue| PollFd::new(queue.as_fd(), PollFlags::empty())).collect();
        self.gone.load(Ordering::Acquire) || poll(&mut queues, PollTimeout::ZERO).is_ok_and(|failed| failed > 0)
    }

    /// Whether the kernel has taken the offloads on; it may still refuse single ones later.
    pub(super) fn offload(&self) -> bool {
        self.offload
    }

    pub(super) fn queues(&self) -> Vec<BorrowedFd<'_>> {
        self.queues.iter().map(AsFd::as_fd).collect()
    }

    /// Ends the readers and closes the queues.
    pub(super) fn end(self, forwarder: &Forwarder) {
        forwarder.device.store(None);
        for reader in self.readers {
            reader.abort();
            if self.runtime.block_on(reader).is_err_and(|error| error.is_panic()) {
                tracing::error!("a packet loop panicked");
            }
        }
    }
}
