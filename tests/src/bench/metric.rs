//! What is measured: the names of the figures, their units, and how a reader sees them.

use std::collections::BTreeMap;

/// Figures of one contestant in one round, by key.
pub(super) type Figures = BTreeMap<String, f64>;

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Metric {
    pub(super) key: &'static str,
    pub(super) title: &'static str,
    pub(super) unit: &'static str,
    pub(super) more_is_better: bool,
    /// Whether its ratio to raw's means anything.
    pub(super) has_ratio: bool,
}

const fn rate(key: &'static str, title: &'static str, unit: &'static str) -> Metric {
    Metric { key, title, unit, more_is_better: true, has_ratio: true }
}

const fn time(key: &'static str, title: &'static str, unit: &'static str) -> Metric {
    Metric { key, title, unit, more_is_better: false, has_ratio: true }
}

const fn own(key: &'static str, title: &'static str, unit: &'static str) -> Metric {
    Metric { key, title, unit, more_is_better: false, has_ratio: false }
}

/// Measured in every round.
pub(super) const METRICS: [Metric; 16] = [
    rate("tcp1_ab", "TCP, 1 stream, A to B", "Gbit/s"),
    rate("tcp1_ba", "TCP, 1 stream, B to A", "Gbit/s"),
    rate("tcp10_ab", "TCP, 10 streams, A to B", "Gbit/s"),
    rate("tcp10_ba", "TCP, 10 streams, B to A", "Gbit/s"),
    rate("udp1200_gbit", "UDP 1200 B, < 0.5 % lost", "Gbit/s"),
    rate("udp1200_kpps", "UDP 1200 B, < 0.5 % lost", "kpps"),
    rate("udp64_kpps", "UDP 64 B, < 0.5 % lost", "kpps"),
    time("rtt_idle_p50", "RTT idle, p50", "us"),
    time("rtt_idle_p99", "RTT idle, p99", "us"),
    time("rtt_load_p50", "RTT with 1 TCP stream, p50", "us"),
    time("rtt_load_p99", "RTT with 1 TCP stream, p99", "us"),
    own("cpu_gb", "CPU of its programs, TCP 1", "s/GB"),
    time("cpu_gb_machine", "CPU of the machine, TCP 1", "s/GB"),
    own("cpu_gb_10", "CPU of its programs, TCP 10", "s/GB"),
    own("mem_idle", "Memory a host, idle", "MiB"),
    own("mem_load", "Memory a host, after load", "MiB"),
];

/// Measured once in a run.
pub(super) const ONCE: [Metric; 3] = [
    own("connect_ms", "Start to first ping answered", "ms"),
    own("first_packet_ms", "First ping on an idle link", "ms"),
    own("outage_ms", "Cable back to data flowing", "ms"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_figures_share_a_key_and_every_title_fits_the_table() {
        let all: Vec<&Metric> = METRICS.iter().chain(&ONCE).collect();
        for (at, metric) in all.iter().enumerate() {
            assert!(all.iter().skip(at + 1).all(|other| other.key != metric.key), "{}", metric.key);
            assert!(metric.title.len() <= 28, "{}", metric.title);
        }
    }
}
