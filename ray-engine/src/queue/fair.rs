//! A link's queue: FQ-CoDel (RFC 8290) over super-packets.
//!
//! Flows take turns by bytes (deficit round robin), a flow that has just begun goes before those that stand (RFC 8290,
//! 4.2), and each flow's wait is judged by itself. So a ping or a question to a name server leaves next, whatever
//! stands behind it, and only the senders of the flows that stand are told to slow down.
//!
//! What differs from the RFC, and why:
//! * A hash does not point to a bucket for good. A flow has a bucket to itself as long as one is free, so flows share
//!   only when more stand than there are buckets.
//! * A flow that has just begun goes first only with what fits into its turn. The queue of a sender that keeps to the
//!   link's rate is often empty, so it begins anew all the time, and each time 64 KiB would go before a ping.
//! * It may spend that turn in several goes, so that a ping a millisecond is as quick as one alone. The turn is granted
//!   once a round, so this starves nobody either.
//! * CoDel does not drop ([`super::codel`]). An item that waited far too long is given up whole, unless it is its
//!   flow's last.

use std::{collections::VecDeque, fmt, sync::Arc};

use super::{
    ITEM_OVERHEAD, Limits, Micros, Pool, Signal, Weigh,
    codel::Codel,
    limits::{BUCKETS, CHARGE_MIN, QUANTUM},
    lists::{Entry, Lists},
};

/// What waits for room on one link. It takes no memory before the first item.
pub struct FairQueue<T> {
    limits: Limits,
    pool: Arc<Pool>,
    bytes: usize,
    len: usize,
    state: Option<Box<State<T>>>,
}

/// An item that has left.
#[derive(Debug)]
#[must_use]
pub struct Popped<T> {
    pub item: T,
    pub signal: Signal,
}

struct State<T> {
    items: Lists<T>,
    flows: [Flow; BUCKETS],
    /// The hash that each bucket was last given to.
    tags: [u64; BUCKETS],
    /// Buckets that hold something.
    filled: Set,
    /// Buckets that stand in `fresh` or `standing`: those that hold something, and those whose turn has yet to come
    /// round.
    listed: Set,
    /// Buckets that hold, or held since they were empty, another flow than their own.
    shared: Set,
    /// Whose turn it is: flows that have just begun, then all others.
    fresh: VecDeque<usize>,
    standing: VecDeque<usize>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Flow {
    bytes: usize,
    items: usize,
    /// Bytes that it may send before its turn ends. Below zero after an item that was larger.
    deficit: i64,
    codel: Codel,
}

/// Some of the buckets.
#[derive(Debug, Clone, Copy, Default)]
struct Set(u64);

/// What becomes of an item whose turn it is.
enum Fate {
    Leaves(Signal),
    Stale,
}

impl<T: Weigh> FairQueue<T> {
    /// A queue that shares `pool` with those of other links.
    pub fn new(limits: Limits, pool: Arc<Pool>) -> Self {
        Self { limits, pool, bytes: 0, len: 0, state: None }
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts an item behind its flow's. `lost` gets what does not fit into the queue or the pool: the oldest of the flow
    /// that holds the most, or the item itself where it is larger than the whole queue.
    pub fn push(&mut self, flow: u64, item: T, now: Micros, mut lost: impl FnMut(T)) {
        let bytes = item.bytes();
        if bytes.saturating_add(ITEM_OVERHEAD) > self.limits.bytes {
            return lost(item);
        }
        let state = self.state.get_or_insert_with(|| Box::new(State::new()));
        self.len += 1;
        self.bytes += bytes;
        self.pool.take(bytes + ITEM_OVERHEAD);
        state.push(flow, Entry { item, bytes, since: now });
        while self.memory() > self.limits.bytes || self.pool.is_short_for(self.memory()) {
            let Some(state) = self.state.as_mut() else { return };
            let fattest = state.fattest();
            let Some(entry) = state.take(fattest) else { return };
            self.forget(entry.bytes);
            lost(entry.item);
        }
    }

    /// The next item to leave. `lost` gets those before it that have waited too long to be worth sending.
    pub fn pop(&mut self, now: Micros, mut lost: impl FnMut(T)) -> Option<Popped<T>> {
        if self.len == 0 {
            // The link has room and nothing to send, so the turns that are left are over at once.
            self.state.iter_mut().for_each(|state| state.settle());
            return None;
        }
        loop {
            let (entry, fate) = self.state.as_mut()?.pop(now, &self.limits)?;
            self.forget(entry.bytes);
            match fate {
                Fate::Stale => lost(entry.item),
                Fate::Leaves(signal) => return Some(Popped { item: entry.item, signal }),
            }
        }
    }

    /// Gives the memory of an empty queue back; for a link that has fallen idle.
    pub fn release(&mut self) {
        if self.len == 0 {
            self.state = None;
        }
    }

    fn forget(&mut self, bytes: usize) {
        self.len -= 1;
        self.bytes -= bytes;
        self.pool.give(bytes + ITEM_OVERHEAD);
    }
}

impl<T> FairQueue<T> {
    fn memory(&self) -> usize {
        self.bytes + self.len * ITEM_OVERHEAD
    }
}

impl<T> Drop for FairQueue<T> {
    fn drop(&mut self) {
        self.pool.give(self.memory());
    }
}

impl<T> State<T> {
    fn new() -> Self {
        Self {
            items: Lists::new(BUCKETS),
            flows: [Flow::default(); BUCKETS],
            tags: [0; BUCKETS],
            filled: Set::default(),
            listed: Set::default(),
            shared: Set::default(),
            fresh: VecDeque::with_capacity(BUCKETS),
            standing: VecDeque::with_capacity(BUCKETS),
        }
    }

