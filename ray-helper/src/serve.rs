//! The loop: one connection, one request at a time, through gate, policy and apply to a reply.

use std::{
    error::Error,
    fmt, io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixDatagram,
    },
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{signal::Signal, signalfd::SignalFd},
};
use ray_ipc::{
    codec::CodecError,
    fd::{self, RecvError},
    helper::{self, HelperReply, HelperRequest, Refusal, VERSION},
    limits::HELPER_FRAME_MAX,
};

use crate::{
    apply::{Device, Host, Setback},
    crash::crash_point,
    gate::{self, Phase},
    limit::{BackOff, Limits},
    listen::{Knock, Listener},
    log::{self, PeerLog},
    manager::Manager,
    policy::{self, Op, TunSpec},
    recover::Found,
    sys::tun,
    undo,
};

/// Descriptors that are kept because closing one may wait for ever. With so many, no more are received: each message
/// leaves at most one more than it may carry, and all fit below the limit of open files.
const PARKED_MAX: usize = 16;

/// What a peer may never do. Each closes the connection and undoes what is there.
#[derive(Debug)]
pub enum Violation {
    /// A legal request at the wrong time.
    OutOfPhase(Phase),
    /// Not exactly one request: an unknown tag, short, or with bytes left over.
    Malformed(CodecError),
    /// Longer than the frame limit, too many descriptors, or control data of another kind.
    Unreadable(RecvError),
    /// Only a returned device comes with descriptors, and with exactly as many as it says.
    Descriptors { announced: usize, came: usize },
    /// The peer sends requests but does not read the replies.
    RepliesUnread,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfPhase(phase) => write!(f, "a request that is out of its phase ({phase:?})"),
            Self::Malformed(_) => f.write_str("a message that is no request"),
            Self::Unreadable(cause) => write!(f, "a message that cannot be received ({cause})"),
            Self::Descriptors { announced, came } => write!(f, "a message with {came} descriptors, not {announced}"),
            Self::RepliesUnread => f.write_str("requests without reading the replies"),
        }
    }
}

impl Error for Violation {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Malformed(cause) => Some(cause),
            Self::Unreadable(cause) => Some(cause),
            Self::OutOfPhase(_) | Self::Descriptors { .. } | Self::RepliesUnread => None,
        }
    }
}

/// How a connection ends.
#[derive(Debug)]
enum End {
    /// The peer hung up, or was told that it speaks another version.
    InOrder,
    Violation(Violation),
    /// The device's state is unknown.
    Torn,
}

/// The one connection.
#[derive(Debug)]
struct Peer {
    socket: UnixDatagram,
    /// Readable when the engine has died. Its end of the socket may live on in a process that it gave a copy to.
    process: Option<OwnedFd>,
    phase: Phase,
    /// It has closed its end; what it sent before may still be there to read.
    hung_up: bool,
}

/// The descriptors that came with a request.
#[derive(Debug, Default)]
struct Returned {
    /// The TUN driver's.
    queues: Vec<OwnedFd>,
    /// How many others there were.
    foreign: usize,
}

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

/// How the helper was asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// For good: nothing is to be left.
    Undo,
    /// For a successor: everything stays as it is.
    LetGo,
}

