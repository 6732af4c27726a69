//! What the figures share: how one is measured and compared with its stored value, an allocator that counts, and sample
//! traffic.

pub mod allocations;
mod baseline;
mod bench;
mod report;
mod rounds;
pub mod samples;

pub use self::bench::{Bench, Figure};
