//! The highest rate of datagrams at which fewer than one in two hundred is lost.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use super::{
    BenchError,
    agent::{Counted, Job, Sent},
    measure::{UDP_PORT, Way},
};

pub(super) const LOSS_MAX: f64 = 0.005;
const LOSS_WORTH_A_SECOND_LOOK: f64 = 0.03;
/// Long enough for 0.5 % to be many datagrams, short enough for many trials.
const TRIAL_S: f64 = 0.25;
/// Each halves what is left of the range, on a scale of ratios: a range of a hundred ends at 4 %.
const TRIALS: u32 = 7;
const STEP_DOWN: f64 = 0.6;
/// Slower than anything that is measured here.
const FLOOR_PPS: f64 = 500.0;
const GRACE: Duration = Duration::from_secs(25);

/// Tells trials apart.
static TRIAL: AtomicU32 = AtomicU32::new(1);

/// What the search found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Best {
    /// What arrived in the best trial, a second.
    pub(super) received_pps: f64,
    /// What the sender puts out when nothing holds it back.
    pub(super) sender_max_pps: f64,
}

#[derive(Debug, Clone, Copy)]
struct Trial {
    sent_pps: f64,
    received_pps: f64,
}

impl Trial {
    /// Whether a second look is worth its time.
    fn is_near(&self) -> bool {
        self.received_pps >= self.sent_pps * (1.0 - LOSS_WORTH_A_SECOND_LOOK)
    }

    fn is_good(&self) -> bool {
        self.sent_pps > 0.0 && self.received_pps >= self.sent_pps * (1.0 - LOSS_MAX)
    }
}

pub(super) fn best(way: &Way<'_>, len: u32) -> Result<Best, BenchError> {
    search(way.seconds.min(1.0), |rate, share| trial(way, len, rate, TRIAL_S * share))
}

/// `share`: how long a trial is, of its full length.
fn search(
    share: f64,
    mut trial: impl FnMut(Option<f64>, f64) -> Result<Trial, BenchError>,
) -> Result<Best, BenchError> {
    let flood = trial(None, share)?;
    let sender_max_pps = flood.sent_pps;
    if flood.is_good() {
        return Ok(Best { received_pps: flood.received_pps, sender_max_pps });
    }
    // What comes through a flood is a first guess: more arrives where less is dropped late.
    let (mut good, mut bad) = (FLOOR_PPS, flood.sent_pps.max(FLOOR_PPS * 2.0));
    let mut best = 0.0f64;
    let mut rate = (flood.received_pps * 0.9).clamp(good, bad);
    for _ in 0..TRIALS {
        let mut found = trial(Some(rate), share)?;
        // One hiccup of the scheduler loses about as much.
        if !found.is_good() && found.is_near() {
            found = trial(Some(rate), share)?;
        }
        if found.is_good() {
            best = best.max(found.received_pps);
            good = rate;
        } else {
            bad = rate;
        }
        // As long as nothing was good the edge is more likely near than far.
        rate = if best > 0.0 { (good * bad).sqrt() } else { (bad * STEP_DOWN).max(FLOOR_PPS) };
    }
    Ok(Best { received_pps: best, sender_max_pps })
}

fn trial(way: &Way<'_>, len: u32, rate: Option<f64>, seconds: f64) -> Result<Trial, BenchError> {
    let (number, target) = (TRIAL.fetch_add(1, Ordering::Relaxed), way.socket(1, UDP_PORT));
    let receiving = way.site.b.listen(Job::UdpReceive { listen: target, trial: number })?;
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    let sent: Sent = way.site.a.run(Job::UdpSend { target, trial: number, len, rate, seconds }, GRACE)?;
    let counted: Counted = receiving.done(GRACE)?;
    Ok(Trial { sent_pps: per_second(sent.sent, &sent), received_pps: per_second(counted.received, &sent) })
}

fn per_second(count: u64, sent: &Sent) -> f64 {
    count as f64 / sent.seconds.max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_edge_of_a_way_that_loses_all_above_it() {
        for edge in [3_000.0, 50_000.0, 390_000.0] {
            let best = search(1.0, |rate, _| Ok(way_with_edge(rate, edge))).unwrap();
            assert!(best.received_pps <= edge && best.received_pps > edge * 0.85, "{edge}: {}", best.received_pps);
            assert_eq!(best.sender_max_pps, 400_000.0);
        }
    }

    #[test]
    fn a_way_that_takes_all_that_is_sent_needs_no_search() {
        let mut trials = 0;
        let best = search(1.0, |_, _| {
            trials += 1;
            Ok(Trial { sent_pps: 1e5, received_pps: 99_900.0 })
        });
        assert_eq!((best.unwrap().received_pps, trials), (99_900.0, 1));
    }

    #[test]
    fn a_way_that_always_loses_has_no_rate() {
        let best = search(1.0, |rate, _| {
            let sent_pps = rate.unwrap_or(1e5);
            Ok(Trial { sent_pps, received_pps: sent_pps * 0.99 })
        });
        assert_eq!(best.unwrap().received_pps, 0.0);
    }

    #[test]
    fn a_trial_that_lost_a_little_once_is_tried_again() {
        let mut hiccup = true;
        let best = search(1.0, |rate, _| {
            let found = way_with_edge(rate, 50_000.0);
            let unlucky = std::mem::take(&mut hiccup) || rate.is_none();
            hiccup = rate.is_none();
            Ok(if unlucky { Trial { received_pps: found.received_pps * 0.98, ..found } } else { found })
        });
        assert!(best.unwrap().received_pps > 42_000.0);
    }

    /// Under a flood it passes less than it could.
    fn way_with_edge(rate: Option<f64>, edge: f64) -> Trial {
        let sent_pps = rate.unwrap_or(400_000.0);
        let received_pps = if sent_pps <= edge { sent_pps } else { edge * 0.8 };
        Trial { sent_pps, received_pps }
    }
}
