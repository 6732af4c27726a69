//! The privileged half of Rayfish: root, one thread, one peer, no IP socket.
//!
//! | it may | it never |
//! |---|---|
//! | create one TUN device, named by root's policy, and hand its queues to the engine | touches an interface that it did not create |
//! | set addresses and routes inside the mesh prefixes on that device | routes anything else, or through anything else |
//! | install the rules that keep the engine's own packets out of the mesh prefixes | runs a program, opens a path it was given, resolves a name |
//!
//! A request passes four rooms, in this order; each may only say no:
//! [`listen`] (is this the engine's uid?), [`gate`] (is it this request's turn?), [`policy`] (is the value inside root's
//! bounds?), [`apply`] (does the kernel agree?). Whatever was done, [`undo`] undoes, and [`recover`] takes over or undoes what
//! a predecessor left. A [`manager`] of services may keep the device meanwhile.
//!
//! Unsafe code lives in `sys` only.

#![deny(unsafe_code)]
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

pub mod account;
pub mod apply;
pub mod args;
pub mod config;
pub mod crash;
pub mod gate;
pub mod limit;
pub mod listen;
pub mod log;
pub mod manager;
pub mod policy;
pub mod prefix;
pub mod recover;
pub mod resolver;
pub mod serve;
pub mod signal;
pub mod stop;
pub mod sys;
pub mod trust;
pub mod undo;
