//! Makes the host ask the mesh's resolver for mesh names, and undoes it.
//!
//! Root without any capability: root's files and the system bus trust the user, and nothing else is needed.
//!
//! | it may | it never |
//! |---|---|
//! | have the host ask the mesh's own resolver, at its two fixed addresses | names another resolver, or another domain than the mesh's |
//! | edit its own lines in the host's list of resolvers | changes a line that is not its own |
//! | ask the one service on the system bus that keeps the host's DNS settings | runs a program, opens a path it was given, opens an IP socket |
//!
//! A request passes the rooms of the helper, in this order: [`ray_helper::listen`] (is this the engine's uid?),
//! [`serve`] (is it this request's turn?), [`policy`] (is the value inside root's bounds?), [`backend`] (does the host
//! agree?). What was set lasts as long as the engine's connection; [`recover`] removes what a dead predecessor left.

#![forbid(unsafe_code)]
// Privileged code may panic on no value, whatever it is. Tests may.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

pub mod backend;
pub mod bus;
pub mod choose;
pub mod config;
pub mod crash;
pub mod damper;
pub mod policy;
pub mod recover;
pub mod resolv_conf;
pub mod serve;
pub mod watch;
