//! One question to the host's resolvers: whom to ask when, and whose answer counts.
//!
//! The next one is asked while the one before may still answer, so that a dead one costs a moment and no lookup.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    attempt::{self, Outcome},
    upstream::Upstream,
};
use crate::dns::Exchange;

/// How long one is waited for before another is asked as well.
const NEXT_AFTER: Duration = Duration::from_millis(400);
/// How long before all are asked once more: the question may have been lost.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// After this, clients have given up or asked anew.
const TOTAL: Duration = Duration::from_millis(4500);
const ATTEMPTS_MAX: usize = 6;
/// Sockets of all questions.
const SOCKETS_MAX: usize = 384;
/// Lookups that wait on for the silent, to know whether they are.
const LINGERING_MAX: usize = 64;

static SOCKETS: Semaphore = Semaphore::const_new(SOCKETS_MAX);
static LINGERING: Semaphore = Semaphore::const_new(LINGERING_MAX);

/// The answer as it came. `None` where nobody gives one.
pub(super) async fn run(exchange: &Exchange, upstreams: Vec<Arc<Upstream>>) -> Option<Vec<u8>> {
    let deadline = Instant::now() + TOTAL;
    let mut attempts = JoinSet::new();
    let (mut asked, mut words) = (0, None);
    while asked < ATTEMPTS_MAX || !attempts.is_empty() {
        if let Some(upstream) = upstreams.get(asked % upstreams.len().max(1)).filter(|_| asked < ATTEMPTS_MAX) {
            let (exchange, upstream) = (exchange.clone(), upstream.clone());
            attempts.spawn(async move {
                match SOCKETS.try_acquire() {
                    Ok(_socket) => attempt::run(&exchange, &upstream).await,
                    Err(_) => Outcome::Unable(None),
                }
            });
            asked += 1;
        }
        let pause = if asked < upstreams.len() { NEXT_AFTER } else { AGAIN_AFTER };
        let next_at = if asked < ATTEMPTS_MAX { deadline.min(Instant::now() + pause) } else { deadline };
        loop {
            let outcome = tokio::select! {
                Some(outcome) = attempts.join_next() => outcome,
                () = sleep_until(next_at) => break,
            };
            match outcome {
                Ok(Outcome::Answer(answer)) => {
                    linger(attempts);
                    return Some(answer);
                }
                Ok(Outcome::Unable(theirs)) => words = words.or(theirs),
                Err(_) => {}
            }
            if asked < upstreams.len() {
                break;
            }
            if attempts.is_empty() {
                // Each has said that it cannot.
                return words;
            }
        }
        if Instant::now() >= deadline {
            break;
        }
    }
    words
}

/// Waits for those that another was faster than: they are silent or only slow.
fn linger(mut attempts: JoinSet<Outcome>) {
    if attempts.is_empty() {
        return;
    }
    if let Ok(permit) = LINGERING.try_acquire() {
        tokio::spawn(async move {
            let _permit = permit;
            let _ = timeout_at(Instant::now() + TOTAL, async { while attempts.join_next().await.is_some() {} }).await;
        });
    }
}