/// What [`Server::wait`] found.
#[derive(Debug, Default)]
struct Wake {
    stop: Option<Stop>,
    knock: bool,
    /// The engine has died, and its end of the socket lives on elsewhere.
    dead: bool,
    frame: bool,
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
                Some(Stop::Undo) => {
                    self.manager.stopping();
                    self.undo();
                    log::line(format_args!("everything undone, ending"));
                    return Ok(());
                }
                Some(Stop::LetGo) => {
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

    /// Sleeps until something may be done.
    fn wait(&mut self, now: Instant) -> io::Result<Wake> {
        let frame_in = self.limits.frames.wait(now).max(self.limits.operations.wait(now));
        let knock_in = match self.peer {
            Some(_) => self.limits.connections.wait(now),
            None => self.limits.connections.wait(now).max(self.back_off.wait(now)),
        };
        let hung_up = self.peer.as_ref().is_some_and(|peer| peer.hung_up);
        let grace = self.orphaned_until.map(|until| until.saturating_duration_since(now));
        // Each zero duration is something that is polled for instead.
        let sleep = [self.peer.is_some().then_some(frame_in), Some(knock_in)].into_iter().flatten();
        let timeout = sleep.filter(|wait| !wait.is_zero()).chain(grace).min();

        let events = |ready: bool| if ready { PollFlags::POLLIN } else { PollFlags::empty() };
        let mut polled = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        // While a peer that hung up has not been read to its end, its successor waits outside.
        let listening = knock_in.is_zero() && !hung_up;
        polled.push(PollFd::new(self.listener.as_fd(), events(listening)));
        let (mut process_at, mut socket_at) = (None, None);
        if let Some(peer) = self.peer.as_ref().filter(|_| frame_in.is_zero() || !hung_up) {
            // The process first: one that has died by then has closed its end of the socket before.
            polled.extend(peer.process.iter().map(|process| PollFd::new(process.as_fd(), PollFlags::POLLIN)));
            process_at = (polled.len() > 2).then_some(2);
            socket_at = Some(polled.len());
            polled.push(PollFd::new(peer.socket.as_fd(), events(frame_in.is_zero())));
        }
        match poll(&mut polled, poll_timeout(timeout)) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(Wake::default()),
            Err(errno) => return Err(errno.into()),
        }
        let found: Vec<PollFlags> =
            polled.iter().map(|polled| polled.revents().unwrap_or(PollFlags::POLLERR)).collect();
        let of = |index: usize| found.get(index).copied().unwrap_or(PollFlags::empty());
        let maybe = |index: Option<usize>| index.map_or(PollFlags::empty(), of);
        let gone = maybe(socket_at).intersects(PollFlags::POLLHUP | PollFlags::POLLERR);
        let dead = !maybe(process_at).is_empty() && !gone;
        let stop = if of(0).is_empty() { None } else { self.asked_to_stop()? };
        let wake = Wake {
            stop,
            knock: listening && !of(1).is_empty() && !gone,
            dead,
            frame: frame_in.is_zero() && !maybe(socket_at).is_empty() && !dead,
        };
        if let Some(peer) = &mut self.peer {
            peer.hung_up |= gone;
        }
        Ok(wake)
    }

    /// Which signal it was.
    fn asked_to_stop(&self) -> io::Result<Option<Stop>> {
        let signal = self.signals.read_signal()?;
        Ok(signal.map(|info| if info.ssi_signo == Signal::SIGUSR1 as u32 { Stop::LetGo } else { Stop::Undo }))
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
        match self.listener.accept() {
            Ok(None) => {}
            Ok(Some(Knock::Stranger(cred))) => {
                self.log.line(now, format_args!("closed a connection of uid {} (pid {})", cred.uid, cred.pid));
            }
            Ok(Some(Knock::Engine { .. })) if self.peer.is_some() => {
                self.log.line(now, format_args!("closed a second connection of the engine"));
            }
            Ok(Some(Knock::Engine { socket, process })) => {
                self.peer = Some(Peer { socket, process, phase: Phase::New, hung_up: false });
            }
            Err(error) => self.log.line(now, format_args!("accepting a connection: {error}")),
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
        let (request, returned) = self.receive(peer)?;
        let Some(next) = gate::next(peer.phase, &request) else {
            return Err(End::Violation(Violation::OutOfPhase(peer.phase)));
        };
        let op = match policy::judge(&self.host.config, request) {
            Ok(op) => op,
            Err(refusal) => return reply(&peer.socket, &HelperReply::Refused(refusal), &[]),
        };
        if let Op::Greet(greeting) = op {
            reply(&peer.socket, &HelperReply::Hello { version: VERSION }, &[])?;
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
                reply(&peer.socket, &done, &queues)
            }
            Err(Setback::Refused(refusal)) => reply(&peer.socket, &HelperReply::Refused(refusal), &[]),
            Err(Setback::Failed(failure)) => {
                log::line(format_args!("{failure}"));
                let failed = HelperReply::Failed { step: failure.step.into(), errno: failure.errno as i32 };
                reply(&peer.socket, &failed, &[])
            }
            Err(Setback::Torn(failure)) => {
                log::line(format_args!("{failure}, and what was half done could not be undone: starting over"));
                Err(End::Torn)
            }
        }
    }

