//! The loop: one connection, one request at a time, through policy and backend to a reply; and whatever changes on the host.

mod channel;
mod report;
mod wait;

use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::sys::signalfd::SignalFd;
use ray_helper::{
    limit::{BackOff, Limits},
    listen::{Caller, Listener},
    log::{self, PeerLog},
    manager::Manager,
    signal::Asked,
};
use ray_ipc::names::{Conflict, NamesReply, Report, State, VERSION, Wanted};

pub use self::channel::Violation;
use self::{
    channel::{End, Peer},
    wait::Wake,
};
use crate::{
    backend::{self, Failure, Host, Keeper, Outcome, file},
    choose::{Choice, Look, choose},
    config::Config,
    crash::crash_point,
    policy::{self, Op},
    resolv_conf::RESOLV_CONF,
    watch::Watch,
};

/// After a step that the host did not do.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Until a change that came together with an own one is looked at.
const LOOK_PAUSE: Duration = Duration::from_millis(500);
/// A process this young does not end because of a change: hosts that come up change a few times.
const YOUNG: Duration = Duration::from_secs(2);

/// The program at work.
#[derive(Debug)]
pub struct Server {
    config: Config,
    choice: Choice,
    look: Look,
    /// Directory of the list of resolvers that this process was confined for.
    directory: PathBuf,
    host: Host,
    keeper: Box<dyn Keeper>,
    watch: Watch,
    listener: Listener,
    signals: SignalFd,
    limits: Limits,
    back_off: BackOff,
    log: PeerLog,
    manager: Manager,
    peer: Option<Peer>,
    wanted: Option<Wanted>,
    outcome: Outcome,
    /// What the peer knows.
    told: Option<Report>,
    /// When to try again what did not work.
    again: Option<Instant>,
    /// Something may be set that nobody wants.
    owes_undo: bool,
    /// What the host did not do last.
    failure: Option<Failure>,
    born: Instant,
}

impl Server {
    pub fn new(
        config: Config,
        (choice, look): (Choice, Look),
        listener: Listener,
        (signals, watch): (SignalFd, Watch),
        manager: Manager,
    ) -> Self {
        let now = Instant::now();
        let keeper = backend::make(choice.backend, &config);
        Self {
            config,
            directory: look.place.directory().to_path_buf(),
            host: report::listed(&look),
            choice,
            look,
            keeper,
            watch,
            listener,
            signals,
            limits: Limits::new(now),
            back_off: BackOff::default(),
            log: PeerLog::new(now),
            manager,
            peer: None,
            wanted: None,
            outcome: Outcome::unset(),
            told: None,
            again: None,
            owes_undo: false,
            failure: None,
            born: now,
        }
    }

    /// Serves until a signal asks for the end, or the host's DNS settings have another keeper: the rights of this process
    /// are those that its backend needs, and another backend needs another process.
    pub fn run(mut self) -> io::Result<()> {
        self.follow();
        self.host = self.keeper.upstreams().unwrap_or_else(|| report::listed(&self.look));
        let mut said = self.status();
        self.manager.ready(said);
        loop {
            let wake = self.wait(Instant::now())?;
            let now = Instant::now();
            match wake.asked {
                None => {}
                Some(Asked::Undo) => {
                    self.manager.stopping();
                    self.undo(now);
                    log::line(format_args!("everything undone, ending"));
                    return Ok(());
                }
                Some(Asked::LetGo) => {
                    self.manager.stopping();
                    log::line(format_args!("leaving everything as it is to a successor, ending"));
                    return Ok(());
                }
            }
            if self.attend_to_host(&wake, now) {
                self.manager.stopping();
                self.undo(now);
                log::line(format_args!(
                    "the host's DNS settings have another keeper: ending, to be started for that one"
                ));
                return Ok(());
            }
            self.attend_to_engine(&wake, now);
            self.tell(now);
            let status = self.status();
            if status != std::mem::replace(&mut said, status) {
                self.manager.status(status);
            }
        }
    }

