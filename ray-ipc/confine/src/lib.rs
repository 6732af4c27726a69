//! What each of the processes may still do, applied by themselves before they serve anybody, so that it holds on
//! every host, with and without a service manager.
//!
//! | layer | engine | helper | names |
//! |---|---|---|---|
//! | user and capabilities | refuses any | CAP_NET_ADMIN only | root without any |
//! | no new privileges, no dump, no core | yes | yes | yes |
//! | no memory that becomes executable | where the kernel can | where the kernel can | where the kernel can |
//! | system calls | `policies/engine.syscalls` | `policies/helper.syscalls`; before it serves `policies/helper-start.syscalls` too | `policies/names.syscalls`, with a bus `policies/names-bus.syscalls` too; before it serves `policies/names-start.syscalls` |
//! | files | Landlock, where the kernel can | Landlock, where the kernel can; no path from outside | likewise; written is only the directory of the file that its backend edits |
//!
//! Whatever is mandatory and fails ends the process; whatever the kernel is too old for is reported.

#![deny(unsafe_code)]

#[cfg(feature = "helper")]
mod capability;
#[cfg(any(feature = "engine", feature = "helper"))]
mod confinement;
#[cfg(feature = "engine")]
pub mod engine;
mod error;
#[cfg(feature = "engine")]
mod files;
pub mod filter;
#[cfg(feature = "helper")]
pub mod helper;
#[cfg(feature = "helper")]
mod inspect;
#[cfg(feature = "names")]
pub mod names;
pub mod policy;
#[cfg(any(feature = "engine", feature = "helper"))]
mod process;
#[cfg(feature = "helper")]
mod ruleset;
#[cfg(any(feature = "engine", feature = "helper"))]
#[allow(unsafe_code)]
mod sys;

pub use self::error::ConfineError;
#[cfg(any(feature = "engine", feature = "helper"))]
pub use self::{confinement::Confinement, sys::landlock_abi};
