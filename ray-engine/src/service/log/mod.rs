//! `log`: what happened in a network, entry by entry, in plain words.

mod names;
mod words;

use std::time::Duration;

use ray_ipc::control::{ErrorCode, ErrorReply, LogDone, LogEffect, LogEntry, LogRequest, Reply};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use self::names::Names;
use super::{Answer, Core, Result, answer, failure};
use crate::{
    ident::PeerId,
    ledger::{Effect, Ledger, Told},
};

/// Entries of an answer that anybody may ask for at any time: what people read.
const SHORT_MAX: usize = 1000;
/// Longer answers at once. Each holds up to a whole history in words until its caller has read it.
const LONG_AT_ONCE_MAX: usize = 4;
/// A longer answer that is not read by then is dropped, so that slow callers keep nobody else from asking.
const LONG_TIMEOUT: Duration = Duration::from_secs(60);

static LONG: Semaphore = Semaphore::const_new(LONG_AT_ONCE_MAX);

impl Core {
    /// Words the history at once and hands it out in a task of its own, as fast as the caller reads.
    pub(super) async fn log(&self, request: LogRequest, answer: Answer) {
        match self.tell_history(&request) {
            Ok(telling) => {
                tokio::spawn(telling.run(answer));
            }
            Err(error) => answer::send(&answer, Reply::Error(error)).await,
        }
    }

    fn tell_history(&self, request: &LogRequest) -> Result<Telling> {
        let network = self.chosen(request.network.as_deref())?;
        let name = network.name().to_string();
        let total = network.ledger.len();
        let limit = match usize::try_from(request.limit) {
            Ok(0) | Err(_) => total,
            Ok(limit) => limit.min(total),
        };
        let permit = place(&name, limit)?;
        let done = LogDone {
            network: name,
            entries: u32::try_from(total).unwrap_or(u32::MAX),
            unconfirmed: u32::try_from(network.ledger.unanchored()).unwrap_or(u32::MAX),
        };
        Ok(Telling { entries: history(&network.ledger, limit), done, permit })
    }
}

/// An answer on its way.
struct Telling {
    entries: Vec<LogEntry>,
    done: LogDone,
    permit: Option<SemaphorePermit<'static>>,
}

impl Telling {
    async fn run(self, answer: Answer) {
        let Self { entries, done, permit } = self;
        let network = done.network.clone();
        let telling = async {
            for entry in entries {
                if answer.send(Reply::LogEntry(Box::new(entry))).await.is_err() {
                    return;
                }
            }
            answer::send(&answer, Reply::LogDone(done)).await;
        };
        if timeout(LONG_TIMEOUT, telling).await.is_err() {
            drop(permit);
            answer::send(&answer, Reply::Error(unread(&network))).await;
        }
    }
}

/// A place among the long answers, for whoever needs one.
fn place(network: &str, entries: usize) -> Result<Option<SemaphorePermit<'static>>> {
    if entries <= SHORT_MAX {
        return Ok(None);
    }
    LONG.try_acquire().map(Some).map_err(|_| busy(network))
}

fn busy(network: &str) -> ErrorReply {
    failure::refused(
        format!("log of {network}: {LONG_AT_ONCE_MAX} long histories are being read already"),
        format!("try again in a minute, or ask for {SHORT_MAX} entries or less"),
    )
}

fn unread(network: &str) -> ErrorReply {
    failure::fail(
        ErrorCode::Timeout,
        format!("log of {network}: not read within {} s", LONG_TIMEOUT.as_secs()),
        "write it to a file first, or ask for fewer entries",
    )
}

/// The host name that a node has, or had last, in a network; the start of its id if it never had one.
pub(super) fn last_name(ledger: &Ledger, peer: &PeerId) -> String {
    let mut names = Names::default();
    for told in ledger.history() {
        names.follow(told.entry, told.effect == Effect::Counted);
    }
    names.of(peer)
}

/// The latest `limit` entries of the fold order, worded with the names of their time.
fn history(ledger: &Ledger, limit: usize) -> Vec<LogEntry> {
    let told = ledger.history();
    let skipped = told.len().saturating_sub(limit);
    let mut names = Names::default();
    let mut entries = Vec::with_capacity(told.len() - skipped);
    for (at, told) in told.into_iter().enumerate() {
        if at < skipped {
            names.follow(told.entry, told.effect == Effect::Counted);
        } else {
            entries.push(word(&told, &mut names));
        }
    }
    entries
}

fn word(told: &Told<'_>, names: &mut Names) -> LogEntry {
    let entry = told.entry;
    let sentence = words::sentence(entry, told.effect == Effect::Counted, names);
    LogEntry {
        id: entry.id().to_string(),
        time: entry.time().0,
        author_id: entry.author().to_string(),
        author: sentence.author,
        action: words::name(entry.action()).to_owned(),
        text: sentence.text,
        effect: match &told.effect {
            Effect::Counted => LogEffect::Counted,
            Effect::Void(reason) => LogEffect::NoEffect { reason: reason.to_string() },
            Effect::Nothing(reason) => LogEffect::NoEffect { reason: reason.to_string() },
            Effect::Unknown => LogEffect::Unknown,
        },
    }
}

#[cfg(test)]
mod tests;
