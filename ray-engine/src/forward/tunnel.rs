//! Keeps the tunnel as it is wanted: asks the helper for the device, runs the packet loops on its queues, and starts over
//! when the helper or the device is gone.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::eventfd::{EfdFlags, EventFd},
};
use ray_ipc::helper::{LinkState, Route};

use super::{Forwarder, egress};
use crate::{
    config::Config,
    host::{Client, HostError, OpenedTun, Tun, TunnelControl, TunnelState, TunnelWanted},
    ident::{MESH_V4, MESH_V4_PREFIX, MESH_V6, MESH_V6_PREFIX},
    mesh::Mesh,
    tun::{Offload, Queue},
};

/// Between attempts to set a wanted tunnel up.
const RETRY: Duration = Duration::from_secs(1);

/// The thread that keeps the tunnel.
#[derive(Debug)]
pub struct Tunnel {
    control: TunnelControl,
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Tunnel {
    /// Starts the thread. The tunnel comes up when [`TunnelControl::want`] says so.
    pub fn start(helper_socket: &Path, config: &Config, forwarder: Arc<Forwarder>, mesh: Mesh) -> io::Result<Self> {
        let control = TunnelControl::new()?;
        let stopping = Arc::new(AtomicBool::new(false));
        let keeper = Keeper {
            helper_socket: helper_socket.to_owned(),
            mtu: config.mtu,
            queues: config.queues,
            offload: config.offload,
            forwarder,
            mesh,
            control: control.clone(),
            stopping: stopping.clone(),
        };
        let thread = thread::Builder::new().name("tunnel".to_owned()).spawn(move || keeper.run())?;
        Ok(Self { control, stopping, thread })
    }

    pub fn control(&self) -> TunnelControl {
        self.control.clone()
    }

    /// Ends the loops and lets go of the helper, which keeps the device for its grace time.
    pub fn stop(self) {
        self.stopping.store(true, Ordering::Release);
        self.control.nudge();
        if self.thread.join().is_err() {
            tracing::error!("the tunnel's thread panicked");
        }
    }
}

struct Keeper {
    helper_socket: PathBuf,
    mtu: u16,
    queues: u8,
    offload: bool,
    forwarder: Arc<Forwarder>,
    mesh: Mesh,
    control: TunnelControl,
    stopping: Arc<AtomicBool>,
}

/// A tunnel that is up.
struct Running {
    client: Client,
    tun: Tun,
    loops: Loops,
}

impl Keeper {
    fn run(self) {
        let mut running: Option<Running> = None;
        while !self.stopping.load(Ordering::Acquire) {
            let wanted = self.control.wanted();
            running = match (wanted, running.take()) {
                (Some(wanted), None) if wanted.up => self.set_up(&wanted),
                (Some(wanted), Some(up)) if wanted.up => self.adjust(up, &wanted),
                (Some(_), Some(up)) => {
                    self.take_down(up);
                    None
                }
                (Some(_), None) => {
                    self.control.report(TunnelState::Down);
                    None
                }
                (None, up) => up,
            };
            if self.wait(running.as_ref()) == Woken::Broken
                && let Some(broken) = running.take()
            {
                tracing::warn!("lost the helper or the device; setting the tunnel up anew");
                self.control.report(TunnelState::Starting);
                self.end_loops(broken.loops);
            }
        }
        if let Some(up) = running {
            self.end_loops(up.loops);
        }
    }

    fn set_up(&self, wanted: &TunnelWanted) -> Option<Running> {
        let attempt = Client::connect(&self.helper_socket)
            .map_err(|error| (false, error))
            .and_then(|client| self.open(client, wanted).map_err(|error| (true, error)));
        match attempt {
            Ok(up) => {
                tracing::info!(interface = up.tun.ifname, offload = up.tun.offload, "tunnel up");
                self.control.report(TunnelState::Up(up.tun.clone()));
                Some(up)
            }
            Err((helper_reachable, error)) => {
                let state = TunnelState::Failed { helper_reachable, reason: error.to_string() };
                if *self.control.state().borrow() != state {
                    tracing::warn!(%error, "setting the tunnel up");
                }
                self.control.report(state);
                None
            }
        }
    }

    fn open(&self, client: Client, wanted: &TunnelWanted) -> Result<Running, HostError> {
        let OpenedTun { tun, queues } = client.open_tun(self.queues, self.mtu)?;
        let (loops, offload) = self.start_loops(queues).map_err(HostError::Send)?;
        let configured = client
            .set_addresses(wanted.v4, wanted.v6)
            .and_then(|()| client.set_link(LinkState::Up))
            .and_then(|()| client.replace_routes(routes(wanted)));
        if let Err(error) = configured {
            self.end_loops(loops);
            return Err(error);
        }
        let tun = Tun { ifname: tun.ifname, mtu: tun.mtu, queues: tun.queues, offload, v4: wanted.v4, v6: wanted.v6 };
        Ok(Running { client, tun, loops })
    }

