//! Several nodes write one network's history at once, over a network that loses, doubles and reorders, beside a writer
//! that keeps to no rule; in the end all of them fold to what a slower, independent reference folds to.
//!
//! `RAY_SIM_SEEDS` sets how many runs are made and `RAY_SIM_FIRST_SEED` where they begin. A failing run prints its seed.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "this is a test")]

mod hostile;
mod random;
mod reference;
mod world;

use std::{env, thread};

use self::world::{Outcome, World};

/// A few seconds' worth.
const SEEDS: u64 = 300;
/// From here on every kind of event surely happened in some run.
const SEEDS_FOR_COVERAGE: u64 = 100;

#[test]
fn all_nodes_fold_to_what_the_reference_folds_to() {
    let first = number_from("RAY_SIM_FIRST_SEED", 1);
    let count = number_from("RAY_SIM_SEEDS", SEEDS);
    let mut total = Outcome::default();
    for seed in first..first.saturating_add(count) {
        let _report = ReportSeed(seed);
        let mut world = World::new(seed);
        world.live();
        world.heal();
        total += world.check();
    }
    println!("{count} runs: {total:?}");
    if count >= SEEDS_FOR_COVERAGE {
        assert!(total.is_everywhere_above_zero(), "the runs no longer reach every case: {total:?}");
    }
}

/// Names the seed when the run that it made fails, wherever that is.
struct ReportSeed(u64);

impl Drop for ReportSeed {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("replay with RAY_SIM_FIRST_SEED={} RAY_SIM_SEEDS=1", self.0);
        }
    }
}

fn number_from(name: &str, otherwise: u64) -> u64 {
    match env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text:?}")),
        Err(_) => otherwise,
    }
}
