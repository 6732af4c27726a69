//! The window of one path. Pure: time is a value.
//!
//! The window is what the path delivers within its shortest round trip and an allowance for queueing. Rate and round trip are
//! measured as BBR does (draft-ietf-ccwg-bbr: the largest rate of the last rounds, the shortest round trip of the last
//! seconds), without its phases of probing for rate: a window above the product of the two probes all the time, and the
//! allowance bounds the queue that this makes. As in BBR, a short phase with half a window shows the round trip without that
//! queue now and then, or the window would grow with its own queue.
//!
//! Three things lengthen a round trip and are not this path's own queue: packets that take unequally long (the allowance
//! covers how far a round's packets differ), a longer route and a queue that others fill (a round trip that stays long
//! though the window has shrunk becomes the shortest). A lost packet by itself changes nothing, since a path that loses at
//! random delivers no slower; a round that loses much has the window leave out its surplus.

use std::{collections::VecDeque, time::Duration};

/// Before anything is known: what common paths take in one burst.
const INITIAL: u64 = 32 * 1024;
/// Below this, batching would suffer more than any path gains.
const MIN: u64 = 16 * 1024;
/// 2.5 Gbit/s over 50 ms.
const MAX: u64 = 16 * 1024 * 1024;

/// Rounds over which the largest rate counts.
const ROUNDS: usize = 10;
/// Shorter rounds measure the scheduler.
const ROUND_MIN: Duration = Duration::from_millis(1);
/// How long a shortest round trip counts before it is measured anew, and how long that takes beside two round trips.
const ROUND_TRIP_AGE: Duration = Duration::from_secs(10);
const MEASURING: Duration = Duration::from_millis(10);
/// The queueing that is accepted: covers delayed acknowledgements and a busy processor's time slices.
const ALLOWANCE: Duration = Duration::from_millis(1);
/// The most that unequal packets may ask for instead.
const SPREAD_MAX: Duration = Duration::from_millis(100);

/// How far the window goes beyond what the path was seen to deliver, in percent.
const SURPLUS: i64 = 25;
/// As far below the window goes where rounds lose heavily, which is how a receiver says that it has no time for more.
const SURPLUS_MIN: i64 = -50;
/// A round that loses more than one packet in so many loses to a full queue, not at random.
const LOSS_SHARE: u64 = 50;
const HEAVY_LOSS_SHARE: u64 = 8;
/// Percent of surplus that such a round costs, and that a clean one gives back.
const SURPLUS_CUT: i64 = 10;
const SURPLUS_REGAIN: i64 = 1;
/// A start ends after so many rounds that are no quarter faster than the best before.
const FLAT_ROUNDS: u32 = 3;

#[derive(Debug, Clone)]
pub(super) struct Window {
    bytes: u64,
    /// Bytes a second in the last rounds, newest last.
    rates: VecDeque<u64>,
    /// The shortest round trip, and when it was seen.
    round_trip: Option<(Duration, Duration)>,
    /// How far the packets of a round differ: their mean round trip less the shortest. Smoothed.
    spread: Duration,
    /// The shortest round trip is being measured, until then.
    measuring: Option<Measuring>,
    /// A window, and the shortest round trip of the round that it was of: to see whether a smaller one shortens it.
    reference: Option<(u64, Duration)>,
    round: Round,
    surplus: i64,
    /// `None` once the path's rate is known.
    start: Option<Start>,
}

/// What came of the packets of one round trip.
#[derive(Debug, Clone, Copy, Default)]
struct Round {
    began: Duration,
    delivered: u64,
    lost: u64,
    /// Of those, since the window was last halved for them.
    lost_at_this_size: u64,
    marked: bool,
    /// For want of packets, the round says nothing about how fast the path is.
    idle: bool,
    shortest: Option<Duration>,
    /// The sum of its packets' round trips, and their number.
    sum: Duration,
    packets: u32,
}

#[derive(Debug, Clone, Copy)]
struct Measuring {
    until: Duration,
    shortest: Option<Duration>,
}

/// Doubles the window each round until the rate no longer follows.
#[derive(Debug, Clone, Copy, Default)]
struct Start {
    best: u64,
    flat: u32,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            bytes: INITIAL,
            rates: VecDeque::with_capacity(ROUNDS),
            round_trip: None,
            spread: Duration::ZERO,
            measuring: None,
            reference: None,
            round: Round::default(),
            surplus: SURPLUS,
            start: Some(Start::default()),
        }
    }
}

impl Window {
    /// What may be under way.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A packet has arrived. `idle` = there was nothing more to send.
    pub(super) fn acked(&mut self, now: Duration, sent: Duration, bytes: u64, idle: bool) {
        let took = now.saturating_sub(sent);
        self.see_round_trip(took, now);
        let round = &mut self.round;
        round.delivered = round.delivered.saturating_add(bytes);
        round.idle |= idle;
        round.shortest = Some(round.shortest.map_or(took, |known| known.min(took)));
        round.sum = round.sum.saturating_add(took);
        round.packets = round.packets.saturating_add(1);
        if self.start.is_some() && !idle {
            self.bytes = self.bytes.saturating_add(bytes).min(MAX);
        }
        if sent >= round.began && now.saturating_sub(round.began) >= ROUND_MIN {
            let ended = std::mem::replace(round, Round { began: now, ..Round::default() });
            self.end_round(&ended, now);
        }
    }

