//! What each of the two processes may still do, applied by themselves before they serve anybody, so that it holds on
//! every host, with and without a service manager.
//!
//! | layer | engine | helper |
//! |---|---|---|
//! | user and capabilities | refuses any | CAP_NET_ADMIN only |
//! | no new privileges, no dump, no core | yes | yes |
//! | no memory that becomes executable | where the kernel can | where the kernel can |
//! | system calls | `policies/engine.syscalls` | `policies/helper.syscalls`; before it serves `policies/helper-start.syscalls` too |
//! | files | Landlock, where the kernel can | Landlock, where the kernel can; no path from outside |
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
