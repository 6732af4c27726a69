//! The project's own rules, checked by reading the workspace: layers, crate edges, unit files, documents.
//!
//! Each rule is a function over text with tests that feed it a violation, so that none can pass by seeing nothing.

// A helper that panics here is a failed test, which is what it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod control;
mod deps;
mod distro;
mod docs;
mod hygiene;
mod layers;
mod licence;
mod packages;
mod rust;
mod size;
mod units;
mod workspace;
