//! When a flow's queue has stood too long, and how often its sender is then told: CoDel, RFC 8289 (pseudo-code in 5).
//!
//! It looks at how long items waited, not at how many there are: a queue that empties once in an interval is a burst,
//! and one that does not is a delay that serves nobody. Two things differ from the RFC. Items are super-packets of up
//! to 64 KiB, so its exception for a queue of at most one MTU is one for the last item. And nothing is dropped
//! here: the item is the message to the sender, and whoever sends it decides how it is told.

use super::{Limits, Micros, Signal};

/// Within so many intervals of the last signal, a queue that stands again is the same queue.
const MEMORY: Micros = 16;

/// What is remembered of one flow.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Codel {
    /// When the queue will have been above the target for an interval; `None` while it is below.
    bad_from: Option<Micros>,
    /// Whether its sender is being told.
    signalling: bool,
    /// When it is told next.
    next: Micros,
    /// How often it was told since `signalling`.
    count: u64,
    /// What `count` was when `signalling` began.
    count_before: u64,
}

impl Codel {
    /// Judges an item that leaves after it `waited`. `last`: nothing waits behind it.
    pub(super) fn judge(&mut self, waited: Micros, last: bool, now: Micros, limits: &Limits) -> Signal {
        if !self.stands(waited, last, now, limits) {
            self.signalling = false;
            return Signal::None;
        }
        if !self.signalling {
            let told = self.count.saturating_sub(self.count_before);
            let recent = now.saturating_sub(self.next) < limits.interval.saturating_mul(MEMORY);
            self.count = if recent && told > 1 { told } else { 1 };
            self.count_before = self.count;
            self.signalling = true;
            self.next = now.saturating_add(pause(limits.interval, self.count));
            return Signal::Mark;
        }
        if now < self.next {
            return Signal::None;
        }
        self.count += 1;
        self.next = self.next.saturating_add(pause(limits.interval, self.count));
        Signal::Mark
    }

    /// Whether waits have been above the target for an interval.
    fn stands(&mut self, waited: Micros, last: bool, now: Micros, limits: &Limits) -> bool {
        if waited < limits.target || last {
            self.bad_from = None;
            return false;
        }
        let from = *self.bad_from.get_or_insert(now.saturating_add(limits.interval));
        now >= from
    }
}

/// The pause after the signal number `count`: interval / √count, which makes a TCP's rate fall linearly.
fn pause(interval: Micros, count: u64) -> Micros {
    (interval.saturating_mul(interval) / count.max(1)).isqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Micros = 1000;
    const NEVER: [Micros; 0] = [];

    #[test]
    fn says_nothing_before_waits_were_too_long_for_an_interval() {
        let signals = run(&mut Codel::default(), 0..100, 50 * MS, false);
        assert_eq!(signals, NEVER);
        assert_eq!(run(&mut Codel::default(), 0..=100, 50 * MS, false), [100]);
    }

    #[test]
    fn one_short_wait_begins_the_interval_anew() {
        let mut codel = Codel::default();
        assert_eq!(run(&mut codel, 0..99, 50 * MS, false), NEVER);
        assert_eq!(run(&mut codel, 99..100, 4 * MS, false), NEVER);
        assert_eq!(run(&mut codel, 100..200, 50 * MS, false), NEVER);
        assert_eq!(run(&mut codel, 200..201, 50 * MS, false), [200]);
    }

    #[test]
    fn signals_come_closer_with_the_square_root_of_their_number() {
        let signals = run(&mut Codel::default(), 0..400, 50 * MS, false);
        // 100, then pauses of 100/√1, 100/√2, 100/√3, …, each at the first millisecond that is due.
        assert_eq!(signals, [100, 200, 271, 329, 379]);
    }

    #[test]
    fn agrees_with_the_rfcs_pseudo_code() {
        let mut random = crate::packet::samples::Random::new(11);
        let (mut codel, mut reference) = (Codel::default(), Reference::default());
        let mut now = 1;
        let mut marks = 0;
        for _ in 0..200_000 {
            now += random.next() % 3000;
            // Standing queues that last, and short ones between them for longer than is remembered.
            let waited = if now / 2_500_000 % 3 == 0 { random.next() % 8000 } else { 5000 + random.next() % 90_000 };
            let last = random.below(900) == 0;
            let signal = codel.judge(waited, last, now, &Limits::default());
            assert_eq!(signal == Signal::Mark, reference.dequeue(waited, last, now), "at {now}");
            marks += u32::from(signal == Signal::Mark);
        }
        assert!(marks > 1000, "{marks} signals");
    }

    #[test]
    fn a_single_item_is_no_standing_queue() {
        assert_eq!(run(&mut Codel::default(), 0..1000, 300 * MS, true), NEVER);
    }

    #[test]
    fn survives_a_clock_that_jumps() {
        let mut codel = Codel::default();
        for now in [0, Micros::MAX, 5, Micros::MAX - 1, Micros::MAX, 7] {
            codel.judge(Micros::MAX, false, now, &Limits { interval: Micros::MAX, ..Limits::default() });
            codel.judge(Micros::MAX, false, now, &Limits::default());
        }
    }

    /// The milliseconds at which a queue that always waits `waited` is signalled.
    fn run(codel: &mut Codel, milliseconds: impl Iterator<Item = u64>, waited: Micros, last: bool) -> Vec<Micros> {
        let marked = |ms: &u64| codel.judge(waited, last, ms * MS, &Limits::default()) == Signal::Mark;
        milliseconds.filter(marked).collect()
    }

    /// The pseudo-code of RFC 8289, 5, with the names and zeros that it has, where a dropped packet is a marked one.
    #[derive(Default)]
    struct Reference {
        first_above_time: u64,
        drop_next: u64,
        count: u64,
        lastcount: u64,
        dropping: bool,
    }

    impl Reference {
        const TARGET: u64 = 5_000;
        const INTERVAL: u64 = 100_000;

        fn dequeue(&mut self, sojourn_time: u64, last: bool, now: u64) -> bool {
            let mut ok_to_drop = false;
            if sojourn_time < Self::TARGET || last {
                self.first_above_time = 0;
            } else if self.first_above_time == 0 {
                self.first_above_time = now + Self::INTERVAL;
            } else if now >= self.first_above_time {
                ok_to_drop = true;
            }
            let mut marked = false;
            if self.dropping {
                if !ok_to_drop {
                    self.dropping = false;
                }
                if self.dropping && now >= self.drop_next {
                    marked = true;
                    self.count += 1;
                    self.drop_next = Self::control_law(self.drop_next, self.count);
                }
            } else if ok_to_drop {
                marked = true;
                self.dropping = true;
                let delta = self.count - self.lastcount;
                self.count = 1;
                if delta > 1 && now.saturating_sub(self.drop_next) < 16 * Self::INTERVAL {
                    self.count = delta;
                }
                self.drop_next = Self::control_law(now, self.count);
                self.lastcount = self.count;
            }
            marked
        }

        #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "small numbers")]
        fn control_law(t: u64, count: u64) -> u64 {
            t + (Self::INTERVAL as f64 / (count as f64).sqrt()) as u64
        }
    }
}