    /// One request, and the descriptors that come with it.
    fn receive(&mut self, peer: &Peer) -> Result<(HelperRequest, Returned), End> {
        let mut buffer = vec![0; HELPER_FRAME_MAX];
        let (outcome, returned) = if peer.phase == Phase::Greeted && self.parked.len() < PARKED_MAX {
            let (outcome, fds) = fd::recv_keeping(&peer.socket, &mut buffer);
            (outcome, self.park_foreign(fds))
        } else {
            (fd::recv_bare(&peer.socket, &mut buffer), Returned::default())
        };
        let len = match outcome {
            Ok(len) => len,
            Err(RecvError::Io(_)) => return Err(End::InOrder),
            Err(error) => return Err(End::Violation(Violation::Unreadable(error))),
        };
        let request = match buffer.get(..len) {
            // A packet without bytes reads the same and ends the connection just as well.
            None | Some([]) => return Err(End::InOrder),
            Some(packet) => {
                helper::decode_request(packet).map_err(|error| End::Violation(Violation::Malformed(error)))?
            }
        };
        let (announced, came) = (announced(&request), returned.queues.len().saturating_add(returned.foreign));
        if announced != came {
            return Err(End::Violation(Violation::Descriptors { announced, came }));
        }
        Ok((request, returned))
    }

    /// Parts the descriptors that may be closed from those that are kept for good.
    fn park_foreign(&mut self, fds: Vec<OwnedFd>) -> Returned {
        let (queues, foreign): (Vec<_>, Vec<_>) = fds.into_iter().partition(|fd| tun::is_of_driver(fd.as_fd()));
        let returned = Returned { queues, foreign: foreign.len() };
        self.parked.extend(foreign);
        returned
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
            return Err(Setback::Failed(crate::apply::Failure { step: "finding the device", errno: Errno::ENODEV }));
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

/// How many descriptors a request comes with.
fn announced(request: &HelperRequest) -> usize {
    match request {
        HelperRequest::ReturnTun { queues } => usize::from(*queues),
        HelperRequest::Hello { .. }
        | HelperRequest::OpenTun { .. }
        | HelperRequest::SetAddresses { .. }
        | HelperRequest::ReplaceRoutes { .. }
        | HelperRequest::SetLink { .. }
        | HelperRequest::Release => 0,
    }
}

fn reply(socket: &UnixDatagram, reply: &HelperReply, queues: &[BorrowedFd<'_>]) -> Result<(), End> {
    let Ok(packet) = helper::encode_reply(reply) else {
        // Every reply is far below the limit.
        return Err(End::Torn);
    };
    match fd::send(socket, &packet, queues) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(End::Violation(Violation::RepliesUnread)),
        // It hung up before it could read this.
        Err(_) => Err(End::InOrder),
    }
}

/// Rounded up, so that the loop never spins through the last part of a millisecond.
fn poll_timeout(wait: Option<Duration>) -> PollTimeout {
    match wait {
        None => PollTimeout::NONE,
        Some(wait) => {
            let ms = wait.as_micros().div_ceil(1000);
            PollTimeout::try_from(ms).unwrap_or(PollTimeout::MAX)
        }
    }
}
