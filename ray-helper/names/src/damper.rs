//! How often a file is written again after another program has written it, as a pure function of a clock that comes in as a
//! value. Two programs that each restore their own version would else fill the host with rewrites.

use std::time::{Duration, Instant};

/// Rewrites within the window that are ordinary: a renewed lease, a VPN that comes or goes, each in a few steps.
const REWRITES_MAX: usize = 5;
const WINDOW: Duration = Duration::from_secs(10);
const PAUSE_MIN: Duration = Duration::from_secs(5);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Counts rewrites and makes the surplus wait.
#[derive(Debug)]
pub struct Damper {
    rewrites: Vec<Instant>,
    pause: Duration,
    until: Option<Instant>,
}

impl Default for Damper {
    fn default() -> Self {
        Self { rewrites: Vec::new(), pause: PAUSE_MIN, until: None }
    }
}

impl Damper {
    /// Takes one rewrite, or says until when to leave the file to the other program.
    pub fn rewrite(&mut self, now: Instant) -> Result<(), Instant> {
        match self.until {
            Some(until) if until > now => return Err(until),
            // As long again without a quarrel, and the next pause is the shortest.
            Some(until) if now.saturating_duration_since(until) > self.pause => {
                self.pause = PAUSE_MIN;
                self.until = None;
            }
            Some(_) | None => {}
        }
        self.rewrites.retain(|rewrite| now.saturating_duration_since(*rewrite) < WINDOW);
        if self.rewrites.len() < REWRITES_MAX {
            self.rewrites.push(now);
            return Ok(());
        }
        self.rewrites.clear();
        let until = now.checked_add(self.pause).unwrap_or(now);
        self.pause = self.pause.saturating_mul(2).min(PAUSE_MAX);
        self.until = Some(until);
        Err(until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn lets_a_quarrel_rest_for_longer_and_longer() {
        let (mut damper, mut now) = (Damper::default(), Instant::now());
        let mut pauses = Vec::new();
        for _ in 0..6 {
            for _ in 0..REWRITES_MAX {
                assert_eq!(damper.rewrite(now), Ok(()));
            }
            let until = damper.rewrite(now).unwrap_err();
            assert_eq!(damper.rewrite(until - Duration::from_millis(1)), Err(until));
            pauses.push((until - now).as_secs());
            now = until;
        }
        assert_eq!(pauses, [5, 10, 20, 40, 60, 60]);
    }

    #[test]
    fn does_not_mind_rewrites_that_are_far_apart() {
        let (mut damper, now) = (Damper::default(), Instant::now());
        for rewrite in 0..100 {
            assert_eq!(damper.rewrite(now + 3 * SECOND * rewrite), Ok(()));
        }
    }

    #[test]
    fn forgets_a_quarrel_that_is_over() {
        let (mut damper, now) = (Damper::default(), Instant::now());
        while damper.rewrite(now).is_ok() {}
        let later = now + 60 * SECOND;
        while damper.rewrite(later).is_ok() {}
        assert_eq!(damper.rewrite(later), Err(later + PAUSE_MIN));
    }
}
