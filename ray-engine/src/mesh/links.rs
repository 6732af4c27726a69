//! The links that are up, one per peer, for the data path to look up without a lock.

use std::{collections::HashMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::{Link, close};
use crate::ident::PeerId;

/// Two nodes that dial each other at once make two connections within this time; later ones are reconnections. A peer that
/// restarts sooner than that is linked again after this.
const SIMULTANEOUS: Duration = Duration::from_secs(1);

/// The table of links. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Links {
    me: PeerId,
    table: Arc<ArcSwap<HashMap<PeerId, Arc<Link>>>>,
    /// Counts changes, so that tasks can wait for one.
    changes: Arc<watch::Sender<u64>>,
}

impl Links {
    pub(super) fn new(me: PeerId) -> Self {
        Self { me, table: Arc::default(), changes: Arc::new(watch::Sender::new(0)) }
    }

    pub fn get(&self, peer: &PeerId) -> Option<Arc<Link>> {
        self.table.load().get(peer).cloned()
    }

    pub fn all(&self) -> Vec<Arc<Link>> {
        self.table.load().values().cloned().collect()
    }

    /// Waits until there is a link to `peer` that packets can take.
    pub async fn wait_for(&self, peer: &PeerId) {
        let mut changes = self.watch();
        while self.get(peer).is_none_or(|link| !link.is_addressed()) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Waits until this link is gone from the table, or has been replaced.
    pub(super) async fn gone(&self, link: &Arc<Link>) {
        let mut changes = self.watch();
        while self.get(&link.peer()).is_some_and(|current| Arc::ptr_eq(&current, link)) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Waits until there is a link to `peer`, if only one that waits for the peer's first words.
    pub(super) async fn wait_for_any(&self, peer: &PeerId) {
        let mut changes = self.watch();
        while self.get(peer).is_none() {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Tells those who wait that a link has changed.
    pub(super) fn touch(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Wakes on every change of the table.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Enters a link. When both sides dialled at once, the connection dialled by the smaller id stays, so that both sides
    /// keep the same one; otherwise the later connection replaces the earlier. Whether `link` stays.
    pub(super) fn enter(&self, link: &Arc<Link>) -> bool {
        let mut loser = None;
        self.table.rcu(|table| {
            let mut table = HashMap::clone(table);
            let incumbent = table.get(&link.peer()).filter(|incumbent| !Arc::ptr_eq(incumbent, link)).cloned();
            let keep_incumbent = incumbent.as_ref().is_some_and(|incumbent| {
                incumbent.since().elapsed() < SIMULTANEOUS
                    && incumbent.dialled() != link.dialled()
                    && self.preferred(incumbent)
            });
            if keep_incumbent {
                loser = Some(link.clone());
            } else {
                loser = incumbent;
                table.insert(link.peer(), link.clone());
            }
            table
        });
        if let Some(loser) = &loser {
            loser.close(close::DUPLICATE, "duplicate");
        }
        self.touch();
        !loser.is_some_and(|loser| Arc::ptr_eq(&loser, link))
    }

    /// Takes a link out, unless another one has taken its place.
    pub(super) fn leave(&self, link: &Arc<Link>) {
        self.table.rcu(|table| {
            let mut table = HashMap::clone(table);
            if table.get(&link.peer()).is_some_and(|current| Arc::ptr_eq(current, link)) {
                table.remove(&link.peer());
            }
            table
        });
        self.touch();
    }

    fn preferred(&self, link: &Link) -> bool {
        link.dialled() == (self.me < link.peer())
    }
}
