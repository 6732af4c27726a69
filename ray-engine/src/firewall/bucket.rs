//! A token bucket: a burst, and a rate at which it fills again.

use super::Millis;

#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    burst: u32,
    per_second: u32,
    /// Thousandths of a token.
    level: u64,
    filled_at: Millis,
}

impl Bucket {
    pub(super) fn full(burst: u32, per_second: u32) -> Self {
        Self { burst, per_second, level: u64::from(burst) * 1000, filled_at: 0 }
    }

    pub(super) fn has_one(&mut self, now: Millis) -> bool {
        let gained = now.saturating_sub(self.filled_at).saturating_mul(u64::from(self.per_second));
        self.level = self.level.saturating_add(gained).min(u64::from(self.burst) * 1000);
        self.filled_at = self.filled_at.max(now);
        self.level >= 1000
    }

    /// Takes a token that [`Bucket::has_one`] has seen.
    pub(super) fn take(&mut self) {
        self.level = self.level.saturating_sub(1000);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::full(3, 2);
        let mut taken = |now: Millis| {
            let some = bucket.has_one(now);
            if some {
                bucket.take();
            }
            some
        };
        assert_eq!([0; 4].map(&mut taken), [true, true, true, false]);
        assert_eq!([499, 500, 500, 1000].map(&mut taken), [false, true, false, true]);
        assert_eq!([900, 999].map(&mut taken), [false, false], "a clock that goes back gives nothing");
        assert_eq!([1_000_000; 4].map(&mut taken), [true, true, true, false]);
    }
}
