//! Keeps the tunnel as it is wanted: asks the helper for the device, has its queues read, hands the device
//! back to a helper that has started anew, and starts over when the device is gone.
//!
//! A tunnel whose helper is gone carries packets for as long as its device lives, however long that is: the helper is
//! needed for changes only, and taking the tunnel down would gain nothing but the loss of its connections.
//!
//! A tunnel that shall have another shape is set up anew, by a helper that answers. The helper keeps the device meanwhile,
//! with its addresses and routes, unless the number of queues changes: that needs another device. Either way connections
//! inside it go on after a moment without packets.

use std::{
    io,
    net::IpAddr,
    os::fd::AsFd,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use ray_ipc::helper::{LinkState, Route};
use tokio::runtime::Handle;

use super::{Forwarder, device::Device};
use crate::{
    host::{Client, HostError, OpenedTun, Shape, Tun, TunnelControl, TunnelState, TunnelWanted, replace_routes_around},
    ident::{MESH_V4, MESH_V4_PREFIX, MESH_V6, MESH_V6_PREFIX},
    mesh::Mesh,
    store::crash_point,
};

/// Between attempts to set a wanted tunnel up, or to find a helper for one that runs, and between looks at its device.
const RETRY: Duration = Duration::from_secs(1);
/// The longest time between attempts whose failure only root can end: each makes a device and removes it again.
const RETRY_MAX: Duration = Duration::from_secs(60);

/// The thread that keeps the tunnel.
#[derive(Debug)]
pub struct Tunnel {
    control: TunnelControl,
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Tunnel {
    /// Starts the thread, within the runtime that is to carry the packets. The tunnel comes up when [`TunnelControl::want`] says so.
    pub fn start(helper_socket: &Path, forwarder: Arc<Forwarder>, mesh: Mesh) -> io::Result<Self> {
        let control = TunnelControl::new()?;
        let stopping = Arc::new(AtomicBool::new(false));
        let keeper = Keeper {
            helper_socket: helper_socket.to_owned(),
            forwarder,
            mesh,
            control: control.clone(),
            stopping: stopping.clone(),
            runtime: Handle::current(),
        };
        let thread = thread::Builder::new().name("tunnel".to_owned()).spawn(move || keeper.run())?;
        Ok(Self { control, stopping, thread })
    }

    pub fn control(&self) -> TunnelControl {
        self.control.clone()
    }

    /// Ends the reading and lets go of the helper, which keeps the device for its grace time.
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
    forwarder: Arc<Forwarder>,
    mesh: Mesh,
    control: TunnelControl,
    stopping: Arc<AtomicBool>,
    /// Where packets are carried.
    runtime: Handle,
}

/// A tunnel that is up.
struct Running {
    /// `None` while no helper answers.
    client: Option<Client>,
    tun: Tun,
    device: Device,
}

impl Keeper {
    fn run(self) {
        let mut running: Option<Running> = None;
        let mut pause = RETRY;
        while !self.stopping.load(Ordering::Acquire) {
            let wanted = self.control.wanted();
            running = match (wanted, running.take()) {
                (Some(wanted), None) if wanted.up => self.set_up(&wanted, &mut pause),
                (Some(wanted), Some(up)) if wanted.up => self.attend(up, &wanted),
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
            match (self.wait(running.as_ref(), pause), &mut running) {
                (Woken::Wish, _) | (_, None) => {}
                (Woken::HelperGone, Some(up)) => {
                    tracing::warn!("lost the helper; packets flow on");
                    up.client = None;
                }
                (Woken::DeviceGone, Some(_)) => {
                    tracing::warn!("lost the device; setting the tunnel up anew");
                    self.control.report(TunnelState::Starting);
                    if let Some(broken) = running.take() {
                        broken.device.end(&self.forwarder);
                    }
                }
            }
        }
        if let Some(up) = running {
            up.device.end(&self.forwarder);
        }
    }

    fn set_up(&self, wanted: &TunnelWanted, pause: &mut Duration) -> Option<Running> {
        let attempt = Client::connect(&self.helper_socket)
            .map_err(|error| (false, error))
            .and_then(|client| self.open(client, wanted).map_err(|error| (true, error)));
        match attempt {
            Ok(up) => {
                *pause = RETRY;
                tracing::info!(interface = up.tun.ifname, offload = up.tun.offload, "tunnel up");
                self.control.report(TunnelState::Up(up.tun.clone()));
                Some(up)
            }
            Err((helper_reachable, error)) => {
                *pause = next_pause(*pause, &error);
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
        let OpenedTun { tun, queues } = client.open_tun(wanted.shape.queues, wanted.shape.mtu)?;
        crash_point("tunnel-after-open");
        let started = Device::start(&self.runtime, queues, wanted.shape, &self.forwarder, &self.mesh, &self.control);
        let device = started.map_err(HostError::Send)?;
        let outside = match assert_wanted(&client, wanted) {
            Ok(outside) => outside,
            Err(error) => {
                device.end(&self.forwarder);
                return Err(error);
            }
        };
        let tun = Tun {
            ifname: tun.ifname,
            mtu: tun.mtu,
            queues: tun.queues,
            offload: device.offload(),
            v4: wanted.v4,
            v6: wanted.v6,
            outside,
            shape: wanted.shape,
            unattended: None,
        };
        Ok(Running { client: Some(client), tun, device })
    }

    /// Finds a helper for a running tunnel that has none, and gives the tunnel another shape or other addresses where they
    /// are wanted. One whose helper does not do its part is set up anew.
    fn attend(&self, mut up: Running, wanted: &TunnelWanted) -> Option<Running> {
        if up.client.is_some() && up.tun.shape != wanted.shape {
            self.give_up(up, wanted.shape);
            return None;
        }
        let unchanged = (up.tun.v4, up.tun.v6) == (wanted.v4, wanted.v6);
        let attended = match &up.client {
            Some(_) if unchanged => return Some(up),
            Some(client) => client
                .set_addresses(wanted.v4, wanted.v6)
                .and_then(|()| replace_routes_around(client, routes(wanted)))
                .map(|outside| (None, outside)),
            None => self.hand_back(&up, wanted).map(|(client, outside)| (Some(client), outside)),
        };
        match attended {
            Ok((found, outside)) => {
                if let Some(client) = found {
                    tracing::info!(interface = up.tun.ifname, "a helper has the device again");
                    up.client = Some(client);
                    if up.tun.shape != wanted.shape {
                        self.control.nudge();
                    }
                }
                (up.tun.v4, up.tun.v6, up.tun.outside, up.tun.unattended) = (wanted.v4, wanted.v6, outside, None);
                self.control.report(TunnelState::Up(up.tun.clone()));
                Some(up)
            }
            Err(error) if error.is_absence() => {
                up.client = None;
                let reason = Some(error.to_string());
                if up.tun.unattended != reason {
                    up.tun.unattended = reason;
                    self.control.report(TunnelState::Up(up.tun.clone()));
                }
                Some(up)
            }
            Err(error) => {
                tracing::warn!(%error, "keeping the tunnel; setting it up anew");
                self.control.report(TunnelState::Starting);
                up.device.end(&self.forwarder);
                self.control.nudge();
                None
            }
        }
    }

    /// Gives a helper that has started anew the device, and says again what the device shall be: what is so already is
    /// not touched, so that no packet is lost.
    fn hand_back(&self, up: &Running, wanted: &TunnelWanted) -> Result<(Client, Vec<IpAddr>), HostError> {
        let client = Client::connect(&self.helper_socket)?;
        crash_point("tunnel-before-return");
        client.return_tun(&up.device.queues())?;
        crash_point("tunnel-after-return");
        let outside = assert_wanted(&client, wanted)?;
        Ok((client, outside))
    }

    /// Ends a tunnel so that it is set up anew at once, on the same device where that can have the shape.
    fn give_up(&self, up: Running, shape: Shape) {
        tracing::info!(?shape, "setting the tunnel up anew");
        self.control.report(TunnelState::Starting);
        up.device.end(&self.forwarder);
        let unfit = up.client.as_ref().filter(|_| up.tun.shape.queues != shape.queues);
        if let Some(Err(error)) = unfit.map(Client::release) {
            tracing::warn!(%error, "releasing the device");
        }
        self.control.nudge();
    }

    /// Without a helper the device goes all the same: with its last queue.
    fn take_down(&self, up: Running) {
        up.device.end(&self.forwarder);
        crash_point("tunnel-before-release");
        if let Some(Err(error)) = up.client.as_ref().map(Client::release) {
            tracing::warn!(%error, "releasing the device");
        }
        tracing::info!("tunnel down");
        self.control.report(TunnelState::Down);
    }

    /// Waits for a wish, for the helper's end, or for the next attempt or look at the device.
    fn wait(&self, running: Option<&Running>, pause: Duration) -> Woken {
        let failed = matches!(*self.control.state().borrow(), TunnelState::Failed { .. } | TunnelState::Starting);
        let pause = if running.is_some() { Some(RETRY) } else { failed.then_some(pause) };
        let retry_at = pause.map(|pause| Instant::now() + pause);
        loop {
            let mut fds = vec![PollFd::new(self.control.wake_fd(), PollFlags::POLLIN)];
            if let Some(client) = running.and_then(|up| up.client.as_ref()) {
                fds.push(PollFd::new(client.as_fd(), PollFlags::POLLIN));
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
            let device_gone = running.is_some_and(|up| up.device.is_gone());
            return match (device_gone, helper_gone) {
                (true, _) => Woken::DeviceGone,
                (false, true) => Woken::HelperGone,
                (false, false) => Woken::Wish,
            };
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Woken {
    Wish,
    HelperGone,
    DeviceGone,
}

/// How long to wait after an attempt that ended with `error`, when the last time it was `last`.
fn next_pause(last: Duration, error: &HostError) -> Duration {
    if error.is_lasting() { last.saturating_mul(2).min(RETRY_MAX) } else { RETRY }
}

/// Has the helper make the device what it shall be. Returns the addresses that stay outside.
fn assert_wanted(client: &Client, wanted: &TunnelWanted) -> Result<Vec<IpAddr>, HostError> {
    client.set_addresses(wanted.v4, wanted.v6)?;
    crash_point("tunnel-after-addresses");
    client.set_link(LinkState::Up)?;
    let outside = replace_routes_around(client, routes(wanted))?;
    crash_point("tunnel-after-routes");
    Ok(outside)
}

fn routes(wanted: &TunnelWanted) -> Vec<Route> {
    let v4 = wanted.v4.map(|_| Route { destination: MESH_V4.into(), prefix: MESH_V4_PREFIX });
    let v6 = Route { destination: MESH_V6.into(), prefix: MESH_V6_PREFIX };
    v4.into_iter().chain([v6]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_longer_after_each_failure_that_lasts_and_never_over_a_minute() {
        let lasting = HostError::Around { outside: Vec::new(), max: 1024 };
        let mut pause = RETRY;
        let seconds: Vec<u64> = (0..8)
            .map(|_| {
                pause = next_pause(pause, &lasting);
                pause.as_secs()
            })
            .collect();
        assert_eq!(seconds, [2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(next_pause(pause, &HostError::Unexpected), RETRY);
    }
}
