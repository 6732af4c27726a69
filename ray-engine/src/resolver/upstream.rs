//! The host's resolvers: in which order they are asked. One that stays silent goes to the end for a while.

use std::{
    net::SocketAddr,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// How long one that was silent is asked last.
const SHUNNED: Duration = Duration::from_secs(30);

/// One resolver of the host.
#[derive(Debug)]
pub(super) struct Upstream {
    address: SocketAddr,
    /// Until when it is asked last, in milliseconds since the first question.
    shunned_until: AtomicU64,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Upstreams(Vec<Arc<Upstream>>);

impl Upstreams {
    pub(super) fn replaced(&self, addresses: &[SocketAddr]) -> Self {
        let mut upstreams: Vec<Arc<Upstream>> = Vec::with_capacity(addresses.len());
        for address in addresses {
            if upstreams.iter().all(|upstream| upstream.address != *address) {
                let known = self.0.iter().find(|upstream| upstream.address == *address).cloned();
                upstreams.push(known.unwrap_or_else(|| Arc::new(Upstream::new(*address))));
            }
        }
        Self(upstreams)
    }

    /// Those that answer first, each kind in the host's order.
    pub(super) fn in_order(&self) -> impl Iterator<Item = Arc<Upstream>> {
        let now = millis();
        let (answering, silent): (Vec<_>, Vec<_>) =
            self.0.iter().cloned().partition(|upstream| upstream.answers_at(now));
        answering.into_iter().chain(silent)
    }
}

impl Upstream {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, shunned_until: AtomicU64::new(0) }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn answers(&self) -> bool {
        self.answers_at(millis())
    }

    pub(super) fn heard(&self) {
        self.shunned_until.store(0, Ordering::Relaxed);
    }

    pub(super) fn missed(&self) {
        self.shunned_until.store(millis() + u64::try_from(SHUNNED.as_millis()).unwrap_or_default(), Ordering::Relaxed);
    }

    fn answers_at(&self, now: u64) -> bool {
        self.shunned_until.load(Ordering::Relaxed) <= now
    }
}

fn millis() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX)
}
