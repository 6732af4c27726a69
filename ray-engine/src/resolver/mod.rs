//! Questions about names that are not ours, asked of the host's own resolvers. Layer 4; its world is those resolvers.
//!
//! It keeps nothing: no cache, and of a question no more than who waits for its answer. Questions that are the same share
//! one answer, so a resolver that asks us what we ask it gets no second question out of it. All of it is bounded; beyond the
//! bounds the reply is a failure, at once.

mod attempt;
mod flights;
mod lookup;
pub mod streams;
mod upstream;

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;

use self::{
    flights::{Entered, Flights},
    upstream::{Upstream, Upstreams},
};
use crate::{
    dns::{Exchange, Foreign},
    ident::{MAGIC_V4, MAGIC_V6},
    plane::{Live, Snapshot},
};

/// Resolvers that are asked; a host has three.
const UPSTREAMS_MAX: usize = 8;

/// Takes the reply to a question.
pub type Client = Box<dyn FnOnce(Vec<u8>) + Send>;

/// The way to the host's own resolvers. While forwarding is off, the reply to every question is a refusal.
#[derive(Debug, Default)]
pub struct Resolver {
    /// Says which addresses are the mesh's.
    live: Arc<Live>,
    policy: ArcSwap<Policy>,
    flights: Mutex<Flights>,
    counts: Counts,
}

#[derive(Debug, Clone, Default)]
struct Policy {
    forwarding: bool,
    upstreams: Upstreams,
}

#[derive(Debug, Default)]
struct Counts {
    forwarded: AtomicU64,
    failed: AtomicU64,
    loops: AtomicU64,
    overflows: AtomicU64,
}

/// How forwarding stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    pub forwarding: bool,
    pub upstreams: Vec<UpstreamStatus>,
    /// Questions that were passed on.
    pub forwarded: u64,
    /// Of those, the ones that no resolver answered.
    pub failed: u64,
    /// Questions of ours that came back to us: a resolver of the host asks us in turn.
    pub loops: u64,
    /// Questions beyond what is kept in mind at once.
    pub overflows: u64,
}

/// A resolver of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamStatus {
    pub address: SocketAddr,
    /// Whether it has answered when it was last asked; it counts as answering before.
    pub answers: bool,
}

impl Resolver {
    pub fn new(live: Arc<Live>) -> Self {
        Self { live, ..Self::default() }
    }

    /// Whether questions are passed on, for a host whose every question comes here.
    pub fn set_forwarding(&self, forwarding: bool) {
        self.policy.rcu(|policy| Policy { forwarding, ..Policy::clone(policy) });
    }

    /// Replaces the resolvers that are asked, in their order. What is known of those that stay is kept. Addresses of the mesh
    /// are left out whenever one is asked, since which these are changes.
    pub fn replace_upstreams(&self, addresses: Vec<SocketAddr>) {
        let addresses: Vec<SocketAddr> = addresses.into_iter().take(UPSTREAMS_MAX).collect();
        self.policy.rcu(|policy| Policy { upstreams: policy.upstreams.replaced(&addresses), ..Policy::clone(policy) });
    }

    /// The resolvers that are asked.
    pub fn upstreams(&self) -> Vec<SocketAddr> {
        self.askable(&self.policy.load()).iter().map(|upstream| upstream.address()).collect()
    }

    pub fn status(&self) -> Status {
        let policy = self.policy.load();
        let upstreams = self
            .askable(&policy)
            .into_iter()
            .map(|upstream| UpstreamStatus { address: upstream.address(), answers: upstream.answers() });
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Status {
            forwarding: policy.forwarding,
            upstreams: upstreams.collect(),
            forwarded: count(&self.counts.forwarded),
            failed: count(&self.counts.failed),
            loops: count(&self.counts.loops),
            overflows: count(&self.counts.overflows),
        }
    }

    /// Passes a question on. The reply is returned where it is known at once; else `client` gets it. Within a runtime.
    pub fn ask(self: &Arc<Self>, foreign: Foreign, client: impl FnOnce(Vec<u8>) + Send + 'static) -> Option<Vec<u8>> {
        let policy = self.policy.load();
        if !policy.forwarding {
            return Some(foreign.refusal());
        }
        let upstreams = self.askable(&policy);
        if upstreams.is_empty() {
            self.counts.failed.fetch_add(1, Ordering::Relaxed);
            return Some(foreign.failure());
        }
        let entered = self.flights().enter(foreign, Box::new(client), random);
        let (counter, reply) = match entered {
            Entered::First(exchange) => {
                let resolver = self.clone();
                tokio::spawn(async move { resolver.fly(exchange, upstreams).await });
                (&self.counts.forwarded, None)
            }
            Entered::Joined => (&self.counts.forwarded, None),
            Entered::Looped(foreign) => (&self.counts.loops, Some(foreign.failure())),
            Entered::Full(foreign) => (&self.counts.overflows, Some(foreign.failure())),
        };
        counter.fetch_add(1, Ordering::Relaxed);
        reply
    }

    /// Asks until there is an answer or no use in asking, and tells everyone who waits.
    async fn fly(&self, exchange: Exchange, upstreams: Vec<Arc<Upstream>>) {
        let answer = lookup::run(&exchange, upstreams).await;
        let clients = self.flights().leave(&exchange);
        if answer.is_none() {
            self.counts.failed.fetch_add(clients.len() as u64, Ordering::Relaxed);
        }
        for (foreign, client) in clients {
            client(answer.as_ref().map_or_else(|| foreign.failure(), |answer| foreign.relay(answer)));
        }
    }

    /// Those that are not ourselves, nor behind ourselves.
    fn askable(&self, policy: &Policy) -> Vec<Arc<Upstream>> {
        let snapshot = self.live.snapshot();
        policy.upstreams.in_order().filter(|upstream| !is_of_the_mesh(&snapshot, upstream.address().ip())).collect()
    }

    fn flights(&self) -> MutexGuard<'_, Flights> {
        // Its own bookkeeping is right between any two of its calls.
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether what is sent there would come back into the tunnel. Other addresses of the mesh's prefixes are those of providers
/// whose resolvers are numbered so; the host reaches them outside the tunnel.
fn is_of_the_mesh(snapshot: &Snapshot, address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_unspecified()
        || address == MAGIC_V4
        || address == MAGIC_V6
        || snapshot.is_own(address)
        || snapshot.routes.lookup(address).is_some()
}

/// A number that nobody can guess: the standard library seeds its keyed hash from the system.
pub fn random() -> u64 {
    RandomState::new().hash_one(0)
}

impl fmt::Display for UpstreamStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.address, if self.answers { "" } else { " (silent)" })
    }
}

#[cfg(test)]
mod tests;
