//! What the processes may still do, tried out: each line of each policy, its neighbours, and all that no line names.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

mod child;
mod files;
mod forbidden;
mod lines;
mod mandatory;
mod places;
mod witness;

use ray_confine::policy::{self, Policy};

/// Each policy by name.
fn policies() -> [(&'static str, Policy); 6] {
    [
        ("engine", policy::ENGINE),
        ("helper-start", policy::HELPER_START),
        ("helper", policy::HELPER),
        ("names-start", policy::NAMES_START),
        ("names", policy::NAMES),
        ("names-bus", policy::NAMES_BUS),
    ]
    .map(|(name, text)| (name, Policy::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"))))
}
