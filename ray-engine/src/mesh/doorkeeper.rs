//! Which strangers may speak the join protocol now: so many at once, and so many in a time, for each of them, for each
//! place that they come from, and in total.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use crate::ident::PeerId;

/// Strangers that are served at once.
const TOTAL_MAX: usize = 32;
/// A joiner asks again when its connection broke, which the other end notices later.
const PEER: Rate = Rate { at_once: 2, burst: 10, refill: Duration::from_secs(2) };
/// A household or an office joins behind one address.
const ADDRESS: Rate = Rate { at_once: 8, burst: 64, refill: Duration::from_millis(125) };
/// All that come over relays look alike; half of the slots stay free for others.
const RELAYED: Rate = Rate { at_once: TOTAL_MAX / 2, burst: 64, refill: Duration::from_millis(60) };
/// Strangers, and places, that are remembered. A record is some 50 bytes.
const REMEMBERED_MAX: usize = 4096;

const _: () = assert!(ADDRESS.at_once < TOTAL_MAX && RELAYED.at_once < TOTAL_MAX);

/// Where a stranger comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Source {
    Address(IpAddr),
    Relay,
}

impl Source {
    /// Whoever has one IPv6 address has its whole /64.
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::Address(v4.into()),
            IpAddr::V6(v6) => Self::Address(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into()),
        }
    }

    fn rate(&self) -> Rate {
        match self {
            Self::Address(_) => ADDRESS,
            Self::Relay => RELAYED,
        }
    }
}

/// How much is granted.
#[derive(Debug, Clone, Copy)]
struct Rate {
    at_once: usize,
    /// Tokens of a full bucket.
    burst: u32,
    /// Time for one token.
    refill: Duration,
}

/// Keeps count. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub(super) struct Doorkeeper(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    peers: HashMap<PeerId, Bucket>,
    sources: HashMap<Source, Bucket>,
}

#[derive(Debug)]
struct Bucket {
    inside: usize,
    tokens: u32,
    /// When the tokens were counted last.
    at: Instant,
}

/// A place at the door, until it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    keeper: Doorkeeper,
    peer: PeerId,
    source: Source,
}

impl Doorkeeper {
    /// Takes a place and the tokens for it; `None` if there is none at this moment.
    pub(super) fn admit(&self, peer: PeerId, source: Source, now: Instant) -> Option<Slot> {
        let mut counts = self.0.lock().ok()?;
        let counts = &mut *counts;
        if counts.total >= TOTAL_MAX {
            return None;
        }
        // Looked at first, so that a refusal by one bucket costs nothing in the other.
        let by_peer = bucket(&mut counts.peers, peer, PEER, now)?;
        let by_source = bucket(&mut counts.sources, source, source.rate(), now)?;
        if !by_peer.has_room(PEER) || !by_source.has_room(source.rate()) {
            return None;
        }
        by_peer.take();
        by_source.take();
        counts.total += 1;
        Some(Slot { keeper: self.clone(), peer, source })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Ok(mut counts) = self.keeper.0.lock() else { return };
        counts.total = counts.total.saturating_sub(1);
        if let Some(bucket) = counts.peers.get_mut(&self.peer) {
            bucket.inside = bucket.inside.saturating_sub(1);
        }
        if let Some(bucket) = counts.sources.get_mut(&self.source) {
            bucket.inside = bucket.inside.saturating_sub(1);
        }
    }
}

impl Bucket {
    fn has_room(&self, rate: Rate) -> bool {
        self.inside < rate.at_once && self.tokens > 0
    }

    fn take(&mut self) {
        self.inside += 1;
        self.tokens = self.tokens.saturating_sub(1);
    }

    fn refill(&mut self, rate: Rate, now: Instant) {
        let periods = now.saturating_duration_since(self.at).as_millis() / rate.refill.as_millis().max(1);
        let gained = u32::try_from(periods).unwrap_or(u32::MAX);
        let missing = rate.burst.saturating_sub(self.tokens);
        if gained >= missing {
            (self.tokens, self.at) = (rate.burst, now);
        } else {
            self.tokens += gained;
            self.at += rate.refill * gained;
        }
    }
}

