//! The loop: one connection, one request at a time, through gate, policy and apply to a reply.

mod channel;
mod wait;

use std::{
    io,
    os::fd::{BorrowedFd, OwnedFd},
    time::Instant,
};

use nix::{errno::Errno, sys::signalfd::SignalFd};
use ray_ipc::helper::{HelperReply, Refusal, VERSION};

use self::channel::{End, Peer, Returned};
pub use self::{channel::Violation, wait::poll_timeout};
use crate::{
    apply::{Device, Failure, Host, Setback},
    crash::crash_point,
    gate::{self, Phase},
    limit::{BackOff, Limits},
    listen::{Caller, Listener},
    log::{self, PeerLog},
    manager::Manager,
    policy::{self, Op, TunSpec},
    recover::Found,
    signal::Asked,
    undo,
};

/// The helper at work.
#[derive(Debug)]
pub struct Server {
    host: Host,
    listener: Listener,
    signals: SignalFd,
    limits: Limits,
    back_off: BackOff,
    log: PeerLog,
    peer: Option<Peer>,
    manager: Manager,
    device: Option<Device>,
    /// The index of a device that a predecessor made and that its engine is to return.
    awaited: Option<u32>,
    /// When a device without an engine goes away; `None` while it is in use.
    orphaned_until: Option<Instant>,
    /// Descriptors of files that are not the TUN driver's: to close one may be to wait for a FUSE daemon, unkillably.
    /// Last, so that even an end that lets go has closed all else before.
    parked: Vec<OwnedFd>,
}

impl Server {
    /// Begins with what was `found` of a predecessor, which its engine has the grace time to claim.
    pub fn new(host: Host, listener: Listener, signals: SignalFd, manager: Manager, found: Found) -> Self {
        let now = Instant::now();
        let (device, awaited) = match found {
            Found::Nothing => (None, None),
            Found::Device(device) => (Some(device), None),
            Found::Held(ifindex) => (None, Some(ifindex)),
        };
        let is_there = device.is_some() || awaited.is_some();
        let orphaned_until = is_there.then(|| now.checked_add(host.config.grace).unwrap_or(now));
        Self {
            host,
            listener,
            signals,
            limits: Limits::new(now),
            back_off: BackOff::default(),
            log: PeerLog::new(now),
            peer: None,
            parked: Vec::new(),
            manager,
            device,
            awaited,
            orphaned_until,
        }
    }

    /// Serves until a signal asks for the end, and then undoes everything, or nothing.
    pub fn run(mut self) -> io::Result<()> {
        if self.device.is_none() {
            // Whatever it gave back was not fit for use.
            self.manager.forget();
        }
        self.manager.ready(self.status());
        loop {
            let now = Instant::now();
            if self.orphaned_until.is_some_and(|until| until <= now) {
                log::line(format_args!("no engine came back within the grace time: removing the device"));
                self.undo();
            }
            let wake = self.wait(now)?;
            let now = Instant::now();
            match wake.stop {
                None => {}
                Some(Asked::Undo) => {
                    self.manager.stopping();
                    self.undo();
                    log::line(format_args!("everything undone, ending"));
                    return Ok(());
                }
                Some(Asked::LetGo) => {
                    self.manager.stopping();
                    log::line(format_args!("leaving everything as it is to a successor, ending"));
                    return Ok(());
                }
            }
            // First the connection that is, then the one that wants to be: an engine that starts again at once finds
            // its predecessor gone.
            if wake.dead
                && let Some(peer) = self.peer.take()
            {
                self.log.line(now, format_args!("closed a connection that outlived the engine that made it"));
                self.end_in_order(peer.phase, now);
            }
            if wake.frame {
                self.serve_frame(now);
            }
            if wake.knock {
                self.answer_knock(now);
            }
        }
    }

