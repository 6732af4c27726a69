//! Tries, on this very host, what the engine and the helper must not be able to do.
//!
//! `ray` starts itself once for each act. The child becomes what the process is (its user, its groups, its view of the
//! file system), applies the same confinement as that process does, and then makes one system call. How that ends is
//! the answer: a child that the kernel kills was refused. Each act is harmless even where it gets through: it lacks a
//! valid argument beyond the check that matters, opens without writing, or changes only what dies with the child.

mod account;
mod act;
mod acts;
#[allow(unsafe_code)]
mod call;
pub(crate) mod child;
mod facts;
mod judge;
mod live;
mod places;
mod ready;
mod report;
mod run;
#[cfg(test)]
pub(crate) mod samples;

pub(crate) use self::{
    act::Act,
    judge::{Reason, Verdict},
    live::Promise,
    report::{ProcessReport, Report, Tally},
    run::{ProbeError, run},
};
