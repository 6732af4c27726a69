//! What a peer may cost: buckets that refill with time.

use std::collections::BTreeMap;

use super::{
    Millis,
    limits::{ANNOUNCEMENTS, ANSWER_BYTES, BUDGET_MEMORY, PEERS_MAX, PUSHED_ENTRIES, Rate, WANTS},
};
use crate::ident::PeerId;

/// The budgets of one peer.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    pub(super) wants: Bucket,
    pub(super) answer_bytes: Bucket,
    pub(super) pushed_entries: Bucket,
    pub(super) announcements: Bucket,
}

impl Budget {
    pub(super) fn full(now: Millis) -> Self {
        let full = |rate| Bucket::full(rate, now);
        Self {
            wants: full(WANTS),
            answer_bytes: full(ANSWER_BYTES),
            pushed_entries: full(PUSHED_ENTRIES),
            announcements: full(ANNOUNCEMENTS),
        }
    }
}

/// Tokens, in thousandths. May be overdrawn by the last spending.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    rate: Rate,
    level: i64,
    at: Millis,
}

impl Bucket {
    fn full(rate: Rate, now: Millis) -> Self {
        Self { rate, level: thousandths(rate.burst), at: now }
    }

    /// Takes one token, if there is one.
    pub(super) fn take(&mut self, now: Millis) -> bool {
        let some = self.has_some(now);
        if some {
            self.spend(1);
        }
        some
    }

    /// Whether anything may be spent.
    pub(super) fn has_some(&mut self, now: Millis) -> bool {
        let passed = now.saturating_sub(self.at);
        self.at = self.at.max(now);
        let gained = i64::try_from(passed.saturating_mul(self.rate.per_second)).unwrap_or(i64::MAX);
        self.level = self.level.saturating_add(gained).min(thousandths(self.rate.burst));
        self.level >= thousandths(1)
    }

    /// Spends what something has cost, though it be more than there is.
    pub(super) fn spend(&mut self, tokens: usize) {
        let cost = thousandths(u64::try_from(tokens).unwrap_or(u64::MAX));
        self.level = self.level.saturating_sub(cost);
    }
}

fn thousandths(tokens: u64) -> i64 {
    i64::try_from(tokens.saturating_mul(1000)).unwrap_or(i64::MAX)
}

/// What is remembered of peers that are gone, for as long as it matters.
#[derive(Debug, Clone, Default)]
pub(super) struct Gone(BTreeMap<PeerId, Record>);

/// A peer's standing, which linking again does not better.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) budget: Budget,
    pub(super) failures: u32,
    pub(super) rest_until: Millis,
}

impl Gone {
    pub(super) fn put(&mut self, peer: PeerId, record: Record, now: Millis) {
        self.0.retain(|_, record| record.budget.wants.at.saturating_add(BUDGET_MEMORY) > now);
        let mut record = record;
        record.budget.wants.has_some(now);
        self.0.insert(peer, record);
        if self.0.len() > PEERS_MAX {
            let oldest = self.0.iter().min_by_key(|(_, record)| record.budget.wants.at).map(|(peer, _)| *peer);
            oldest.and_then(|peer| self.0.remove(&peer));
        }
    }

    pub(super) fn take(&mut self, peer: &PeerId) -> Option<Record> {
        self.0.remove(peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_what_time_brings() {
        let mut bucket = Bucket::full(Rate { burst: 3, per_second: 2 }, 1000);
        assert_eq!([0; 5].map(|_| bucket.take(1000)), [true, true, true, false, false]);
        assert!(!bucket.take(1499));
        assert!(bucket.take(1500));
        assert!(!bucket.take(1500));
        // An hour brings no more than the burst.
        assert_eq!([0; 5].map(|_| bucket.take(3_600_000)), [true, true, true, false, false]);
        // A clock that stands still or goes back brings nothing.
        assert!(!bucket.take(0) && !bucket.take(3_600_000));
    }

    #[test]
    fn an_overdrawn_bucket_gives_nothing_before_the_debt_is_paid() {
        let mut bucket = Bucket::full(Rate { burst: 10, per_second: 10 }, 0);
        bucket.spend(30);
        assert!(!bucket.has_some(2000));
        assert!(bucket.has_some(2100));
    }

    #[test]
    fn who_is_gone_is_remembered_with_its_debts_and_at_last_forgotten() {
        let record = |now| Record { budget: Budget::full(now), failures: 3, rest_until: 7 };
        let mut gone = Gone::default();
        let peer = |number: usize| {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&number.to_le_bytes());
            PeerId(id)
        };
        gone.put(peer(0), record(0), 0);
        gone.put(peer(1), record(0), BUDGET_MEMORY - 1);
        assert_eq!(gone.take(&peer(0)).unwrap().failures, 3);
        gone.put(peer(2), record(0), 2 * BUDGET_MEMORY);
        assert!(gone.take(&peer(1)).is_none() && gone.take(&peer(2)).is_some());
        for number in 0..PEERS_MAX + 2 {
            gone.put(peer(number), record(0), 2 * BUDGET_MEMORY + u64::try_from(number).unwrap());
        }
        assert_eq!(gone.0.len(), PEERS_MAX);
        assert!(gone.take(&peer(1)).is_none() && gone.take(&peer(2)).is_some());
    }
}
