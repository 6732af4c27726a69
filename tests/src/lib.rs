//! The lab and what the end-to-end tests share.

#[allow(clippy::panic, reason = "test support: a program that cannot be built ends the test")]
pub mod binaries;
#[allow(clippy::expect_used, clippy::panic, reason = "test support: what goes wrong here ends the test")]
pub mod live_helper;
