//! Members that deny that this node is in a network, and when which of them is asked why.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::ident::PeerId;

/// A member that has only not heard yet of a new one has time to.
const GRACE: Duration = Duration::from_secs(2);
/// Between two conversations; it doubles each time that nothing came of one.
const PAUSE_MIN: Duration = Duration::from_secs(5);
const PAUSE_MAX: Duration = Duration::from_secs(600);

/// Who denies it, in one network.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    /// And when it was last asked.
    by: BTreeMap<PeerId, Option<Instant>>,
    is_asking: bool,
    /// Conversations in a row of which nothing came.
    failures: u32,
    next_at: Option<Instant>,
}

impl Doubts {
    /// A member has said so.
    pub(super) fn hear(&mut self, peer: PeerId, now: Instant) {
        if self.next_at.is_none_or(|at| now.saturating_duration_since(at) > PAUSE_MAX) {
            self.failures = 0;
            self.next_at = Some(now + GRACE);
        }
        self.by.entry(peer).or_default();
    }

    /// Forgets those of whom this does not hold any more.
    pub(super) fn retain(&mut self, mut holds: impl FnMut(&PeerId) -> bool) {
        self.by.retain(|peer, _| holds(peer));
    }

    /// Who is to be asked now: nobody while one is being asked, and the one that was not asked for longest.
    pub(super) fn ask(&mut self, now: Instant) -> Option<PeerId> {
        if self.is_asking || self.next_at.is_none_or(|at| at > now) {
            return None;
        }
        let (peer, asked) = self.by.iter_mut().min_by_key(|(_, asked)| **asked)?;
        *asked = Some(now);
        self.is_asking = true;
        Some(*peer)
    }

    /// The conversation has ended; whether anything came of it.
    pub(super) fn end(&mut self, fruitful: bool, now: Instant) {
        self.is_asking = false;
        self.failures = if fruitful { 0 } else { self.failures.saturating_add(1) };
        let pause = PAUSE_MIN.saturating_mul(1u32.checked_shl(self.failures.saturating_sub(1)).unwrap_or(u32::MAX));
        self.next_at = Some(now + pause.min(PAUSE_MAX));
    }

    /// When [`Self::ask`] has somebody.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.next_at.filter(|_| !self.is_asking && !self.by.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_member_is_asked_at_a_time_and_each_in_turn() {
        let (mut doubts, start) = (Doubts::default(), Instant::now());
        doubts.hear(ALICE, start);
        doubts.hear(BOB, start);
        assert_eq!(doubts.ask(start), None, "it may not have heard yet");
        let mut now = start + GRACE;
        let first = doubts.ask(now).unwrap();
        assert_eq!((doubts.ask(now), doubts.wake_at()), (None, None));
        doubts.end(false, now);
        now = doubts.wake_at().unwrap();
        let second = doubts.ask(now).unwrap();
        assert_ne!(first, second);
        doubts.end(false, now);
        assert_eq!(doubts.ask(doubts.wake_at().unwrap()), Some(first));
    }

    #[test]
    fn pauses_grow_to_ten_minutes_and_are_short_again_when_something_came_of_it() {
        let (mut doubts, mut now) = (Doubts::default(), Instant::now());
        doubts.hear(ALICE, now);
        now += GRACE;
        let mut pauses = Vec::new();
        for _ in 0..40 {
            assert_eq!(doubts.ask(now), Some(ALICE));
            doubts.end(false, now);
            pauses.push(doubts.wake_at().unwrap() - now);
            now += *pauses.last().unwrap();
            doubts.hear(ALICE, now);
        }
        assert_eq!(pauses[..3].iter().map(Duration::as_secs).collect::<Vec<_>>(), [5, 10, 20]);
        assert_eq!(pauses.last(), Some(&PAUSE_MAX));
        doubts.ask(now);
        doubts.end(true, now);
        assert_eq!(doubts.wake_at(), Some(now + PAUSE_MIN));
    }

    #[test]
    fn what_was_long_ago_does_not_delay() {
        let (mut doubts, now) = (Doubts::default(), Instant::now());
        doubts.hear(ALICE, now);
        for _ in 0..20 {
            doubts.ask(now + PAUSE_MAX);
            doubts.end(false, now);
        }
        doubts.retain(|_| false);
        assert_eq!(doubts.wake_at(), None);
        let later = now + 3 * PAUSE_MAX;
        doubts.hear(BOB, later);
        assert_eq!(doubts.wake_at(), Some(later + GRACE));
    }

    const ALICE: PeerId = PeerId([1; 32]);
    const BOB: PeerId = PeerId([2; 32]);
}