    /// Gives a running tunnel other addresses; one whose helper does not do it is set up anew.
    fn adjust(&self, mut up: Running, wanted: &TunnelWanted) -> Option<Running> {
        if (up.tun.v4, up.tun.v6) == (wanted.v4, wanted.v6) {
            return Some(up);
        }
        let adjusted =
            up.client.set_addresses(wanted.v4, wanted.v6).and_then(|()| up.client.replace_routes(routes(wanted)));
        match adjusted {
            Ok(()) => {
                (up.tun.v4, up.tun.v6) = (wanted.v4, wanted.v6);
                self.control.report(TunnelState::Up(up.tun.clone()));
                Some(up)
            }
            Err(error) => {
                tracing::warn!(%error, "changing the tunnel's addresses");
                self.end_loops(up.loops);
                self.control.nudge();
                None
            }
        }
    }

    fn take_down(&self, up: Running) {
        self.end_loops(up.loops);
        if let Err(error) = up.client.release() {
            tracing::warn!(%error, "releasing the device");
        }
        tracing::info!("tunnel down");
        self.control.report(TunnelState::Down);
    }

    fn start_loops(&self, queues: Vec<OwnedFd>) -> io::Result<(Loops, bool)> {
        let stop = Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
        let broken = Arc::new(AtomicBool::new(false));
        let (mut writers, mut readers, mut offload) = (Vec::new(), Vec::new(), true);
        for fd in queues {
            let queue = Queue::adopt(fd, self.offload)?;
            offload &= queue.offload() != Offload::Off;
            let (reader, writer) = queue.into_split();
            readers.push(reader);
            writers.push(Mutex::new(writer));
        }
        self.forwarder.device.store(Some(Arc::new(writers)));
        let mut loops = Loops { stop: stop.clone(), threads: Vec::new(), broken: broken.clone() };
        for reader in readers {
            let (forwarder, mesh) = (self.forwarder.clone(), self.mesh.clone());
            let (stop, broken, control) = (stop.clone(), broken.clone(), self.control.clone());
            let thread = thread::Builder::new().name("egress".to_owned()).spawn(move || {
                if let Err(error) = egress::run(&forwarder, &mesh, reader, stop.as_fd()) {
                    tracing::warn!(%error, "reading from the device");
                    broken.store(true, Ordering::Release);
                    control.nudge();
                }
            });
            match thread {
                Ok(thread) => loops.threads.push(thread),
                Err(error) => {
                    self.end_loops(loops);
                    return Err(error);
                }
            }
        }
        Ok((loops, offload))
    }

    /// Ends the loops and closes the queues.
    fn end_loops(&self, loops: Loops) {
        self.forwarder.device.store(None);
        if let Err(error) = loops.stop.write(1) {
            tracing::error!(%error, "stopping the packet loops");
        }
        for thread in loops.threads {
            if thread.join().is_err() {
                tracing::error!("a packet loop panicked");
            }
        }
    }

    /// Waits for a wish, for the helper's or the device's end, or for the next attempt.
    fn wait(&self, running: Option<&Running>) -> Woken {
        let failed = matches!(*self.control.state().borrow(), TunnelState::Failed { .. } | TunnelState::Starting);
        let retry_at = (running.is_none() && failed).then(|| Instant::now() + RETRY);
        loop {
            let mut fds = vec![PollFd::new(self.control.wake_fd(), PollFlags::POLLIN)];
            if let Some(up) = running {
                fds.push(PollFd::new(up.client.as_fd(), PollFlags::POLLIN));
            }
            let timeout = retry_at.map_or(PollTimeout::NONE, |at| {
                PollTimeout::try_from(at.saturating_duration_since(Instant::now())).unwrap_or(PollTimeout::MAX)
            });
            match poll(&mut fds, timeout) {
                Err(Errno::EINTR) => continue,
                Err(errno) => {
                    tracing::error!(%errno, "waiting for the tunnel");
                    thread::sleep(RETRY);
                }
                Ok(_) => {}
            }
            let woken = fds.first().and_then(PollFd::any).unwrap_or(false);
            // The helper says nothing unasked.
            let helper_gone = fds.get(1).and_then(PollFd::any).unwrap_or(false);
            if woken {
                self.control.acknowledge();
            }
            let device_gone = running.is_some_and(|up| up.loops.broken.load(Ordering::Acquire));
            return if helper_gone || device_gone { Woken::Broken } else { Woken::Wish };
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Woken {
    Wish,
    Broken,
}

struct Loops {
    stop: Arc<EventFd>,
    threads: Vec<JoinHandle<()>>,
    broken: Arc<AtomicBool>,
}

fn routes(wanted: &TunnelWanted) -> Vec<Route> {
    let v4 = wanted.v4.map(|_| Route { destination: MESH_V4.into(), prefix: MESH_V4_PREFIX });
    let v6 = Route { destination: MESH_V6.into(), prefix: MESH_V6_PREFIX };
    v4.into_iter().chain([v6]).collect()
}