    /// Whoever loses half a window within a round need not see how it ends.
    pub(super) fn lost(&mut self, bytes: u64) {
        let round = &mut self.round;
        round.lost = round.lost.saturating_add(bytes);
        round.lost_at_this_size = round.lost_at_this_size.saturating_add(bytes);
        if round.lost_at_this_size > self.bytes / 2 {
            round.lost_at_this_size = 0;
            self.bytes = (self.bytes / 2).max(MIN);
        }
    }

    /// The path has marked packets instead of dropping them.
    pub(super) fn marked(&mut self) {
        self.round.marked = true;
    }

    /// Nothing has arrived for long: what was known about the path is void.
    pub(super) fn collapse(&mut self) {
        *self = Self { bytes: MIN, round: self.round, ..Self::default() };
    }

    fn end_round(&mut self, round: &Round, now: Duration) {
        let took = now.saturating_sub(round.began);
        let rate = per_second(round.delivered, took);
        // An idle round can only show that the path is faster than was known.
        if !round.idle || rate > self.rate() {
            if self.rates.len() == ROUNDS {
                self.rates.pop_front();
            }
            self.rates.push_back(rate);
        }
        self.see_spread(round);
        let sent = round.delivered.saturating_add(round.lost);
        let crowded = round.marked || round.lost > sent / LOSS_SHARE;
        let heavy = round.lost > sent / HEAVY_LOSS_SHARE;
        self.surplus = if heavy {
            // What came in a burst, after somebody had no time for it, is no rate of the path.
            self.rates.drain(..self.rates.len().saturating_sub(1));
            (self.surplus - SURPLUS_CUT).max(SURPLUS_MIN)
        } else if crowded {
            (self.surplus - SURPLUS_CUT).max(0)
        } else if self.surplus < 0 {
            self.surplus + SURPLUS_CUT / 2
        } else {
            (self.surplus + SURPLUS_REGAIN).min(SURPLUS)
        };
        if !round.idle {
            self.follow_start(round, rate, crowded);
        }
        if self.start.is_none() {
            self.bytes = self.target();
            if heavy {
                // A queue that is full makes the round trip long, whatever the window is.
                self.reference = None;
            } else {
                self.see_what_a_smaller_window_does(round, now);
            }
        }
    }

    fn see_round_trip(&mut self, took: Duration, now: Duration) {
        if let Some(measuring) = &mut self.measuring {
            let shortest = measuring.shortest.map_or(took, |known| known.min(took));
            measuring.shortest = Some(shortest);
            if now >= measuring.until {
                (self.round_trip, self.measuring, self.reference) = (Some((shortest, now)), None, None);
            }
            return;
        }
        match self.round_trip {
            Some((known, at)) if took > known => {
                if now.saturating_sub(at) > ROUND_TRIP_AGE && self.start.is_none() {
                    self.measuring =
                        Some(Measuring { until: now + 2 * known.min(ROUND_TRIP_AGE) + MEASURING, shortest: None });
                    self.bytes = self.target();
                }
            }
            Some(_) | None => self.round_trip = Some((took, now)),
        }
    }

    fn see_spread(&mut self, round: &Round) {
        let (Some(shortest), Some(mean)) = (round.shortest, round.sum.checked_div(round.packets)) else { return };
        let spread = mean.saturating_sub(shortest).min(SPREAD_MAX);
        self.spread = (self.spread * 7 + spread) / 8;
    }

    /// A round trip that the path's own queue makes long gets shorter with the window. One that does not is the path's.
    fn see_what_a_smaller_window_does(&mut self, round: &Round, now: Duration) {
        let Some(shortest) = round.shortest else { return };
        match self.reference {
            Some((bytes, before)) if self.bytes <= bytes - bytes / 4 => {
                if shortest >= before - before / 10 && self.measuring.is_none() {
                    self.round_trip = Some((shortest, now));
                }
                self.reference = Some((self.bytes, shortest));
            }
            Some((bytes, _)) if self.bytes <= bytes => {}
            Some(_) | None => self.reference = Some((self.bytes, shortest)),
        }
    }

    fn follow_start(&mut self, round: &Round, rate: u64, crowded: bool) {
        let (Some(start), Some((known, _))) = (&mut self.start, self.round_trip) else { return };
        if rate > start.best.saturating_add(start.best / 4) {
            *start = Start { best: rate, flat: 0 };
        } else {
            start.flat += 1;
        }
        let queued = round.shortest.is_some_and(|shortest| shortest > known + known / 4 + 2 * ALLOWANCE);
        if crowded || queued || start.flat >= FLAT_ROUNDS {
            self.start = None;
        }
    }

    fn rate(&self) -> u64 {
        self.rates.iter().copied().max().unwrap_or_default()
    }

    fn target(&self) -> u64 {
        let Some((round_trip, _)) = self.round_trip else { return self.bytes };
        let delivered = |time: Duration| u128::from(self.rate()) * time.as_nanos() / 1_000_000_000;
        let target = match self.measuring {
            None => {
                delivered(round_trip + ALLOWANCE.max(self.spread)) * u128::from((100 + self.surplus).unsigned_abs())
                    / 100
            }
            Some(_) => delivered(round_trip) / 2,
        };
        u64::try_from(target).unwrap_or(MAX).clamp(MIN, MAX)
    }
}

fn per_second(bytes: u64, took: Duration) -> u64 {
    let rate = u128::from(bytes) * 1_000_000_000 / took.as_nanos().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
