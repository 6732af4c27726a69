//! How much the engine may ask of the helper in a time, as pure functions of a clock that comes in as a value.
//!
//! An engine that asks too fast is made to wait: its requests stay in its own socket buffer. A busy engine is no
//! malicious one, and cutting its tunnel would be the worse answer. Three buckets bound what it can cause:
//!
//! | bucket | one token is | figures | what it bounds |
//! |---|---|---|---|
//! | connections | one accepted connection, served or not | 10 000/s, burst 2 000 | processor time |
//! | frames | one received frame, whatever the answer | 10 000/s, burst 2 000 | processor time: a decode and a comparison each |
//! | operations | one request that passed gate and policy | 20/s, burst 50 | changes to the kernel's network state |
//!
//! A violation costs more where it cost the host something: when a device had to be torn down for it, the next
//! connection waits 1 s, twice as long for each such violation that follows, 60 s at most, until a connection ends in
//! good order. A violation without a device behind it costs a decode and a close, which the buckets bound already.

use std::time::{Duration, Instant};

const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// A token bucket, kept as the time at which it will be full again.
#[derive(Debug, Clone)]
pub struct Bucket {
    interval: Duration,
    depth: Duration,
    full_at: Instant,
}

impl Bucket {
    /// A full bucket of `burst` tokens that gains one each `interval`.
    pub fn new(burst: u32, interval: Duration, now: Instant) -> Self {
        Self { interval, depth: interval.saturating_mul(burst), full_at: now }
    }

    /// How long until a token is there; zero if one is.
    pub fn wait(&self, now: Instant) -> Duration {
        let ahead = self.full_at.saturating_duration_since(now);
        ahead.saturating_add(self.interval).saturating_sub(self.depth)
    }

    /// Takes a token, also one that is not there yet: the caller has looked at [`Bucket::wait`] before it began.
    pub fn take(&mut self, now: Instant) {
        // A clock at its end makes nobody wait; no host runs for so long.
        self.full_at = self.full_at.max(now).checked_add(self.interval).unwrap_or(now);
    }
}

/// The three buckets of the helper.
#[derive(Debug)]
pub struct Limits {
    pub connections: Bucket,
    pub frames: Bucket,
    pub operations: Bucket,
}

impl Limits {
    pub fn new(now: Instant) -> Self {
        Self {
            connections: Bucket::new(2_000, Duration::from_micros(100), now),
            frames: Bucket::new(2_000, Duration::from_micros(100), now),
            operations: Bucket::new(50, Duration::from_millis(50), now),
        }
    }
}

/// The pause after a violation that cost a device.
#[derive(Debug)]
pub struct BackOff {
    next: Duration,
    until: Option<Instant>,
}

impl Default for BackOff {
    fn default() -> Self {
        Self { next: PAUSE_MIN, until: None }
    }
}

impl BackOff {
    /// Begins a pause, and makes the next one twice as long.
    pub fn punish(&mut self, now: Instant) -> Duration {
        let pause = self.next;
        self.until = now.checked_add(pause);
        self.next = pause.saturating_mul(2).min(PAUSE_MAX);
        pause
    }

    /// A connection ended in good order: the next pause is the shortest again.
    pub fn forgive(&mut self) {
        self.next = PAUSE_MIN;
    }

    /// How long nobody is served; zero outside a pause.
    pub fn wait(&self, now: Instant) -> Duration {
        self.until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(50);

    #[test]
    fn makes_the_one_after_the_burst_wait() {
        let now = Instant::now();
        let mut bucket = Bucket::new(3, TICK, now);
        for _ in 0..3 {
            assert_eq!(bucket.wait(now), Duration::ZERO);
            bucket.take(now);
        }
        assert_eq!(bucket.wait(now), TICK);
        assert_eq!(bucket.wait(now + TICK), Duration::ZERO);
        bucket.take(now + TICK);
        assert_eq!(bucket.wait(now + TICK), TICK);
    }

    #[test]
    fn never_holds_more_than_the_burst() {
        let now = Instant::now();
        let mut bucket = Bucket::new(3, TICK, now);
        let later = now + TICK * 1000;
        for _ in 0..3 {
            bucket.take(later);
        }
        assert_eq!(bucket.wait(later), TICK);
    }

    #[test]
    fn doubles_the_pause_up_to_a_minute_and_forgets_on_good_order() {
        let now = Instant::now();
        let mut back_off = BackOff::default();
        let pauses: Vec<u64> = (0..8).map(|_| back_off.punish(now).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(back_off.wait(now), PAUSE_MAX);
        assert_eq!(back_off.wait(now + PAUSE_MAX), Duration::ZERO);
        back_off.forgive();
        assert_eq!(back_off.punish(now), PAUSE_MIN);
    }
}
