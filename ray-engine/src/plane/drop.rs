//! Why packets are dropped, and how many were.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{firewall::Denied, packet::Malformed};

/// One reason per check. A drop is not an error: it is counted and forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DropReason {
    Malformed(Malformed),
    Firewall(Denied),
    /// The host sent from an address that is not its mesh address.
    ForeignSource,
    /// The host sent to its own mesh address.
    ToSelf,
    /// The host sent to an address that no member has.
    NoRoute,
    /// The host sent something else than a DNS query to the resolver's address.
    NotADnsQuery,
    /// A peer sent from an address that is not its own.
    SourceOfAnother,
    /// A peer sent to an address that is not ours.
    NotForUs,
    /// The peer has no link, and its waiting room is full.
    NoLink,
    /// The link's queue is full, and the packet was in the flow that filled it.
    QueueFull,
    /// The packet waited for its link so long that it was of no use any more.
    Stale,
    /// Lost on purpose, to tell its sender that the path is congested.
    Congestion,
    /// The packet exceeds what the link can carry.
    TooBig,
    /// A peer's datagram is not a frame.
    BadFrame,
    /// Parts of a peer's packet are missing, or contradict each other.
    Unassembled,
    /// A peer named a network that it does not share with us.
    UnknownNetwork,
    /// The kernel refused the packet at the device.
    DeviceRefused,
}

const OWN: [DropReason; 15] = [
    DropReason::ForeignSource,
    DropReason::ToSelf,
    DropReason::NoRoute,
    DropReason::NotADnsQuery,
    DropReason::SourceOfAnother,
    DropReason::NotForUs,
    DropReason::NoLink,
    DropReason::QueueFull,
    DropReason::Stale,
    DropReason::Congestion,
    DropReason::TooBig,
    DropReason::BadFrame,
    DropReason::Unassembled,
    DropReason::UnknownNetwork,
    DropReason::DeviceRefused,
];

impl DropReason {
    pub const ALL: [Self; OWN.len() + Denied::ALL.len() + Malformed::ALL.len()] = {
        let mut all = [Self::ForeignSource; OWN.len() + Denied::ALL.len() + Malformed::ALL.len()];
        let mut at = 0;
        while at < OWN.len() {
            all[at] = OWN[at];
            at += 1;
        }
        let mut kind = 0;
        while kind < Denied::ALL.len() {
            all[at + kind] = Self::Firewall(Denied::ALL[kind]);
            kind += 1;
        }
        at += kind;
        kind = 0;
        while kind < Malformed::ALL.len() {
            all[at + kind] = Self::Malformed(Malformed::ALL[kind]);
            kind += 1;
        }
        all
    };

    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed(malformed) => malformed.name(),
            Self::Firewall(denied) => denied.name(),
            Self::ForeignSource => "foreign_source",
            Self::ToSelf => "to_self",
            Self::NoRoute => "no_route",
            Self::NotADnsQuery => "not_a_dns_query",
            Self::SourceOfAnother => "source_of_another",
            Self::NotForUs => "not_for_us",
            Self::NoLink => "no_link",
            Self::QueueFull => "queue_full",
            Self::Stale => "stale",
            Self::Congestion => "congestion",
            Self::TooBig => "too_big",
            Self::BadFrame => "bad_frame",
            Self::Unassembled => "unassembled",
            Self::UnknownNetwork => "unknown_network",
            Self::DeviceRefused => "device_refused",
        }
    }
}

/// Counts per reason since the start. Shared by all packet threads.
#[derive(Debug)]
pub struct DropCounters {
    counts: [AtomicU64; DropReason::ALL.len()],
}

impl Default for DropCounters {
    fn default() -> Self {
        Self { counts: std::array::from_fn(|_| AtomicU64::new(0)) }
    }
}

impl DropCounters {
    pub fn count(&self, reason: DropReason) {
        self.count_n(reason, 1);
    }

    pub fn count_n(&self, reason: DropReason, n: u64) {
        if n == 0 {
            return;
        }
        let counter = DropReason::ALL.iter().zip(&self.counts).find(|(known, _)| **known == reason);
        if let Some((_, counter)) = counter {
            counter.fetch_add(n, Ordering::Relaxed);
        }
    }

    pub fn get(&self, reason: DropReason) -> u64 {
        DropReason::ALL
            .iter()
            .zip(&self.counts)
            .find(|(known, _)| **known == reason)
            .map_or(0, |(_, counter)| counter.load(Ordering::Relaxed))
    }

    /// All reasons in a fixed order, also those that never occurred.
    pub fn snapshot(&self) -> Vec<(&'static str, u64)> {
        DropReason::ALL
            .iter()
            .zip(&self.counts)
            .map(|(reason, counter)| (reason.name(), counter.load(Ordering::Relaxed)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_reason_has_its_own_name_and_counter() {
        let names: HashSet<&str> = DropReason::ALL.iter().map(|reason| reason.name()).collect();
        assert_eq!(names.len(), DropReason::ALL.len());
        let counters = DropCounters::default();
        for (n, reason) in DropReason::ALL.into_iter().enumerate() {
            counters.count_n(reason, n as u64);
        }
        for (n, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(counters.get(reason), n as u64, "{}", reason.name());
        }
        counters.count(DropReason::NotForUs);
        assert_eq!(counters.snapshot().len(), DropReason::ALL.len());
        assert!(counters.snapshot().contains(&("not_for_us", 6)));
    }
}