    fn push(&mut self, flow: u64, entry: Entry<T>) {
        let at = self.bucket_of(flow);
        let bucket = &mut self.flows[at];
        bucket.bytes += entry.bytes;
        bucket.items += 1;
        self.items.push_back(at, entry);
        let was_empty = !self.filled.contains(at);
        self.filled.insert(at);
        if !self.listed.contains(at) {
            self.listed.insert(at);
            bucket.deficit = QUANTUM;
            self.fresh.push_back(at);
        } else if was_empty
            && bucket.deficit > 0
            && let Some(place) = self.standing.iter().position(|other| *other == at)
        {
            // It has emptied before its turn was used up, and goes on with what is left of it.
            self.standing.remove(place);
            self.fresh.push_back(at);
        }
    }

    fn pop(&mut self, now: Micros, limits: &Limits) -> Option<(Entry<T>, Fate)> {
        loop {
            let (at, is_fresh) = match self.fresh.front() {
                Some(at) => (*at, true),
                None => (*self.standing.front()?, false),
            };
            let has_turn = self.flows[at].deficit > 0;
            // Only what fits into a fresh flow's turn goes before others; a super-packet does not.
            let too_large =
                is_fresh && self.items.front(at).is_some_and(|entry| charge(entry.bytes) > self.flows[at].deficit);
            if has_turn
                && !too_large
                && let Some(entry) = self.take(at)
            {
                let flow = &mut self.flows[at];
                let (waited, last) = (now.saturating_sub(entry.since), flow.items == 0);
                // The last one goes even then: it tells the receiver that others are missing.
                if waited > limits.stale && !last {
                    return Some((entry, Fate::Stale));
                }
                flow.deficit -= charge(entry.bytes);
                return Some((entry, Fate::Leaves(flow.codel.judge(waited, last, now, limits))));
            }
            // Its turn has ended. One that has begun and emptied stands behind the others once more, or senders of
            // single packets would keep them from theirs for ever (RFC 8290, 4.2).
            let ended = if is_fresh { self.fresh.pop_front() } else { self.standing.pop_front() };
            if !has_turn {
                self.flows[at].deficit += QUANTUM;
            }
            if has_turn && !is_fresh {
                self.listed.remove(at);
            } else {
                self.standing.extend(ended);
            }
        }
    }

    /// The oldest item of a bucket.
    fn take(&mut self, at: usize) -> Option<Entry<T>> {
        let entry = self.items.pop_front(at)?;
        let flow = &mut self.flows[at];
        flow.bytes -= entry.bytes;
        flow.items -= 1;
        if flow.items == 0 {
            self.filled.remove(at);
            self.shared.remove(at);
        }
        Some(entry)
    }

    /// The bucket of a flow's next item. It is that of the item before for as long as this one waits, so a flow stays
    /// in order.
    fn bucket_of(&mut self, flow: u64) -> usize {
        let home = home(flow);
        if self.tags[home] == flow {
            return home;
        }
        if let Some(own) = self.tags.iter().position(|tag| *tag == flow) {
            return own;
        }
        // Items of the flow may wait here, from when no bucket was free.
        if self.shared.contains(home) {
            return home;
        }
        let Some(free) = self.listed.first_missing(home).or_else(|| self.filled.first_missing(home)) else {
            self.shared.insert(home);
            return home;
        };
        self.tags[free] = flow;
        self.flows[free].codel = Codel::default();
        free
    }

    /// The bucket that takes the most memory.
    fn fattest(&self) -> usize {
        let memory = |flow: &Flow| flow.bytes + flow.items * ITEM_OVERHEAD;
        (0..BUCKETS).max_by_key(|at| memory(&self.flows[*at])).unwrap_or_default()
    }

    /// Ends every turn.
    fn settle(&mut self) {
        self.fresh.clear();
        self.standing.clear();
        self.listed = Set::default();
    }
}

impl Set {
    fn contains(self, at: usize) -> bool {
        self.0 >> at & 1 == 1
    }

    fn insert(&mut self, at: usize) {
        self.0 |= 1 << at;
    }

    fn remove(&mut self, at: usize) {
        self.0 &= !(1 << at);
    }

    /// The first bucket that is not in the set, from `start` round.
    #[allow(clippy::cast_possible_truncation, reason = "below 64")]
    fn first_missing(self, start: usize) -> Option<usize> {
        let missing = (!self.0).rotate_right(start as u32);
        (missing != 0).then(|| (start + missing.trailing_zeros() as usize) % BUCKETS)
    }
}

impl<T> fmt::Debug for FairQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FairQueue").field("len", &self.len).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

#[allow(clippy::cast_possible_truncation, reason = "below 64")]
fn home(flow: u64) -> usize {
    (flow % BUCKETS as u64) as usize
}

/// What an item takes of its flow's turn.
fn charge(bytes: usize) -> i64 {
    i64::try_from(bytes.max(CHARGE_MIN)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
