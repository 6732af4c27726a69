//! Names on this host: what is wanted of its DNS settings, what became of that, and how a name is answered.
//!
//! Trouble with names is told and never holds up a tunnel. One that is taken down waits a moment for its names to go first:
//! a host that asks a resolver which is gone waits at each lookup.

mod alias;
mod query;
mod show;

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use ray_ipc::{
    control::{DnsEvent, DnsMode, DnsReply, DnsRequest, Reply},
    names::Mode,
};
use tokio::sync::watch;

pub(super) use self::alias::Aliases;
use super::{Answer, Core, Result, answer, now};
use crate::{
    host::{NamesControl, NamesState, NamesWanted, TunnelState},
    resolver::Resolver,
};

/// More search domains make every lookup of a short name slower.
const SEARCH_MAX: usize = 4;
/// How long a tunnel waits for its names to go.
const LEAVE: Duration = Duration::from_secs(1);
/// Changes that are kept in mind; the oldest is forgotten first.
const EVENTS_MAX: usize = 16;

/// What the service knows of names.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) control: NamesControl,
    pub(super) state: watch::Receiver<NamesState>,
    resolver: Arc<Resolver>,
    pub(super) aliases: Aliases,
    /// Until when the tunnel stays up for its names to go.
    leave_until: Option<Instant>,
    /// The state that was told last.
    told: NamesState,
    events: VecDeque<DnsEvent>,
}

impl Names {
    pub(super) fn new(control: NamesControl, resolver: Arc<Resolver>, aliases: Aliases) -> Self {
        let state = control.state();
        Self {
            control,
            state,
            resolver,
            aliases,
            leave_until: None,
            told: NamesState::default(),
            events: VecDeque::new(),
        }
    }

    /// Says what the tunnel shall be from now on.
    pub(super) fn tunnel_wanted(&mut self, up: bool) {
        self.leave_until = (!up).then(|| Instant::now() + LEAVE);
    }

    /// Whether the tunnel stays up although it is not wanted.
    pub(super) fn holds_tunnel(&self) -> bool {
        self.leave_until.is_some_and(|until| Instant::now() < until) && self.state.borrow().holds()
    }

    fn told(&mut self, text: String) {
        tracing::info!("names: {text}");
        self.events.push_back(DnsEvent { time: now().0, text });
        let surplus = self.events.len().saturating_sub(EVENTS_MAX);
        self.events.drain(..surplus);
    }
}

impl Core {
    pub(super) async fn dns(&mut self, request: DnsRequest, answer: Answer) {
        let reply = match request {
            DnsRequest::Status => Ok(Reply::Dns(Box::new(self.dns_status()))),
            DnsRequest::Query { name, kind } => self.query(&name, kind).map(|found| Reply::DnsQuery(Box::new(found))),
        };
        answer::send(&answer, reply.unwrap_or_else(Reply::Error)).await;
    }

    /// What the host shall do with names while the tunnel is up.
    pub(super) fn names_wanted(&self) -> Option<NamesWanted> {
        let settings = self.config.counts();
        let mode = match settings.dns {
            DnsMode::Off => None,
            DnsMode::Names => Some(Mode::Names),
            DnsMode::Full => Some(Mode::Full),
        };
        let mode = mode.filter(|_| self.wanted_up)?;
        let search = if settings.search { self.search_domains() } else { Vec::new() };
        Some(NamesWanted { mode, search })
    }

    /// The networks whose hosts are found by their bare name, in the order in which flat names mean them.
    fn search_domains(&self) -> Vec<String> {
        let mut names: Vec<String> = self.live_networks().map(|network| network.name().to_string()).collect();
        names.sort_unstable();
        names.dedup();
        names.truncate(SEARCH_MAX);
        names
    }

    /// Takes note of how things stand by now.
    pub(super) fn names_changed(&mut self) {
        let state = self.names.state.borrow_and_update().clone();
        for text in show::changes(&self.names.told, &state) {
            self.names.told(text);
        }
        self.names.told = state;
        // A tunnel may have waited for this.
        self.dirty |= self.names.leave_until.is_some();
    }

    pub(super) fn names_at(&self) -> Option<Instant> {
        self.names.leave_until
    }

    /// Ends the wait of a tunnel that is to go.
    pub(super) fn end_leaving(&mut self) {
        if self.names.leave_until.is_some_and(|until| until <= Instant::now()) {
            self.names.leave_until = None;
            self.dirty = true;
        }
    }

    pub(super) fn dns_status(&self) -> DnsReply {
        let settings = self.config.counts();
        let answers = match &*self.tunnel.state().borrow() {
            TunnelState::Up(tun) => show::servers(tun),
            TunnelState::Down | TunnelState::Starting | TunnelState::Failed { .. } => Vec::new(),
        };
        let forwarding = self.names.resolver.status();
        let state = self.names.state.borrow();
        DnsReply {
            mode: settings.dns,
            search: settings.search,
            keeper: show::keeper(&state),
            host: state.report.as_ref().map(show::host),
            trouble: state.trouble.clone(),
            answers,
            upstreams: forwarding.upstreams.into_iter().map(show::upstream).collect(),
            forwards: forwarding.forwarding,
            events: self.names.events.iter().cloned().collect(),
        }
    }

    /// What a user should know about names, in plain words.
    pub(super) fn names_warnings(&self) -> Vec<String> {
        let up = matches!(*self.tunnel.state().borrow(), TunnelState::Up(_));
        let wanted = up && self.names_wanted().is_some();
        let mut warnings = if wanted { show::warnings(&self.names.state.borrow()) } else { Vec::new() };
        warnings.extend(self.names.aliases.warnings.iter().cloned());
        warnings
    }
}
