//! The command line as a user meets it: the real binary against a scripted engine.
// All of this is test code; clippy knows only the functions with `#[test]` for that.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod access;
mod access_samples;
mod commands;
mod config;
mod config_samples;
mod doctor;
mod fake_engine;
mod firewall;
mod firewall_commands;
mod firewall_samples;
mod history;
mod hostile;
mod invites;
mod manual;
mod members;
mod names;
mod names_samples;
mod networks;
mod ray;
mod refusals;
mod samples;
mod snapshot;
mod status;
mod streams;
mod terminal;
mod vectors;
mod verbs;
