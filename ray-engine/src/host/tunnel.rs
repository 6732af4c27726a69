//! What the tunnel shall be and what it is, shared between whoever wants it and the thread that keeps it.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::fd::{AsFd, BorrowedFd},
    sync::{Arc, Mutex},
};

use nix::sys::eventfd::{EfdFlags, EventFd};
use tokio::sync::watch;

/// The device as the user shall see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tun {
    pub ifname: String,
    pub mtu: u16,
    pub queues: u8,
    pub offload: bool,
    pub v4: Option<Ipv4Addr>,
    pub v6: Ipv6Addr,
    /// Addresses inside the mesh that the host keeps for itself: packets to them go where the host's own routes say.
    pub outside: Vec<IpAddr>,
    /// What it was asked to be; the kernel may know less offload than that.
    pub shape: Shape,
    /// Why no helper answers for it at present; packets flow all the same.
    pub unattended: Option<String>,
}

/// How the device shall be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub mtu: u16,
    pub queues: u8,
    pub offload: bool,
}

/// What the tunnel shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunnelWanted {
    pub up: bool,
    pub shape: Shape,
    pub v4: Option<Ipv4Addr>,
    pub v6: Ipv6Addr,
}

/// What the tunnel is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TunnelState {
    /// Not wanted.
    Down,
    /// Being set up.
    Starting,
    Up(Tun),
    /// Wanted, and impossible at the moment; it is tried again and again.
    Failed {
        helper_reachable: bool,
        reason: String,
    },
}

/// The shared place. Cloning shares it.
#[derive(Debug, Clone)]
pub struct TunnelControl {
    wanted: Arc<Mutex<Option<TunnelWanted>>>,
    wake: Arc<EventFd>,
    state: Arc<watch::Sender<TunnelState>>,
}

impl TunnelControl {
    pub fn new() -> io::Result<Self> {
        let wake = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        Ok(Self {
            wanted: Arc::default(),
            wake: Arc::new(wake),
            state: Arc::new(watch::Sender::new(TunnelState::Starting)),
        })
    }

    /// Says what the tunnel shall be from now on.
    pub fn want(&self, wanted: TunnelWanted) {
        let Ok(mut slot) = self.wanted.lock() else { return };
        if slot.as_ref() == Some(&wanted) {
            return;
        }
        *slot = Some(wanted);
        drop(slot);
        self.nudge();
    }

    /// Makes a failed set-up be tried again at once.
    pub fn nudge(&self) {
        if let Err(error) = self.wake.write(1) {
            tracing::debug!(%error, "waking the tunnel");
        }
    }

    pub fn state(&self) -> watch::Receiver<TunnelState> {
        self.state.subscribe()
    }

    /// For the tunnel's thread: what is wanted; `None` until somebody has said so.
    pub fn wanted(&self) -> Option<TunnelWanted> {
        self.wanted.lock().ok()?.clone()
    }

    /// For the tunnel's thread: readable after a change.
    pub fn wake_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// For the tunnel's thread: takes the wake-up.
    pub fn acknowledge(&self) {
        // Empty when two wake-ups were taken as one.
        if let Err(error) = self.wake.read() {
            tracing::trace!(%error, "no wake-up to take");
        }
    }

    /// For the tunnel's thread: tells what the tunnel has become, also when a further attempt ended like the last one.
    pub fn report(&self, state: TunnelState) {
        self.state.send_replace(state);
    }
}