    fn status(&self) -> &'static str {
        match (&self.peer, self.outcome.state) {
            (None, _) => "waiting for an engine",
            (Some(_), State::Unset) => "nothing is set",
            (Some(_), State::Set) => "the host asks the mesh for its names",
            (Some(_), State::Waiting) => "waiting for the host's DNS settings",
            (Some(_), State::StoodDown) => "the host's DNS settings are left alone",
        }
    }

    /// What has changed on the host. Whether this process is the wrong one for it.
    fn attend_to_host(&mut self, wake: &Wake, now: Instant) -> bool {
        let due = self.again.is_some_and(|again| again <= now);
        let mut changed = due;
        if due {
            self.again = None;
        }
        if wake.keeper {
            changed |= self.keeper.changed(now);
        }
        changed |= wake.listed && self.watch.has_changed();
        if !changed {
            return false;
        }
        self.look = Look::at_host();
        self.host = self.keeper.upstreams().unwrap_or_else(|| report::listed(&self.look));
        self.follow();
        let choice = choose(&self.config, &self.look);
        if choice.backend != self.choice.backend || self.look.place.directory() != self.directory {
            let old_enough = self.born.checked_add(YOUNG).unwrap_or(now);
            if old_enough <= now {
                return true;
            }
            self.again = Some(old_enough);
        } else {
            self.choice = choice;
        }
        match self.wanted.clone() {
            Some(wanted) => {
                let outcome = self.set(&wanted, now);
                self.say(outcome);
            }
            // Also lines that a backup of another program has brought back.
            None if self.owes_undo || !backend::is_on_the_bus(self.choice.backend) => self.undo(now),
            None => {}
        }
        false
    }

    fn attend_to_engine(&mut self, wake: &Wake, now: Instant) {
        // First the connection that is, then the one that wants to be: an engine that starts again at once finds its
        // predecessor gone.
        if wake.dead && self.peer.take().is_some() {
            self.back_off.forgive();
            self.undo(now);
        } else if wake.frame {
            self.serve_frame(now);
        }
        if wake.knock {
            self.answer_knock(now);
        }
    }

    fn answer_knock(&mut self, now: Instant) {
        self.limits.connections.take(now);
        let admitted = self.listener.admit(self.peer.is_some(), &mut self.log, now);
        if let Some(Caller { socket, process }) = admitted {
            self.peer = Some(Peer { socket, process, is_greeted: false, is_told: false });
            self.told = None;
        }
    }

    fn serve_frame(&mut self, now: Instant) {
        let Some(mut peer) = self.peer.take() else { return };
        self.limits.frames.take(now);
        match self.exchange(&mut peer, now) {
            Ok(()) => self.peer = Some(peer),
            Err(end) => self.end(end, peer, now),
        }
    }

    /// One request, one reply.
    fn exchange(&mut self, peer: &mut Peer, now: Instant) -> Result<(), End> {
        let request = peer.receive()?;
        let reply = match policy::judge(&self.config, self.choice.backend, request) {
            Err(refusal) => NamesReply::Refused(refusal),
            Ok(Op::Greet { version }) => {
                peer.send(&NamesReply::Hello { version: VERSION })?;
                peer.is_greeted = true;
                return if version == VERSION { Ok(()) } else { Err(End::InOrder) };
            }
            Ok(Op::Look) => NamesReply::Report(self.report()),
            Ok(Op::Release) => {
                self.limits.operations.take(now);
                self.undo(now);
                NamesReply::Done
            }
            Ok(Op::Replace(wanted)) => {
                self.limits.operations.take(now);
                match self.set(&wanted, now) {
                    Ok(()) => NamesReply::Done,
                    Err(failure) => {
                        log::line(format_args!("{failure}"));
                        self.undo(now);
                        NamesReply::Failed { step: failure.step.into(), errno: failure.errno as i32 }
                    }
                }
            }
        };
        crash_point("set-before-reply");
        peer.send(&reply)?;
        if let NamesReply::Report(report) = reply {
            self.told = Some(report);
        }
        peer.is_told = true;
        Ok(())
    }

    fn end(&mut self, end: End, peer: Peer, now: Instant) {
        match end {
            End::InOrder => self.back_off.forgive(),
            End::Violation(violation) => {
                self.log.line(now, format_args!("violation: {violation}"));
                if self.wanted.is_some() {
                    let pause = self.back_off.punish(now);
                    log::line(format_args!("serving nobody for {} s", pause.as_secs()));
                }
            }
        }
        self.undo(now);
        // Closed after the undo: what it has sent and nobody has read goes with it.
        drop(peer);
    }

    fn set(&mut self, wanted: &Wanted, now: Instant) -> Result<(), Failure> {
        self.owes_undo = true;
        self.wanted = Some(wanted.clone());
        let outcome = self.keeper.set(wanted, now);
        self.drain(now);
        match outcome {
            Ok(outcome) => {
                self.again = earliest(self.again, outcome.again);
                self.outcome = outcome;
                Ok(())
            }
            Err(failure) => {
                self.again = earliest(self.again, now.checked_add(RETRY_PAUSE));
                let conflict = Conflict {
                    what: failure.to_string(),
                    remedy: "see the log of ray-names; it tries again".to_owned(),
                };
                self.outcome = Outcome { state: State::Waiting, conflicts: vec![conflict], ..Outcome::unset() };
                Err(failure)
            }
        }
    }

    fn undo(&mut self, now: Instant) {
        self.wanted = None;
        self.outcome = Outcome::unset();
        crash_point("undo-before");
        let outcome = self.keeper.unset();
        self.drain(now);
        match &outcome {
            Ok(()) => self.owes_undo = false,
            Err(_) if self.owes_undo => self.again = earliest(self.again, now.checked_add(RETRY_PAUSE)),
            Err(_) => {}
        }
        self.say(outcome);
        crash_point("undo-after");
    }

    /// Takes what was told of the own change: read later, it would have the file looked at in the middle of another's. Where
    /// another's came in the same moment, the file is looked at when that has long been whole.
    fn drain(&mut self, now: Instant) {
        let is_listed = !backend::is_on_the_bus(self.choice.backend);
        if self.watch.has_changed() && is_listed && file::is_set(&self.look.place) != self.wanted.is_some() {
            self.again = earliest(self.again, now.checked_add(LOOK_PAUSE));
        }
    }

    /// Logs a failure, once for each time that it comes up.
    fn say(&mut self, outcome: Result<(), Failure>) {
        let failure = outcome.err();
        if let Some(failure) = &failure
            && self.failure.as_ref() != Some(failure)
        {
            log::line(format_args!("{failure}"));
        }
        self.failure = failure;
    }

    fn report(&self) -> Report {
        report::report(&self.choice, &self.host, &self.outcome)
    }

    /// Tells the engine what has changed.
    fn tell(&mut self, now: Instant) {
        let Some(peer) = self.peer.take_if(|peer| peer.is_told) else { return };
        let report = self.report();
        if self.told.as_ref() == Some(&report) {
            self.peer = Some(peer);
            return;
        }
        match peer.send(&NamesReply::Report(report.clone())) {
            Ok(()) => {
                self.told = Some(report);
                self.peer = Some(peer);
            }
            Err(end) => self.end(end, peer, now),
        }
    }

    fn follow(&mut self) {
        self.watch.follow(&[Path::new(RESOLV_CONF), &self.look.place.path]);
    }
}

fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}
