//! Runs a plan, and makes a failing plan smaller for as long as it fails.

use std::{
    cell::{Cell, RefCell},
    panic::{self, AssertUnwindSafe},
    sync::Once,
    time::{Duration, Instant},
};

use crate::{
    outcome::Outcome,
    world::{Plan, World},
};

/// What a reader waits for a smaller plan.
const SHRINKING: Duration = Duration::from_secs(60);

/// Why a run failed, and what happened before.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) trace: Vec<String>,
}

thread_local! {
    /// A panic of a run is caught and told later.
    static IS_CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// What came up in a run that holds to the page, and its trace.
pub(crate) type Passed = (Outcome, Vec<String>);

pub(crate) fn run(plan: Plan, traced: bool) -> Result<Passed, Failure> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IS_CAUGHT.get() {
                loud(info);
            }
        }));
    });
    let kept = RefCell::new(None);
    IS_CAUGHT.set(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
        let mut slot = kept.borrow_mut();
        let world = slot.insert(World::new(plan, traced));
        world.live();
        world.heal();
        world.check();
        world.outcome
    }));
    IS_CAUGHT.set(false);
    let trace = kept.into_inner().map(World::trace).unwrap_or_default();
    match outcome {
        Ok(outcome) => Ok((outcome, trace)),
        Err(cause) => {
            let message = cause.downcast_ref::<String>().cloned();
            let message = message.or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(Failure { message: message.unwrap_or_default(), trace })
        }
    }
}

/// The smallest plan found that fails, and how.
pub(crate) fn shrink(plan: Plan, failure: Failure) -> (Plan, Failure) {
    let started = Instant::now();
    let mut best = plan;
    'smaller: loop {
        for smaller in smaller_than(best) {
            if started.elapsed() > SHRINKING {
                break 'smaller;
            }
            if run(smaller, false).is_err() {
                best = smaller;
                continue 'smaller;
            }
        }
        break;
    }
    match run(best, true) {
        Err(traced) => (best, traced),
        Ok(_) => (plan, Failure { message: format!("{} (but not when run again)", failure.message), ..failure }),
    }
}

fn smaller_than(plan: Plan) -> Vec<Plan> {
    let mut plans = Vec::new();
    let steps = [plan.steps / 2, plan.steps * 3 / 4, plan.steps * 9 / 10, plan.steps.saturating_sub(1)];
    plans.extend(steps.into_iter().filter(|steps| *steps < plan.steps).map(|steps| Plan { steps, ..plan }));
    plans.extend((3..plan.nodes).map(|nodes| Plan { nodes, ..plan }));
    let off = [
        Plan { hostile: false, ..plan },
        Plan { crashes: false, ..plan },
        Plan { clocks: false, ..plan },
        Plan { faults: false, ..plan },
        Plan { partitions: false, ..plan },
    ];
    plans.extend(off.into_iter().filter(|smaller| *smaller != plan));
    plans
}
