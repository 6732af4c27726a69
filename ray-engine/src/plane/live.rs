//! The policy in force: swapped by its owner, read by the packet loops without a lock.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use super::{DropCounters, Snapshot};
use crate::firewall::Firewall;

/// The snapshot in force, the flows that it let in, and the drops under it.
#[derive(Debug, Default)]
pub struct Live {
    snapshot: ArcSwap<Snapshot>,
    pub firewall: Firewall,
    pub drops: DropCounters,
}

impl Live {
    pub fn snapshot(&self) -> Guard<Arc<Snapshot>> {
        self.snapshot.load()
    }

    pub fn replace(&self, snapshot: Snapshot) {
        self.snapshot.store(Arc::new(snapshot));
    }
}
