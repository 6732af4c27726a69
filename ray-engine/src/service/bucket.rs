//! How often a peer may have this node do something that costs: a bucket of tokens for each peer.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::ident::PeerId;

/// Peers that are remembered. Members only get here, and few of them at once.
const PEERS_MAX: usize = 16_384;

/// Tokens of every peer for one kind of work.
#[derive(Debug)]
pub(super) struct Buckets {
    burst: u32,
    /// Time for one token.
    refill: Duration,
    /// When each peer's bucket is full again.
    full_at: HashMap<PeerId, Instant>,
}

impl Buckets {
    pub(super) fn new(burst: u32, refill: Duration) -> Self {
        Self { burst, refill, full_at: HashMap::new() }
    }

    /// Takes a token; whether there was one.
    pub(super) fn take(&mut self, peer: &PeerId, now: Instant) -> bool {
        let full_at = self.full_at.get(peer).map_or(now, |at| (*at).max(now)) + self.refill;
        if full_at.duration_since(now) > self.refill * self.burst {
            return false;
        }
        if self.full_at.len() >= PEERS_MAX {
            self.full_at.retain(|_, at| *at > now);
            if self.full_at.len() >= PEERS_MAX {
                return false;
            }
        }
        self.full_at.insert(*peer, full_at);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_a_burst_then_one_at_a_time_to_each_peer() {
        let (mut buckets, now) = (Buckets::new(3, Duration::from_secs(10)), Instant::now());
        let (alice, bob) = (PeerId([1; 32]), PeerId([2; 32]));
        assert_eq!((0..9).filter(|_| buckets.take(&alice, now)).count(), 3);
        assert!(buckets.take(&bob, now), "one peer's haste is not another's");
        assert!(!buckets.take(&alice, now + Duration::from_secs(9)));
        assert!(buckets.take(&alice, now + Duration::from_secs(10)));
        assert!(!buckets.take(&alice, now + Duration::from_secs(10)));
    }
}
