//! The helper as a live process: what it refuses, what it punishes, what it undoes.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests, with helpers outside of test functions"
)]

mod adoption;
mod confinement;
mod crash;
mod device;
mod flood;
mod manager;
mod phases;
mod refusals;
mod start;
mod undo;
mod vectors;
