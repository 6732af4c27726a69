//! What the helper will do: operations whose values have passed the policy.
//!
//! Only [`super`] can make the payloads, so an operation is the proof that policy has seen it.

use std::{collections::BTreeSet, net::IpAddr};

use ray_ipc::helper::LinkState;

use crate::prefix::Prefix;

/// One permitted operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    Greet(Greeting),
    OpenTun(TunSpec),
    SetAddresses(AddressSet),
    ReplaceRoutes(RouteSet),
    SetLink(LinkState),
    Release,
    /// Take the device of the descriptors that came along; what they are is for the kernel to say.
    ReturnTun,
}

/// Whether both ends speak the same version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Greeting {
    agreed: bool,
}

impl Greeting {
    pub(super) fn new(agreed: bool) -> Self {
        Self { agreed }
    }

    pub fn agreed(self) -> bool {
        self.agreed
    }
}

/// The shape of the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TunSpec {
    queues: u8,
    mtu: u16,
}

impl TunSpec {
    pub(super) fn new(queues: u8, mtu: u16) -> Self {
        Self { queues, mtu }
    }

    pub fn queues(self) -> u8 {
        self.queues
    }

    pub fn mtu(self) -> u16 {
        self.mtu
    }
}

/// All addresses of the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressSet(BTreeSet<IpAddr>);

impl AddressSet {
    pub(super) fn new(addresses: BTreeSet<IpAddr>) -> Self {
        Self(addresses)
    }

    pub fn as_set(&self) -> &BTreeSet<IpAddr> {
        &self.0
    }
}

/// All routes through the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteSet(BTreeSet<Prefix>);

impl RouteSet {
    pub(super) fn new(routes: BTreeSet<Prefix>) -> Self {
        Self(routes)
    }

    pub fn as_set(&self) -> &BTreeSet<Prefix> {
        &self.0
    }
}
