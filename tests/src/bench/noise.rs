//! Judges whether the machine was quiet enough: what others used while nothing was measured, and how steady raw was.

use std::{fs, io, thread, time::Duration};

use serde::{Deserialize, Serialize};

use super::stats::median;

/// Ticks a second in `/proc`, the same on every architecture that Linux still runs on, but for Alpha.
const TICKS: f64 = 100.0;
/// How long the machine is watched while nothing is measured.
const LOOK: Duration = Duration::from_millis(300);
/// Of one core: more than this in others' hands and a round is not counted.
pub(super) const OTHERS_MAX: f64 = 0.3;
/// How far raw may be from the median of all raws, as a share of it.
pub(super) const DEVIATION_MAX: f64 = 0.3;

/// CPU time of the whole machine since it started.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Times {
    /// Work, interrupts, and what the host of a virtual machine took.
    busy: u64,
    idle: u64,
}

impl Times {
    pub(super) fn read() -> io::Result<Self> {
        let text = fs::read_to_string("/proc/stat")?;
        Self::parse(&text).ok_or_else(|| io::Error::other("/proc/stat has no line for the whole machine"))
    }

    /// The first line: cpu user nice system idle iowait irq softirq steal guest guest_nice.
    fn parse(text: &str) -> Option<Self> {
        let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let fields: Vec<u64> = line.split_whitespace().filter_map(|field| field.parse().ok()).collect();
        let [user, nice, system, idle, waiting, irq, softirq, rest @ ..] = fields.as_slice() else { return None };
        // Guests are in user already.
        let steal = rest.first().copied().unwrap_or_default();
        Some(Self { busy: user + nice + system + irq + softirq + steal, idle: idle + waiting })
    }

    pub(super) fn busy_s(&self) -> f64 {
        seconds(self.busy)
    }
}

/// Ticks of `/proc` as seconds.
pub(super) fn seconds(ticks: u64) -> f64 {
    ticks as f64 / TICKS
}

/// How many cores others keep busy, now.
pub(super) fn others() -> io::Result<f64> {
    let before = Times::read()?;
    thread::sleep(LOOK);
    Ok(busy_cores(before, Times::read()?, cores()))
}

pub(super) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

fn busy_cores(before: Times, after: Times, cores: usize) -> f64 {
    let (busy, idle) = (after.busy.saturating_sub(before.busy), after.idle.saturating_sub(before.idle));
    let all = seconds(busy + idle);
    if all > 0.0 { seconds(busy) / all * cores as f64 } else { 0.0 }
}

/// Whether a round counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Stands,
    /// Others used more than 0.3 of a core.
    OthersBusy,
    /// Raw was further than 30 % from the median of raws.
    RawDeviates,
    /// Raw failed in this round.
    NoRaw,
}

/// Judges each round by what others used in it and by its raw figure.
pub(super) fn judge(rounds: &[(f64, Option<f64>)]) -> Vec<Standing> {
    let middle = median(rounds.iter().filter_map(|(_, raw)| *raw));
    let of = |(others, raw): &(f64, Option<f64>)| match (raw, middle) {
        _ if *others > OTHERS_MAX => Standing::OthersBusy,
        (Some(raw), Some(middle)) if (raw - middle).abs() <= DEVIATION_MAX * middle => Standing::Stands,
        (Some(_), _) => Standing::RawDeviates,
        (None, Some(_)) => Standing::NoRaw,
        // Nobody asked for raw.
        (None, None) => Standing::Stands,
    };
    rounds.iter().map(of).collect()
}

/// Whether too few rounds stand to say anything.
pub(super) fn is_too_noisy(standings: &[Standing]) -> bool {
    standings.iter().filter(|standing| **standing == Standing::Stands).count() * 2 < standings.len()
}

#[cfg(test)]
mod tests {
    use super::{Standing::*, *};

    #[test]
    fn counts_stolen_time_as_busy_and_waiting_as_idle() {
        let times = Times::parse("cpu  10 1 20 400 30 2 3 4 5 6\ncpu0 1 1 1 1 1 1 1 1 1 1\n").unwrap();
        assert_eq!(times, Times { busy: 40, idle: 430 });
        assert_eq!(Times::parse("intr 1 2 3\n"), None);
    }

    #[test]
    fn tells_how_many_cores_are_busy() {
        let (before, after) = (Times { busy: 100, idle: 100 }, Times { busy: 130, idle: 130 });
        assert_eq!(busy_cores(before, after, 2), 1.0);
        assert_eq!(busy_cores(before, before, 2), 0.0);
    }

    #[test]
    fn drops_a_round_whose_raw_is_far_from_the_others() {
        let rounds = [(0.0, Some(10.0)), (0.0, Some(11.0)), (0.0, Some(6.0)), (0.0, Some(14.0)), (0.1, Some(9.5))];
        assert_eq!(judge(&rounds), [Stands, Stands, RawDeviates, RawDeviates, Stands]);
    }

    #[test]
    fn drops_a_round_in_which_others_were_busy_or_raw_failed() {
        let rounds = [(0.31, Some(10.0)), (0.3, Some(10.0)), (0.0, None)];
        assert_eq!(judge(&rounds), [OthersBusy, Stands, NoRaw]);
        assert_eq!(judge(&[(0.0, None), (0.4, None)]), [Stands, OthersBusy]);
    }

    #[test]
    fn is_too_noisy_when_fewer_than_half_of_the_rounds_stand() {
        assert!(!is_too_noisy(&[Stands, RawDeviates]));
        assert!(is_too_noisy(&[Stands, RawDeviates, OthersBusy]));
        assert!(is_too_noisy(&[NoRaw]));
    }
}
