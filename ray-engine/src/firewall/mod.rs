//! Which packet may pass: rules, the flows that they let in, and what is answered to a refusal. Layer 2: pure decisions;
//! time comes in as milliseconds of a monotonic clock.
//!
//! Rules are compiled to a [`Ruleset`], which is replaced as a whole. Flows live in the [`Firewall`], which stays: a
//! packet of a known flow costs one look-up and no walk through the rules, whatever their number.
#![forbid(unsafe_code)]

mod bucket;
mod conntrack;
mod fragments;
mod judge;
mod keyed;
pub mod limits;
mod reject;
pub mod rule;
mod ruleset;
mod verdict;

use crate::ident::{PeerId, RoomId};

pub use self::{
    judge::Firewall,
    rule::{Action, Direction, Origin, PeerSelector, Protocol, Rule},
    ruleset::{Decision, Explanation, Members, Posture, Ruleset, Standing, seeded},
    verdict::{Denied, Verdict},
};

/// Milliseconds of a monotonic clock, from any beginning.
pub type Millis = u64;

/// The other end of a packet: a peer, in the network that the packet travels in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Party {
    pub peer: PeerId,
    pub network: RoomId,
}
