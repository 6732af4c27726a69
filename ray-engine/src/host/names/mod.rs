//! Keeps the host's DNS settings as they are wanted: asks `ray-names`, takes its reports at any time, and asks again when it
//! has started anew. Nothing here ends or holds up a tunnel.
//!
//! The host is to ask the mesh's resolver only while that can answer: a tunnel that stays away takes the wish with it after a
//! moment, and whoever takes the tunnel down lets go of the names first.

mod link;
mod state;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use ray_ipc::names::{Mode, NamesReply, NamesRequest, Report, Wanted};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

use self::link::{Link, NamesError};
pub use self::state::{NamesState, NamesWanted};
use super::TunnelState;

/// Between attempts to find the program: short at first, for one that is being restarted is back at once.
const RETRY: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// Between attempts at a step that the host did not do.
const AGAIN: Duration = Duration::from_secs(5);
/// How long a tunnel that is set up anew may take before the host asks others.
const GRACE: Duration = Duration::from_millis(500);
/// How long letting go may hold up whoever waits for it.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(1);

/// Told of each report before anything is asked for: the host's resolvers, and whether they are to be asked for what
/// is not the mesh's.
pub type OnReport = Box<dyn Fn(&[SocketAddr], bool) + Send + Sync>;

/// The shared place between whoever wants names and the task that keeps them. Cloning shares it.
#[derive(Debug, Clone)]
pub struct NamesControl {
    wish: watch::Sender<Wish>,
    state: watch::Sender<NamesState>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Wish {
    wanted: Option<NamesWanted>,
    /// No wish counts any more.
    closing: bool,
}

impl NamesControl {
    /// Starts the task.
    pub fn start(socket: &Path, tunnel: watch::Receiver<TunnelState>, on_report: OnReport) -> Self {
        let (wish, wishes) = watch::channel(Wish::default());
        let (state, _) = watch::channel(NamesState::default());
        let control = Self { wish, state };
        let keeper = Keeper {
            socket: socket.to_owned(),
            wishes,
            tunnel,
            state: control.state.clone(),
            on_report,
            away_since: None,
            again: None,
        };
        tokio::spawn(keeper.run());
        control
    }

    /// Says what is wanted from now on; `None` is nothing.
    pub fn want(&self, wanted: Option<NamesWanted>) {
        self.wish.send_if_modified(|wish| {
            let changed = wish.wanted != wanted;
            wish.wanted = wanted;
            changed
        });
    }

    pub fn state(&self) -> watch::Receiver<NamesState> {
        self.state.subscribe()
    }

    /// Lets go of the host's settings for good, and waits a moment for that.
    pub async fn close(&self) {
        self.wish.send_modify(|wish| wish.closing = true);
        let mut state = self.state();
        if timeout(RELEASE_TIMEOUT, state.wait_for(|state| !state.holds())).await.is_err() {
            tracing::warn!("the host's DNS settings are undone by ray-names alone");
        }
    }
}

/// The task.
struct Keeper {
    socket: PathBuf,
    wishes: watch::Receiver<Wish>,
    tunnel: watch::Receiver<TunnelState>,
    state: watch::Sender<NamesState>,
    on_report: OnReport,
    /// Since when the tunnel is not up.
    away_since: Option<Instant>,
    /// When to try a step again that the host did not do.
    again: Option<Instant>,
}

impl Keeper {
    async fn run(mut self) {
        let mut pause = RETRY;
        loop {
            let began = Instant::now();
            let lost = match Link::open(&self.socket).await {
                Ok(link) => self.converse(&link).await,
                Err(error) => error,
            };
            self.lost(&lost);
            pause = if began.elapsed() > RETRY_MAX { RETRY } else { pause.saturating_mul(2).min(RETRY_MAX) };
            if self.wait(pause).await.is_err() {
                return;
            }
        }
    }

    /// Waits for the next attempt. An error: nobody wants anything any more.
    async fn wait(&mut self, pause: Duration) -> Result<(), watch::error::RecvError> {
        let until = Instant::now() + pause;
        loop {
            tokio::select! {
                () = sleep_until(until) => return Ok(()),
                changed = self.wishes.changed() => changed?,
            }
        }
    }

