//! The flows that were let in: who may answer whom. One table a peer, so that nobody's flows are another's to push out.
//!
//! A packet of a known flow takes a shared lock of its peer's table and stores atomics, of which most packets change none:
//! threads that carry one peer's packets do not wait for each other. The exclusive lock is taken for a flow's beginning and
//! end only.

mod flow;
mod key;
mod peer;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use arc_swap::ArcSwap;

use self::peer::PeerFlows;
pub(super) use self::{
    flow::{Begin, Step},
    key::Key,
};
use super::{Millis, keyed::Keyed, limits::FLOWS_MAX, rule::Direction};
use crate::{ident::PeerId, packet::tcp::Segment};

/// How often a place is looked for when others take those that were made.
const ATTEMPTS: usize = 8;

#[derive(Debug)]
pub(super) struct Conntrack {
    peers: ArcSwap<HashMap<PeerId, Arc<PeerFlows>, Keyed>>,
    keyed: Keyed,
    total: Arc<AtomicUsize>,
    max: usize,
}

impl Default for Conntrack {
    fn default() -> Self {
        Self::with_room_for(FLOWS_MAX)
    }
}

/// What is known of a packet's flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// The packet belongs to it. It was last judged under this generation of rules.
    Flow { opener: Direction, generation: u32 },
    /// It would open a flow, whether or not there is one.
    Nothing,
    /// A reset that does not fit its flow.
    BadReset,
}

impl Conntrack {
    fn with_room_for(max: usize) -> Self {
        let keyed = Keyed::default();
        let peers = HashMap::with_hasher(keyed.clone());
        Self { peers: ArcSwap::from_pointee(peers), keyed, total: Arc::default(), max }
    }

    /// Finds the packet's flow and takes note of the packet.
    pub(super) fn pass(
        &self,
        peer: &PeerId,
        key: &Key,
        sent: Direction,
        segment: Option<&Segment>,
        now: Millis,
    ) -> Known {
        let peers = self.peers.load();
        let Some(flows) = peers.get(peer) else { return Known::Nothing };
        flows.with(key, |flow| {
            let Some(flow) = flow.filter(|flow| flow.is_alive(now)) else { return Known::Nothing };
            match flow.pass(sent, segment, now) {
                Step::Pass => Known::Flow { opener: flow.opener(), generation: flow.generation() },
                Step::Opens => Known::Nothing,
                Step::BadReset => Known::BadReset,
            }
        })
    }

    /// Finds a flow without taking note of anything.
    pub(super) fn find(&self, peer: &PeerId, key: &Key, now: Millis) -> Option<(Direction, u32)> {
        let peers = self.peers.load();
        peers.get(peer)?.with(key, |flow| {
            let flow = flow.filter(|flow| flow.is_alive(now))?;
            Some((flow.opener(), flow.generation()))
        })
    }

    /// Says that the flow was allowed under this generation.
    pub(super) fn confirm(&self, peer: &PeerId, key: &Key, generation: u32) {
        if let Some(flows) = self.peers.load().get(peer) {
            flows.with(key, |flow| {
                if let Some(flow) = flow {
                    flow.set_generation(generation);
                }
            });
        }
    }

    pub(super) fn remove(&self, peer: &PeerId, key: &Key) {
        if let Some(flows) = self.peers.load().get(peer) {
            flows.remove(key);
        }
    }

    /// Begins a flow, in place of one with the same key. When there is no room, the peer with the most flows loses one.
    /// `false` if no place was found.
    pub(super) fn open(&self, peer: PeerId, key: Key, begin: &Begin<'_>, now: Millis) -> bool {
        let flows = self.of(peer);
        for _ in 0..ATTEMPTS {
            if flows.replace(&key, begin, now) {
                return true;
            }
            if !self.reserve() {
                let peers = self.peers.load();
                if let Some(greatest) = peers.values().max_by_key(|flows| flows.len()) {
                    greatest.evict_one(now);
                }
                continue;
            }
            flows.insert(key, begin, now);
            return true;
        }
        false
    }

    /// Per-peer state, made if need be. Peers are members, so that strangers make none.
    pub(super) fn of(&self, peer: PeerId) -> Arc<PeerFlows> {
        if let Some(flows) = self.peers.load().get(&peer) {
            return flows.clone();
        }
        let fresh = Arc::new(PeerFlows::new(self.keyed.clone(), self.total.clone()));
        self.peers.rcu(|peers| {
            let mut peers = HashMap::clone(peers);
            peers.entry(peer).or_insert_with(|| fresh.clone());
            peers
        });
        self.peers.load().get(&peer).cloned().unwrap_or(fresh)
    }

    /// Forgets flows that have ended, and peers that are not wanted any more.
    pub(super) fn sweep(&self, now: Millis, wanted: impl Fn(&PeerId) -> bool) {
        let unwanted = |peers: &HashMap<PeerId, Arc<PeerFlows>, Keyed>| peers.keys().any(|peer| !wanted(peer));
        if unwanted(&self.peers.load()) {
            self.peers.rcu(|peers| {
                let mut peers = HashMap::clone(peers);
                peers.retain(|peer, _| wanted(peer));
                peers
            });
        }
        for flows in self.peers.load().values() {
            flows.sweep(now);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.total.load(Ordering::Relaxed)
    }

    pub(super) fn len_of(&self, peer: &PeerId) -> usize {
        self.peers.load().get(peer).map_or(0, |flows| flows.len())
    }

    fn reserve(&self) -> bool {
        let one_more = |total: usize| (total < self.max).then_some(total + 1);
        self.total.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }
}