/// The bucket of a key, filled up to now. `None` if too many are remembered that still matter.
fn bucket<K: Eq + Hash>(buckets: &mut HashMap<K, Bucket>, key: K, rate: Rate, now: Instant) -> Option<&mut Bucket> {
    if buckets.len() >= REMEMBERED_MAX && !buckets.contains_key(&key) {
        // A full bucket that nobody is inside with is as good as none.
        buckets.retain(|_, bucket| {
            bucket.refill(rate, now);
            bucket.inside > 0 || bucket.tokens < rate.burst
        });
        if buckets.len() >= REMEMBERED_MAX {
            return None;
        }
    }
    let bucket = buckets.entry(key).or_insert(Bucket { inside: 0, tokens: rate.burst, at: now });
    bucket.refill(rate, now);
    Some(bucket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_peer_gets_two_places_and_a_bounded_rate() {
        let (keeper, now) = (Doorkeeper::default(), Instant::now());
        let held: Vec<_> = (0..2).filter_map(|n| keeper.admit(ALICE, address(n), now)).collect();
        assert_eq!(held.len(), 2);
        assert!(keeper.admit(ALICE, address(3), now).is_none(), "a third at once");
        drop(held);
        let granted = (0..100).filter(|n| keeper.admit(ALICE, address(*n), now).is_some()).count();
        assert_eq!(granted, 8, "the rest of the burst of ten");
        let later = now + Duration::from_secs(2);
        assert!(keeper.admit(ALICE, address(4), later).is_some());
        assert!(keeper.admit(ALICE, address(4), later).is_none());
    }

    #[test]
    fn one_address_cannot_take_all_places_whatever_ids_it_makes_up() {
        let (keeper, now) = (Doorkeeper::default(), Instant::now());
        let held: Vec<_> = (0..100).filter_map(|n| keeper.admit(peer(n), address(1), now)).collect();
        assert_eq!(held.len(), ADDRESS.at_once);
        assert!(keeper.admit(ALICE, address(2), now).is_some());
    }

    #[test]
    fn a_network_prefix_of_ipv6_is_one_address() {
        let a = Source::of("2001:db8::1".parse().unwrap());
        assert_eq!(a, Source::of("2001:db8::ffff:1".parse().unwrap()));
        assert_ne!(a, Source::of("2001:db8:0:1::1".parse().unwrap()));
        assert_eq!(Source::of("::ffff:192.0.2.1".parse().unwrap()), Source::of("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn relayed_strangers_leave_room_for_others() {
        let (keeper, now) = (Doorkeeper::default(), Instant::now());
        let held: Vec<_> = (0..100).filter_map(|n| keeper.admit(peer(n), Source::Relay, now)).collect();
        assert_eq!(held.len(), TOTAL_MAX / 2);
        assert!(keeper.admit(ALICE, address(1), now).is_some());
    }

    #[test]
    fn what_is_remembered_is_bounded_and_forgotten_when_it_matters_no_more() {
        let (keeper, now) = (Doorkeeper::default(), Instant::now());
        for n in 0..20_000u32 {
            drop(keeper.admit(peer(n), Source::Address(IpAddr::V4(n.into())), now));
        }
        let counts = keeper.0.lock().unwrap();
        assert!(counts.peers.len() <= REMEMBERED_MAX && counts.sources.len() <= REMEMBERED_MAX);
        drop(counts);
        assert!(keeper.admit(ALICE, address(1), now).is_none());
        assert!(keeper.admit(ALICE, address(1), now + Duration::from_secs(3)).is_some());
    }

    const ALICE: PeerId = PeerId([0xaa; 32]);

    fn peer(n: u32) -> PeerId {
        let mut id = [0; 32];
        id[..4].copy_from_slice(&n.to_le_bytes());
        PeerId(id)
    }

    fn address(n: u8) -> Source {
        Source::Address(IpAddr::from([192, 0, 2, n]))
    }
}