    /// Serves one connection until it ends; why it did.
    async fn converse(&mut self, link: &Link) -> NamesError {
        // What the host asks at present is known before anything is changed.
        match link.ask(&NamesRequest::Look, |report| self.take(report)).await {
            Ok(NamesReply::Report(report)) => self.take(report),
            Ok(_) => return NamesError::Unexpected,
            Err(error) => return error,
        }
        loop {
            let wanted = self.due();
            if wanted != self.state.borrow().asked || self.again.is_some_and(|at| at <= Instant::now()) {
                if let Err(error) = self.ask(link, wanted).await {
                    return error;
                }
                continue;
            }
            let wake = self.wake_at();
            tokio::select! {
                reply = link.receive() => match reply {
                    Ok(NamesReply::Report(report)) => self.take(report),
                    Ok(_) => return NamesError::Unexpected,
                    Err(error) => return error,
                },
                changed = self.wishes.changed() => if changed.is_err() {
                    return NamesError::Unwanted;
                },
                changed = self.tunnel.changed() => if changed.is_err() {
                    return NamesError::Unwanted;
                },
                () = moment(wake) => {}
            }
        }
    }

    /// What is to be asked for at this moment.
    fn due(&mut self) -> Option<Wanted> {
        let Wish { wanted, closing } = self.wishes.borrow_and_update().clone();
        let v4 = match &*self.tunnel.borrow_and_update() {
            TunnelState::Up(tun) => Some(tun.v4.is_some()),
            TunnelState::Down => {
                self.away_since = None;
                return None;
            }
            TunnelState::Starting | TunnelState::Failed { .. } => None,
        };
        let wanted = wanted.filter(|_| !closing)?;
        if let Some(v4) = v4 {
            self.away_since = None;
            return Some(Wanted { mode: wanted.mode, v4, search: wanted.search });
        }
        let away_since = *self.away_since.get_or_insert_with(Instant::now);
        self.state.borrow().asked.clone().filter(|_| away_since.elapsed() < GRACE)
    }

    fn wake_at(&self) -> Option<Instant> {
        let held = self.state.borrow().asked.is_some();
        let away = self.away_since.filter(|_| held).map(|since| since + GRACE);
        away.into_iter().chain(self.again).min()
    }

    async fn ask(&mut self, link: &Link, wanted: Option<Wanted>) -> Result<(), NamesError> {
        self.again = None;
        self.tell();
        let request = wanted.clone().map_or(NamesRequest::Release, NamesRequest::ReplaceDns);
        let answer = link.ask(&request, |report| self.take(report)).await?;
        let trouble = match answer {
            NamesReply::Done => None,
            NamesReply::Refused(refusal) => Some(state::refusal_in_words(refusal)),
            NamesReply::Failed { step, errno } => {
                self.again = Some(Instant::now() + AGAIN);
                Some(format!("{step}: {}", std::io::Error::from_raw_os_error(errno)))
            }
            NamesReply::Hello { .. } | NamesReply::Report(_) => return Err(NamesError::Unexpected),
        };
        if let Some(trouble) = &trouble {
            tracing::warn!(%trouble, "the host's DNS settings are not as wanted");
        }
        self.state.send_modify(|state| {
            state.asked = wanted;
            state.trouble = trouble;
        });
        Ok(())
    }

    fn take(&self, report: Report) {
        self.state.send_modify(|state| {
            state.missing = None;
            state.report = Some(report);
        });
        self.tell();
    }

    /// Passes on whom to ask for what is not the mesh's, and whether such questions may come here. They may before the first
    /// can, and after the program has died: what it set is then still there.
    fn tell(&self) {
        let mode = self.wishes.borrow().wanted.as_ref().map(|wanted| wanted.mode);
        if let Some(report) = &self.state.borrow().report {
            let all = mode.is_some_and(|mode| mode == Mode::Full || state::sends_all(report.backend));
            (self.on_report)(&report.upstreams, all);
        }
    }

    fn lost(&mut self, error: &NamesError) {
        let missing = Some(error.to_string());
        self.again = None;
        self.state.send_if_modified(|state| {
            let news = state.missing != missing;
            if news {
                tracing::info!(reason = %error, "nobody keeps the host's DNS settings");
            }
            (state.missing, state.asked, state.trouble) = (missing, None, None);
            news
        });
    }
}

/// Waits until a moment, or for ever without one.
async fn moment(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