    fn status(&self) -> &'static str {
        match (&self.device, self.awaited, self.orphaned_until) {
            (Some(_), _, None) => "the tunnel's device is in use",
            (Some(_), _, Some(_)) => "keeping the device for an engine that starts again",
            (None, Some(_), _) => "waiting for the engine to return the device",
            (None, None, _) => "waiting for an engine",
        }
    }

    fn answer_knock(&mut self, now: Instant) {
        self.limits.connections.take(now);
        let admitted = self.listener.admit(self.peer.is_some(), &mut self.log, now);
        if let Some(Caller { socket, process }) = admitted {
            self.peer = Some(Peer { socket, process, phase: Phase::New, hung_up: false });
        }
    }

    /// A connection came to its end without a violation: the device waits for the next.
    fn end_in_order(&mut self, phase: Phase, now: Instant) {
        // An engine that had its link up has shown good order; a hello has not.
        if phase == Phase::Up {
            self.back_off.forgive();
        }
        if self.device.is_some() && self.orphaned_until.is_none() {
            self.orphaned_until = now.checked_add(self.host.config.grace).or(Some(now));
            self.manager.status(self.status());
        }
    }

    fn serve_frame(&mut self, now: Instant) {
        let Some(mut peer) = self.peer.take() else { return };
        self.limits.frames.take(now);
        match self.exchange(&mut peer, now) {
            Ok(()) => self.peer = Some(peer),
            Err(End::InOrder) => self.end_in_order(peer.phase, now),
            Err(End::Violation(violation)) => {
                self.log.line(now, format_args!("violation: {violation}"));
                if self.device.is_some() || self.awaited.is_some() {
                    self.undo();
                    let pause = self.back_off.punish(Instant::now());
                    log::line(format_args!("serving nobody for {} s", pause.as_secs()));
                }
                // Closed after the undo: what it has sent and nobody has read goes with it.
                drop(peer);
            }
            Err(End::Torn) => {
                self.undo();
                drop(peer);
            }
        }
    }

    /// One request, one reply.
    fn exchange(&mut self, peer: &mut Peer, now: Instant) -> Result<(), End> {
        let (request, returned) = peer.receive(&mut self.parked)?;
        let Some(next) = gate::next(peer.phase, &request) else {
            return Err(End::Violation(Violation::OutOfPhase(peer.phase)));
        };
        let op = match policy::judge(&self.host.config, request) {
            Ok(op) => op,
            Err(refusal) => return peer.reply(&HelperReply::Refused(refusal), &[]),
        };
        if let Op::Greet(greeting) = op {
            peer.reply(&HelperReply::Hello { version: VERSION }, &[])?;
            peer.phase = next;
            return if greeting.agreed() { Ok(()) } else { Err(End::InOrder) };
        }
        self.limits.operations.take(now);
        match self.perform(op, returned) {
            Ok(done) => {
                peer.phase = next;
                let queues: Vec<BorrowedFd<'_>> = match (&done, &self.device) {
                    (HelperReply::TunOpened(_), Some(device)) => device.queues().collect(),
                    _ => Vec::new(),
                };
                peer.reply(&done, &queues)
            }
            Err(Setback::Refused(refusal)) => peer.reply(&HelperReply::Refused(refusal), &[]),
            Err(Setback::Failed(failure)) => {
                log::line(format_args!("{failure}"));
                let failed = HelperReply::Failed { step: failure.step.into(), errno: failure.errno as i32 };
                peer.reply(&failed, &[])
            }
            Err(Setback::Torn(failure)) => {
                log::line(format_args!("{failure}, and what was half done could not be undone: starting over"));
                Err(End::Torn)
            }
        }
    }

    fn perform(&mut self, op: Op, returned: Returned) -> Result<HelperReply, Setback> {
        match op {
            Op::OpenTun(spec) => self.open(spec),
            Op::SetAddresses(addresses) => self.with_device(|host, device| host.set_addresses(device, &addresses)),
            Op::ReplaceRoutes(routes) => self.with_device(|host, device| host.replace_routes(device, &routes)),
            Op::SetLink(state) => self.with_device(|host, device| host.set_link(device, state)),
            Op::ReturnTun => self.take_back(returned),
            Op::Release => {
                self.undo();
                Ok(HelperReply::Done)
            }
            Op::Greet(_) => Ok(HelperReply::Hello { version: VERSION }),
        }
    }

    fn open(&mut self, spec: TunSpec) -> Result<HelperReply, Setback> {
        if let Some(device) = &mut self.device {
            match self.host.resume(device, spec) {
                Ok(()) => {
                    let opened = device.describe(true);
                    self.in_use();
                    return Ok(HelperReply::TunOpened(opened));
                }
                Err(Setback::Refused(refusal)) => return Err(Setback::Refused(refusal)),
                Err(Setback::Failed(failure) | Setback::Torn(failure)) => {
                    log::line(format_args!("{failure}: the kept device makes room for a fresh one"));
                    self.undo();
                }
            }
        }
        if self.awaited.is_some() {
            // An engine that asks for a device has none to return: whoever holds this one is about to end.
            self.undo();
        }
        let device = self.host.create(spec)?;
        let opened = device.describe(false);
        self.keep(device);
        Ok(HelperReply::TunOpened(opened))
    }

    /// The engine's own device after a connection or a helper was lost.
    fn take_back(&mut self, returned: Returned) -> Result<HelperReply, Setback> {
        let Returned { queues, foreign: 0 } = returned else {
            return Err(Setback::Refused(Refusal::NotTheDevice));
        };
        match &self.device {
            Some(device) => {
                self.host.recognise(device, &queues)?;
                self.in_use();
            }
            None => {
                let device = self.host.adopt(queues)?;
                self.keep(device);
            }
        }
        crash_point("return-before-reply");
        Ok(HelperReply::Done)
    }

    fn keep(&mut self, device: Device) {
        self.manager.keep(device.queues());
        self.device = Some(device);
        self.in_use();
        crash_point("open-after-store");
    }

    fn in_use(&mut self) {
        self.awaited = None;
        self.orphaned_until = None;
        self.manager.status(self.status());
    }

    fn with_device(
        &mut self,
        act: impl FnOnce(&mut Host, &mut Device) -> Result<(), Setback>,
    ) -> Result<HelperReply, Setback> {
        let Some(device) = &mut self.device else {
            // The gate knows a phase with a device only after one was made.
            return Err(Setback::Failed(Failure { step: "finding the device", errno: Errno::ENODEV }));
        };
        act(&mut self.host, device).map(|()| HelperReply::Done)
    }

    fn undo(&mut self) {
        self.orphaned_until = None;
        let device = self.device.take();
        if let Some(ifindex) = device.as_ref().map(Device::ifindex).or(self.awaited.take()) {
            undo::undo(&mut self.host.netlink, ifindex);
            self.manager.forget();
            self.manager.status(self.status());
        }
    }
}
