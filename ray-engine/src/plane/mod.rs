//! The packet policy: which packet goes to which peer, and which packet of a peer reaches this host. Layer 3: pure
//! decisions over an immutable snapshot, callable from any thread.
//!
//! [`Routed`] and [`Deliverable`] are proofs. Nothing but this module makes them, and the link and the TUN device take
//! nothing else, so that a forgotten check does not compile.
#![forbid(unsafe_code)]

mod drop;
mod inbound;
mod live;
mod outbound;
mod refused;
mod snapshot;

pub use self::{
    drop::{DropCounters, DropReason},
    inbound::{Deliverable, inbound},
    live::Live,
    outbound::{DnsClient, DnsQuestion, Outbound, Routed, dns_segment, outbound, too_big},
    refused::{Refused, Reply},
    snapshot::Snapshot,
};

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
