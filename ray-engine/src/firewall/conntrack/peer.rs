//! The flows of one peer, and the answers that it may still get.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{
    super::{
        Millis,
        bucket::Bucket,
        keyed::Keyed,
        limits::{
            EVICTION_SAMPLE, FLOW_MEMORY_MAX, FLOWS_MAX, PEER_ANSWERS_BURST, PEER_ANSWERS_PER_SECOND, PEER_FLOWS_MAX,
        },
    },
    flow::{Begin, Flow},
    key::Key,
};

#[derive(Debug)]
pub(in crate::firewall) struct PeerFlows {
    table: RwLock<Table>,
    /// Of the table's flows; read without its lock to find the peer that has the most.
    len: AtomicUsize,
    /// Of all peers' flows.
    total: Arc<AtomicUsize>,
    answers: Mutex<Bucket>,
}

/// Places in a row, and where each key's is. A hand goes round over the places to find what may go.
#[derive(Debug)]
struct Table {
    index: HashMap<Key, u32, Keyed>,
    places: Vec<Option<(Key, Flow)>>,
    free: Vec<u32>,
    hand: usize,
}

/// A place, its entry in the index with the control byte, and its number among the free ones, twice for tables that grow
/// by doubling.
const FLOW_MEMORY: usize = 2 * (size_of::<Option<(Key, Flow)>>() + size_of::<(Key, u32)>() + 1 + size_of::<u32>());
const _: () = assert!(FLOWS_MAX * FLOW_MEMORY <= FLOW_MEMORY_MAX);

impl PeerFlows {
    pub(super) fn new(keyed: Keyed, total: Arc<AtomicUsize>) -> Self {
        let table = Table { index: HashMap::with_hasher(keyed), places: Vec::new(), free: Vec::new(), hand: 0 };
        Self {
            table: RwLock::new(table),
            len: AtomicUsize::new(0),
            total,
            answers: Mutex::new(Bucket::full(PEER_ANSWERS_BURST, PEER_ANSWERS_PER_SECOND)),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    pub(in crate::firewall) fn answers(&self) -> &Mutex<Bucket> {
        &self.answers
    }

    /// Shows a flow under the shared lock.
    pub(super) fn with<T>(&self, key: &Key, see: impl FnOnce(Option<&Flow>) -> T) -> T {
        // A table is whole whenever its lock is free: no step of a change can panic half way.
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        see(table.get(key))
    }

    /// Begins a flow in the place of one with the same key. `false` if there is none.
    pub(super) fn replace(&self, key: &Key, begin: &Begin<'_>, now: Millis) -> bool {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = table.index.get(key).copied() else { return false };
        let Some(Some((_, flow))) = table.places.get_mut(at as usize) else { return false };
        *flow = Flow::new(begin, now);
        true
    }

    /// Begins a flow for which a place of all was reserved. At the peer's own bound, another of its flows goes.
    pub(super) fn insert(&self, key: Key, begin: &Begin<'_>, now: Millis) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let mut gone = 0;
        if table.index.len() >= PEER_FLOWS_MAX && table.evict(now) {
            gone += 1;
        }
        // Another thread may have begun the same flow meanwhile.
        if table.put(key, Flow::new(begin, now)) {
            gone += 1;
        }
        self.settle(&table, gone);
    }

    pub(super) fn remove(&self, key: &Key) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let gone = usize::from(table.remove(key));
        self.settle(&table, gone);
    }

    pub(super) fn evict_one(&self, now: Millis) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let gone = usize::from(table.evict(now));
        self.settle(&table, gone);
    }

    pub(super) fn sweep(&self, now: Millis) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let dead: Vec<Key> =
            table.places.iter().flatten().filter(|(_, flow)| !flow.is_alive(now)).map(|(key, _)| *key).collect();
        for key in &dead {
            table.remove(key);
        }
        table.shrink();
        self.settle(&table, dead.len());
    }

    fn settle(&self, table: &Table, gone: usize) {
        self.len.store(table.index.len(), Ordering::Relaxed);
        self.total.fetch_sub(gone, Ordering::Relaxed);
    }
}

/// A forgotten peer's flows give their places back, when the last thread that uses them has let go.
impl Drop for PeerFlows {
    fn drop(&mut self) {
        self.total.fetch_sub(self.len(), Ordering::Relaxed);
    }
}

impl Table {
    fn get(&self, key: &Key) -> Option<&Flow> {
        let at = self.index.get(key)?;
        self.places.get(*at as usize)?.as_ref().map(|(_, flow)| flow)
    }

    /// Whether there was one with this key.
    fn put(&mut self, key: Key, flow: Flow) -> bool {
        let replaced = self.remove(&key);
        let at = match self.free.pop() {
            Some(at) => at,
            None => {
                self.places.push(None);
                u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
            }
        };
        if let Some(place) = self.places.get_mut(at as usize) {
            *place = Some((key, flow));
            self.index.insert(key, at);
        }
        replaced
    }

    fn remove(&mut self, key: &Key) -> bool {
        let Some(at) = self.index.remove(key) else { return false };
        if let Some(place) = self.places.get_mut(at as usize) {
            *place = None;
            self.free.push(at);
        }
        true
    }

    /// Takes out the flow that would be missed least, of some that the hand points at.
    fn evict(&mut self, now: Millis) -> bool {
        let count = self.places.len();
        let mut victim = None;
        let mut seen = 0;
        for _ in 0..count {
            self.hand = (self.hand + 1) % count;
            let Some(Some((key, flow))) = self.places.get(self.hand) else { continue };
            let missed = (flow.worth(now), u32::MAX - flow.idle(now));
            if victim.is_none_or(|(least, _)| missed < least) {
                victim = Some((missed, *key));
            }
            seen += 1;
            if seen >= EVICTION_SAMPLE {
                break;
            }
        }
        victim.is_some_and(|(_, key)| self.remove(&key))
    }

    /// Gives memory back that a burst has left.
    fn shrink(&mut self) {
        if self.places.len() < 64 || self.index.len() * 4 > self.places.len() {
            return;
        }
        let kept: Vec<(Key, Flow)> = self.places.drain(..).flatten().collect();
        self.places = Vec::with_capacity(kept.len());
        self.index.clear();
        self.index.shrink_to(kept.len());
        self.free = Vec::new();
        self.hand = 0;
        for (key, flow) in kept {
            self.put(key, flow);
        }
    }
}
