//! The keepers of DNS settings that are asked over the system bus, against the programs themselves, from Debian.
//!
//! Each test runs in namespaces of its own, on a host with a cable to a resolver of public names and an interface of
//! the mesh; the code under test has root's user and no capability. Needs root, and `tests/debian/make`.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests, with helpers outside of test functions")]

mod bus;
mod host;
mod networkmanager;
mod resolved;
mod servers;
