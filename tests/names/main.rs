//! The program that changes the host's DNS as a live process: what it sets, what it leaves alone, what it refuses, and that
//! it undoes.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests, with helpers outside of test functions"
)]

mod confinement;
mod crash;
mod list;
mod others;
mod refusals;
mod start;
mod vectors;
