//! What the benches share: a clock that takes the best of many rounds, and an allocator that counts.

pub mod allocations;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// Rounds per figure. The best one counts: what disturbs a round only ever adds to it.
const ROUNDS: u32 = 30;
/// Long enough that the clock's own cost does not matter.
const ROUND: Duration = Duration::from_millis(5);

/// Nanoseconds that one call of `f` takes.
pub fn time<T>(mut f: impl FnMut() -> T) -> f64 {
    let mut calls = 1u32;
    loop {
        let took = round(calls, &mut f);
        if took >= ROUND || calls > u32::MAX / 2 {
            break;
        }
        calls *= 2;
    }
    let best = (0..ROUNDS).map(|_| round(calls, &mut f)).min().unwrap_or(Duration::MAX);
    best.as_secs_f64() * 1e9 / f64::from(calls)
}

fn round<T>(calls: u32, f: &mut impl FnMut() -> T) -> Duration {
    let start = Instant::now();
    for _ in 0..calls {
        black_box(f());
    }
    start.elapsed()
}
