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
//! | [`cli`] | the command line of `ray-lab` |
//!
//! A lab is a tree of processes under one PID namespace. Nothing in it has a name on the host: no file, no mount, no
//! interface, no `/run/netns` entry; the only trace is the supervisor's abstract socket, which dies with it.

#![forbid(unsafe_code)]

pub mod binaries;
pub mod cli;
pub mod demo;
pub mod infra;
pub mod lab;
pub mod node;
pub mod supervisor;
pub mod tool;
