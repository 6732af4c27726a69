//! Deterministic simulation of one network's history: nodes with a real ledger, a real sync, a simulated disk and a clock of
//! their own act at once, over a network that loses, doubles, reorders and splits, beside hostile members. Every judgement
//! and every roster is held to a slower reference that was written from `docs/ledger.md`.
//!
//! `RAY_SIM_SEEDS` sets how many runs are made and `RAY_SIM_FIRST_SEED` where they begin. A failing run prints the command
//! that replays it alone, and what happened in the smallest plan that still fails. A single seed tells its story in any case
//! (`-- --nocapture`).

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "this is a test")]

mod check;
mod outcome;
mod random;
mod reference;
mod scripted;
mod shrink;
mod world;
mod writer;

use std::{
    env,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use self::{
    outcome::Outcome,
    shrink::{Failure, run, shrink},
    world::Plan,
};

const SEEDS: u64 = 1000;
/// From here on every kind of event surely happened in some run.
const SEEDS_FOR_COVERAGE: u64 = 300;
/// Failing seeds that are looked for; the first of them is told in full.
const FAILURES_MAX: usize = 12;
/// Lines of a trace that are printed; the last ones tell most.
const LINES_MAX: usize = 400;

#[test]
fn all_honest_nodes_agree_with_each_other_and_with_the_page() {
    let first = number_from("RAY_SIM_FIRST_SEED", 1);
    let count = number_from("RAY_SIM_SEEDS", SEEDS);
    let next = AtomicU64::new(0);
    let total = Mutex::new(Outcome::default());
    let failed: Mutex<Vec<(Plan, Failure)>> = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count || failed.lock().unwrap().len() >= FAILURES_MAX {
                        return;
                    }
                    let plan = Plan::of(first + number);
                    match run(plan, count == 1) {
                        Ok((outcome, trace)) => {
                            *total.lock().unwrap() += outcome;
                            trace.iter().for_each(|line| println!("{line}"));
                        }
                        Err(failure) => failed.lock().unwrap().push((plan, failure)),
                    }
                }
            });
        }
    });
    let total = total.into_inner().unwrap();
    println!("{count} runs from seed {first}: {total:?}");
    let mut failed = failed.into_inner().unwrap();
    failed.sort_by_key(|(plan, _)| std::cmp::Reverse(plan.seed));
    if let Some((plan, failure)) = failed.pop() {
        let others: Vec<String> =
            failed.iter().rev().map(|(plan, failure)| format!("seed {}: {}", plan.seed, failure.message)).collect();
        let (smallest, failure) = shrink(plan, failure);
        report(plan, smallest, &failure);
        others.iter().for_each(|other| println!("also {other}"));
        panic!("seed {}: {}", plan.seed, failure.message);
    }
    if count >= SEEDS_FOR_COVERAGE {
        assert!(total.missed().is_empty(), "the runs no longer reach {:?}: {total:?}", total.missed());
    }
}

fn report(plan: Plan, smallest: Plan, failure: &Failure) {
    let skipped = failure.trace.len().saturating_sub(LINES_MAX);
    if skipped > 0 {
        println!("({skipped} lines before)");
    }
    failure.trace.iter().skip(skipped).for_each(|line| println!("{line}"));
    println!("\n{}\n", failure.message);
    println!("the smallest plan that fails like this: {smallest:?}");
    println!("replay: RAY_SIM_FIRST_SEED={} RAY_SIM_SEEDS=1 cargo test -p ray-tests --test ledger_sim", plan.seed);
}

fn number_from(name: &str, otherwise: u64) -> u64 {
    match env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text:?}")),
        Err(_) => otherwise,
    }
}
