//! What is measured: the names of the figures, their units, and how a reader sees them.

use std::collections::BTreeMap;

/// Figures of one contestant in one round, by key.
pub(super) type Figures = BTreeMap<String, f64>;

/// The key of one program's share of a figure.
pub(super) fn of_program(key: &str, program: &str) -> String {
    format!("{key}_{program}")
}

/// Figures that each program has too.
pub(super) const BY_PROGRAM: [(&str, &str); 6] = [
    ("cpu_gb", "TCP 1 s/GB"),
    ("cpu_gb_10", "TCP 10 s/GB"),
    ("mem_start", "start MiB"),
    ("mem_idle", "idle MiB"),
    ("mem_load", "loaded MiB"),
    ("mem_peak", "peak MiB"),
];

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Metric {
    pub(super) key: &'static str,
    pub(super) title: &'static str,
    pub(super) unit: &'static str,
    /// `None`: a figure of the generator, by which nobody is judged.
    pub(super) more_is_better: Option<bool>,
    /// Whether its ratio to raw's means anything.
    pub(super) has_ratio: bool,
}

const fn rate(key: &'static str, title: &'static str, unit: &'static str) -> Metric {
    Metric { key, title, unit, more_is_better: Some(true), has_ratio: true }
}

const fn time(key: &'static str, title: &'static str, unit: &'static str) -> Metric {
    Metric { key, title, unit, more_is_better: Some(false), has_ratio: true }
}

const fn own(key: &'static str, title: &'static str, unit: &'static str) -> Metric {
    Metric { key, title, unit, more_is_better: Some(false), has_ratio: false }
}

const fn generator(key: &'static str, title: &'static str, unit: &'static str) -> Metric {
    Metric { key, title, unit, more_is_better: None, has_ratio: false }
}

/// Measured in every round. Rates of datagrams are the highest at which fewer than 0.5 % were lost.
pub(super) const METRICS: [Metric; 19] = [
    rate("tcp1_ab", "TCP 1 stream, A to B", "Gbit/s"),
    rate("tcp1_ba", "TCP 1 stream, B to A", "Gbit/s"),
    rate("tcp10_ab", "TCP 10 streams, A to B", "Gbit/s"),
    rate("tcp10_ba", "TCP 10 streams, B to A", "Gbit/s"),
    rate("udp1200_gbit", "UDP 1200 B, data", "Gbit/s"),
    rate("udp1200_kpps", "UDP 1200 B", "kpps"),
    rate("udp64_kpps", "UDP 64 B", "kpps"),
    generator("udp1200_sender_kpps", "UDP 1200 B, sent at most", "kpps"),
    generator("udp64_sender_kpps", "UDP 64 B, sent at most", "kpps"),
    time("rtt_idle_p50", "RTT idle, p50", "us"),
    time("rtt_idle_p99", "RTT idle, p99", "us"),
    time("rtt_load_p50", "RTT loaded, p50", "us"),
    time("rtt_load_p99", "RTT loaded, p99", "us"),
    own("cpu_gb", "CPU TCP 1, its programs", "s/GB"),
    time("cpu_gb_machine", "CPU TCP 1, machine", "s/GB"),
    own("cpu_gb_10", "CPU TCP 10, its programs", "s/GB"),
    own("mem_idle", "Memory a host, idle", "MiB"),
    own("mem_load", "Memory a host, loaded", "MiB"),
    own("mem_peak", "Memory a host, peak", "MiB"),
];

/// Measured once in a run.
pub(super) const ONCE: [Metric; 5] = [
    own("connect_ms", "Start to first ping", "ms"),
    own("first_packet_ms", "First ping after idling", "ms"),
    own("outage_ms", "Outage, cable back", "ms"),
    own("outage_relay_ms", "Outage, direct to relay", "ms"),
    own("mem_start", "Memory a host, at start", "MiB"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_figures_share_a_key_and_every_title_fits_the_table() {
        let all: Vec<&Metric> = METRICS.iter().chain(&ONCE).collect();
        for (at, metric) in all.iter().enumerate() {
            assert!(all.iter().skip(at + 1).all(|other| other.key != metric.key), "{}", metric.key);
            assert!(metric.title.len() + metric.unit.len() < 30, "{}", metric.title);
        }
    }
}
