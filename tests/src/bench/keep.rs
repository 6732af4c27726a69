//! Decides where the results of a run go: what says less than a full run does not take the place of one.

use std::path::PathBuf;

use super::{Options, ROUNDS, Results, SECONDS};
use crate::binaries;

/// Where full runs leave their results, in the source tree.
pub(super) const RESULTS: &str = "benches/results";

/// The directory for the results, or why there is none.
pub(super) fn destination(options: &Options, results: &Results) -> Result<PathBuf, &'static str> {
    if let Some(out) = &options.out {
        return Ok(out.clone());
    }
    match shortfall(options, results) {
        Some(shortfall) => Err(shortfall),
        None => Ok(binaries::workspace().join(RESULTS)),
    }
}

/// What this run lacks of a full one.
fn shortfall(options: &Options, results: &Results) -> Option<&'static str> {
    if options.rounds < ROUNDS.into() || options.seconds < SECONDS {
        return Some("the run is shorter than a full one");
    }
    if !options.only.is_empty() {
        return Some("the run leaves contestants out");
    }
    if options.programs.is_some() {
        return Some("the programs may be others than are shipped");
    }
    if results.contestants.iter().any(|entrant| entrant.failed.is_some()) {
        return Some("a contestant failed");
    }
    results.too_noisy.then_some("the machine was too noisy")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::bench::report::sample;

    #[test]
    fn only_a_full_run_takes_the_place_of_the_last_one() {
        let results = sample::results(&["raw", "rayfish"]);
        assert!(destination(&full(), &results).unwrap().ends_with(RESULTS));
        for partial in [
            Options { rounds: 1, ..full() },
            Options { seconds: 1.0, ..full() },
            Options { only: vec!["raw".to_owned()], ..full() },
            Options { programs: Some("/p".into()), ..full() },
        ] {
            assert!(destination(&partial, &results).is_err(), "{partial:?}");
            let out = Some(PathBuf::from("/x"));
            assert_eq!(destination(&Options { out, ..partial }, &results), Ok("/x".into()));
        }
    }

    #[test]
    fn a_run_that_proves_nothing_does_not_either() {
        let mut noisy = sample::results(&["raw", "rayfish"]);
        noisy.too_noisy = true;
        assert!(destination(&full(), &noisy).is_err());
        let mut failed = sample::results(&["raw", "rayfish"]);
        failed.contestants[1].failed = Some(sample::failure());
        assert!(destination(&full(), &failed).is_err());
    }

    fn full() -> Options {
        Options {
            rounds: ROUNDS.into(),
            seconds: SECONDS,
            only: Vec::new(),
            with: BTreeMap::new(),
            programs: None,
            pin: false,
            out: None,
        }
    }
}
