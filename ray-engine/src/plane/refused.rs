//! A packet that does not pass, and what its sender may be told.

use super::{DropReason, Routed};
use crate::{firewall::Denied, packet::Malformed};

/// Why a packet was dropped, and the answer that its sender gets, if any: a [`Reply`] for a peer, a packet for the host.
#[derive(Debug)]
pub struct Refused<A> {
    pub reason: DropReason,
    pub answer: Option<A>,
}

/// An answer of ours to a peer's packet, for the link to that peer.
#[derive(Debug)]
pub struct Reply {
    pub(super) routed: Routed,
    pub(super) packet: Vec<u8>,
}

impl Reply {
    pub fn routed(&self) -> Routed {
        self.routed
    }

    pub fn packet(&self) -> &[u8] {
        &self.packet
    }
}

impl<A, R: Into<DropReason>> From<R> for Refused<A> {
    fn from(reason: R) -> Self {
        Self { reason: reason.into(), answer: None }
    }
}

impl From<Malformed> for DropReason {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<Denied> for DropReason {
    fn from(denied: Denied) -> Self {
        Self::Firewall(denied)
    }
}
