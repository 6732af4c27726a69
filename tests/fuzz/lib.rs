//! The parsers of outside bytes as fuzz targets: each takes any bytes, and must neither panic nor break its promises.
//!
//! `tests/fuzz/run` feeds them by libFuzzer; `cargo test` feeds them their stored corpora, so that an input that once
//! broke something is tried on every run.
#![allow(clippy::panic, reason = "a panic is how a target reports")]

mod device;
mod firewall;
mod host;
mod ledger;
mod names;
mod network;
mod publish;

/// One parser under test.
#[derive(Debug)]
pub struct Target {
    /// Name of its directory under `corpus`.
    pub name: &'static str,
    /// Panics if the parser breaks a promise.
    pub run: fn(&[u8]),
    /// Inputs that reach deep, from which the corpus is made.
    pub samples: fn() -> Vec<Vec<u8>>,
}

pub const TARGETS: [Target; 13] = [
    Target { name: "entry", run: ledger::entry, samples: ledger::entry_samples },
    Target { name: "invite", run: ledger::invite, samples: ledger::invite_samples },
    Target { name: "bundle", run: publish::bundle, samples: publish::bundle_samples },
    Target { name: "record", run: publish::record, samples: publish::record_samples },
    Target { name: "message", run: network::message, samples: network::message_samples },
    Target { name: "frame", run: network::frame, samples: network::frame_samples },
    Target { name: "packet", run: firewall::packet, samples: firewall::packet_samples },
    Target { name: "rule", run: firewall::rule, samples: firewall::rule_samples },
    Target { name: "vnet", run: device::vnet, samples: device::vnet_samples },
    Target { name: "bus", run: host::bus, samples: host::bus_samples },
    Target { name: "dns", run: names::dns, samples: names::dns_samples },
    Target { name: "answer", run: names::answer, samples: names::answer_samples },
    Target { name: "segments", run: names::segments, samples: names::segment_samples },
];

#[cfg(test)]
mod tests;
