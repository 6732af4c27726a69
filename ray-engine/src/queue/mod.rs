//! Where packets wait that cannot leave yet: behind a link that has no room ([`FairQueue`]), and for a link that is
//! being dialled ([`Waiting`]). Layer 2: pure decisions; time comes in as microseconds.
//!
//! Everything is bounded in bytes, and whatever has to go is handed to the caller, who counts it.
#![forbid(unsafe_code)]

mod codel;
mod fair;
mod limits;
mod lists;
mod pool;
mod waiting;

pub use self::{
    fair::{FairQueue, Popped},
    limits::{ITEM_OVERHEAD, Limits},
    pool::Pool,
    waiting::Waiting,
};

/// Microseconds of a monotonic clock, from any beginning.
pub type Micros = u64;

/// Something that takes room in a queue.
pub trait Weigh {
    /// The bytes of its packet.
    fn bytes(&self) -> usize;
}

/// What a queue wants a flow's sender to be told by an item that leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    None,
    /// Slow down: set "congestion experienced" where the packet allows it, or else lose exactly one packet of it.
    Mark,
}

#[cfg(test)]
mod simulation;
