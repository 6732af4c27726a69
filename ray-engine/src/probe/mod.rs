//! Echo requests that the engine itself has sent and whose answers it awaits. Layer 4; its world is a table in memory.
//!
//! The data path asks [`Probes::take`] for each arriving echo reply before it reaches the host; while nothing is awaited
//! that is one atomic load.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use tokio::sync::oneshot;

use crate::ident::PeerId;

/// Answers awaited at once over all pings.
const AWAITED_MAX: usize = 1024;

type Key = (PeerId, u16, u16);

/// The table of awaited answers.
#[derive(Debug, Default)]
pub struct Probes {
    awaited: AtomicUsize,
    table: Mutex<HashMap<Key, oneshot::Sender<Instant>>>,
}

impl Probes {
    /// Awaits the answer of `peer` to the request with this identifier and sequence number. `None` when too many are
    /// awaited.
    pub fn expect(&self, peer: PeerId, id: u16, seq: u16) -> Option<oneshot::Receiver<Instant>> {
        let mut table = self.table.lock().ok()?;
        table.retain(|_, waiting| !waiting.is_closed());
        if table.len() >= AWAITED_MAX {
            return None;
        }
        let (answer, receiver) = oneshot::channel();
        table.insert((peer, id, seq), answer);
        self.awaited.store(table.len(), Ordering::Release);
        Some(receiver)
    }

    /// Whether anything is awaited at all.
    pub fn any(&self) -> bool {
        self.awaited.load(Ordering::Acquire) > 0
    }

    /// Whether this reply was awaited; tells whoever waits.
    pub fn take(&self, peer: PeerId, id: u16, seq: u16, now: Instant) -> bool {
        let Ok(mut table) = self.table.lock() else { return false };
        let waiting = table.remove(&(peer, id, seq));
        self.awaited.store(table.len(), Ordering::Release);
        waiting.is_some_and(|waiting| waiting.send(now).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_only_the_awaited_answer_of_the_awaited_peer_once() {
        let probes = Probes::default();
        let (alice, bob) = (PeerId([1; 32]), PeerId([2; 32]));
        let now = Instant::now();
        let mut answer = probes.expect(alice, 7, 1).unwrap();
        assert!(!probes.take(bob, 7, 1, now));
        assert!(!probes.take(alice, 7, 2, now));
        assert!(answer.try_recv().is_err());
        assert!(probes.take(alice, 7, 1, now));
        assert_eq!(answer.try_recv(), Ok(now));
        assert!(!probes.take(alice, 7, 1, now));
        assert!(!probes.any());
    }

    #[test]
    fn awaits_a_bounded_number_and_forgets_those_given_up() {
        let probes = Probes::default();
        let peer = PeerId([1; 32]);
        let held: Vec<_> = (0..AWAITED_MAX).map(|seq| probes.expect(peer, 1, u16::try_from(seq).unwrap())).collect();
        assert!(held.iter().all(Option::is_some));
        assert!(probes.expect(peer, 2, 0).is_none());
        drop(held);
        assert!(probes.expect(peer, 2, 0).is_some());
    }
}
