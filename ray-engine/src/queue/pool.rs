//! What the queues of all links may take together.
//!
//! Each queue is bounded by itself, but a host may send to a thousand peers that have all just gone away. So beyond a
//! share that is always its own, a queue takes memory only while the pool has some: links that are stuck take nothing
//! from one that is not.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::limits::{POOL_BYTES, QUEUE_OWN};

#[derive(Debug, Default)]
pub struct Pool {
    used: AtomicUsize,
}

impl Pool {
    /// Memory that waits in all queues: packets, and [`super::ITEM_OVERHEAD`] for each.
    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    pub(super) fn take(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn give(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether a queue that holds `own` has to shrink for the others.
    pub(super) fn is_short_for(&self, own: usize) -> bool {
        own > QUEUE_OWN && self.used() > POOL_BYTES
    }
}
