//! The lab, and what the end-to-end tests share.
//!
//! | module | job |
//! |---|---|
//! | [`lab`] | what a test or the command line holds: start a lab, run commands in it, pull cables, take it down |
//! | [`supervisor`] | the process that owns everything in a lab; when it dies the kernel removes the rest |
//! | [`node`] | inside one node: its namespaces, its files, and the way in |
//! | [`infra`] | the lab's small Internet: a relay and a pkarr server |
//! | [`tool`] | ping, DNS, HTTP and the like, so that a lab needs no program that a host may lack |
//! | [`demo`] | the newcomer's show |
//! | [`bench`] | figures side by side with raw cables and peer programs |
//! | [`live_helper`] | a helper in a namespace of its own, and the engine's side of its socket |
//! | [`live_names`] | `ray-names` with an `/etc` of its own, and the engine's side of its socket |
//! | [`binaries`] | finds the programs under test |
//! | [`debian`] | the real programs of a host, as a node's root |
//! | [`cli`] | the command line of `ray-lab` |
//!
//! A lab is a tree of processes under one PID namespace. Nothing in it has a name on the host: no file, no mount, no
//! interface, no `/run/netns` entry; the only trace is the supervisor's abstract socket, which dies with it.

#![deny(unsafe_code)]

pub mod bench;
#[allow(clippy::panic, reason = "test support: a program that cannot be built ends the test")]
pub mod binaries;
pub mod cli;
#[allow(clippy::panic, reason = "test support: a host that cannot be made ends the test")]
pub mod debian;
pub mod demo;
pub mod infra;
pub mod lab;
#[allow(unsafe_code, reason = "one thread takes on another uid")]
#[allow(clippy::expect_used, clippy::panic, reason = "test support: what goes wrong here ends the test")]
pub mod live_helper;
#[allow(unsafe_code, reason = "a process gets namespaces of its own before it starts")]
#[allow(clippy::expect_used, clippy::panic, reason = "test support: what goes wrong here ends the test")]
pub mod live_names;
pub mod node;
pub mod supervisor;
pub mod tool;
