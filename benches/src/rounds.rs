//! Times a function in short rounds, each beside a round of a calibration loop, and takes of both what a quiet machine
//! would have shown.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// Long enough that reading the clock does not matter, short enough that many rounds pass undisturbed.
const ROUND: Duration = Duration::from_micros(200);
/// Calls of the calibration loop in a round of its own.
const CALIBRATIONS: u64 = 256;

/// What the calibration loop sums; in its place, so that no run is faster for a luckier one.
#[repr(align(64))]
struct Packet([u8; 1400]);
static PACKET: Packet = Packet([0x5a; 1400]);

/// What was measured of one figure.
#[derive(Debug)]
pub(crate) struct Rounds {
    /// Calls in a round.
    calls: u64,
    /// Nanoseconds a call, one value a round.
    own: Vec<f64>,
    calibration: Vec<f64>,
}

impl Rounds {
    pub(crate) fn new() -> Self {
        Self { calls: 1, own: Vec::new(), calibration: Vec::new() }
    }

    /// Calls `f` so often, and tells how long that took.
    pub(crate) fn run<T>(&mut self, iterations: u64, f: &mut impl FnMut() -> T) -> Duration {
        let (mut left, mut total) = (iterations, Duration::ZERO);
        while left > 0 {
            let calls = left.min(self.calls);
            let took = repeat(calls, f);
            (left, total) = (left - calls, total + took);
            // What remains for the last round of a sample may be too short to say anything.
            if took >= ROUND / 2 {
                self.own.push(nanoseconds(took, calls));
                self.calibration.push(nanoseconds(repeat(CALIBRATIONS, &mut || sum(&PACKET.0)), CALIBRATIONS));
            } else if calls == self.calls {
                self.calls *= 2;
            }
        }
        total
    }

    /// Nanoseconds of a call, and of a calibration loop; `None` where nothing was measured.
    pub(crate) fn result(&self) -> Option<(f64, f64)> {
        Some((quiet(&self.own)?, quiet(&self.calibration)?))
    }

    /// How much slower the usual calibration was than one on a quiet machine.
    pub(crate) fn disturbance(&self) -> Option<f64> {
        Some(quantile(&self.calibration, 2)? / quiet(&self.calibration)?)
    }
}

fn repeat<T>(calls: u64, f: &mut impl FnMut() -> T) -> Duration {
    let start = Instant::now();
    for _ in 0..calls {
        black_box(f());
    }
    start.elapsed()
}

fn nanoseconds(took: Duration, calls: u64) -> f64 {
    took.as_secs_f64() * 1e9 / calls as f64
}

/// What disturbs a round only ever adds to it, so one of the fast ones counts; not the fastest, which is luck.
fn quiet(values: &[f64]) -> Option<f64> {
    quantile(values, 10)
}

/// The value that one in `parts` is below.
fn quantile(values: &[f64], parts: usize) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / parts).copied()
}

/// The unit of all ratios: an Internet checksum of one packet. A copy of its own, so that it stays what it is when the
/// engine's becomes faster.
#[inline(never)]
fn sum(packet: &[u8]) -> u64 {
    let (words, _) = black_box(packet).as_chunks::<4>();
    words.iter().fold(0, |sum, word| sum + u64::from(u32::from_ne_bytes(*word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disturbed_round_does_not_show_in_the_result() {
        let mut rounds = Rounds::new();
        rounds.own = [vec![10.0; 15], vec![500.0; 85]].concat();
        rounds.calibration = vec![5.0; 100];
        assert_eq!(rounds.result(), Some((10.0, 5.0)));
        assert_eq!(rounds.disturbance(), Some(1.0));
    }

    #[test]
    fn nothing_measured_is_no_result() {
        let mut rounds = Rounds::new();
        rounds.run(1, &mut || ());
        assert_eq!(rounds.result(), None);
    }

    #[test]
    fn makes_rounds_long_enough_to_be_timed() {
        let mut rounds = Rounds::new();
        let mut calls = 0u64;
        rounds.run(3_000_000, &mut || calls += 1);
        assert_eq!(calls, 3_000_000);
        assert!(rounds.calls > 1 && rounds.result().is_some());
    }
}
