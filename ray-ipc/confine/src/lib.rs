//! What each of the two processes may still do, applied by themselves before they serve anybody, so that it holds on
//! every host, with and without a service manager.

#[cfg(feature = "engine")]
pub mod engine;
mod error;
#[cfg(feature = "helper")]
pub mod helper;

pub use self::error::ConfineError;
