//! Medians, quantiles, and the spread of a series.

use serde::{Deserialize, Serialize};

/// The middle of a series and its ends.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Spread {
    /// `None` for an empty series. What is no number does not belong to it.
    pub fn of(series: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = series.into_iter().filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        Some(Self { median: median_of_sorted(&sorted)?, min: *sorted.first()?, max: *sorted.last()? })
    }
}

/// The middle value, or between the two middle ones.
pub(super) fn median(series: impl IntoIterator<Item = f64>) -> Option<f64> {
    Spread::of(series).map(|spread| spread.median)
}

/// The smallest value that `share` of the sorted series does not exceed.
pub(super) fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let below = sorted.iter().enumerate().find(|(at, _)| of_count(at + 1) >= share * of_count(sorted.len()));
    below.map(|(_, value)| *value).or(sorted.last().copied())
}

fn median_of_sorted(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some((sorted.get(middle - 1)? + upper) / 2.0)
}

/// Nought for an empty series.
pub(super) fn mean(series: &[f64]) -> f64 {
    if series.is_empty() { 0.0 } else { series.iter().sum::<f64>() / of_count(series.len()) }
}

fn of_count(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_whatever_the_order() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median([]), None);
    }

    #[test]
    fn the_mean_of_nothing_is_nought() {
        assert_eq!([mean(&[]), mean(&[1.0, 2.0, 6.0])], [0.0, 3.0]);
    }

    #[test]
    fn the_spread_leaves_out_what_is_no_number() {
        let spread = Spread::of([f64::NAN, 2.0, f64::INFINITY, 1.0, 9.0]);
        assert_eq!(spread, Some(Spread { median: 2.0, min: 1.0, max: 9.0 }));
        assert_eq!(Spread::of([f64::NAN]), None);
    }

    #[test]
    fn quantiles_are_values_that_were_seen() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!([0.5, 0.99, 1.0].map(|share| quantile(&hundred, share)), [Some(50.0), Some(99.0), Some(100.0)]);
        assert_eq!(quantile(&[7.0], 0.99), Some(7.0));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
