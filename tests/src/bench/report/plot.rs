//! Which figures the plot shows, and where.

use super::svg::{Frame, Group, Panel, document};
use crate::bench::{Results, contestant::RAW, stats::Spread};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 560.0;
/// Below the legend.
const TOP: f64 = 30.0;
const UPPER: f64 = 290.0;

const THROUGHPUT: [(&str, &str); 6] = [
    ("tcp1_ab", "TCP 1, A to B"),
    ("tcp1_ba", "TCP 1, B to A"),
    ("tcp10_ab", "TCP 10, A to B"),
    ("tcp10_ba", "TCP 10, B to A"),
    ("udp1200_kpps", "UDP 1200 B"),
    ("udp64_kpps", "UDP 64 B"),
];

pub(super) fn plot(results: &Results) -> String {
    let names: Vec<&str> = results.contestants.iter().map(|entrant| entrant.name.as_str()).collect();
    let third = WIDTH / 3.0;
    let lower = |nth: f64| Frame { x: third * nth, y: TOP + UPPER, width: third - 16.0, height: HEIGHT - UPPER - TOP };
    let panels = [
        (Frame { x: 0.0, y: TOP, width: WIDTH - 16.0, height: UPPER }, throughput(results, &names)),
        (
            lower(0.0),
            absolute(results, &names, "RTT idle, ms", &[("rtt_idle_p50", "p50"), ("rtt_idle_p99", "p99")], 1e-3),
        ),
        (
            lower(1.0),
            absolute(
                results,
                &names,
                "RTT beside a TCP stream, ms",
                &[("rtt_load_p50", "p50"), ("rtt_load_p99", "p99")],
                1e-3,
            ),
        ),
        (
            lower(2.0),
            absolute(
                results,
                &names,
                "CPU seconds per GB, TCP 1 stream",
                &[("cpu_gb", "its programs"), ("cpu_gb_machine", "machine")],
                1.0,
            ),
        ),
    ];
    let noisy = if results.too_noisy { " (too noisy to judge)" } else { "" };
    let title = format!("Tunnels side by side, medians with least and most of the rounds{noisy}");
    document(&title, &names, (WIDTH, HEIGHT), &panels)
}

/// As shares of raw, which is the line at 1.
fn throughput(results: &Results, names: &[&str]) -> Panel {
    let ratio = |name: &str, key: &str| results.row(name, key).filter(|_| name != RAW).and_then(|row| row.to_raw);
    let groups = THROUGHPUT.map(|(key, title)| group(names, title, |name| ratio(name, key)));
    let noisy = if results.too_noisy { " - TOO NOISY TO JUDGE" } else { "" };
    let title = format!("Throughput as a share of raw{noisy}");
    Panel { title, groups: groups.into(), mark: Some((1.0, "raw")) }
}

fn absolute(results: &Results, names: &[&str], title: &str, keys: &[(&str, &str)], scale: f64) -> Panel {
    let of = |name: &str, key: &str| {
        let Spread { median, min, max } = results.row(name, key)?.absolute;
        Some(Spread { median: median * scale, min: min * scale, max: max * scale })
    };
    let groups = keys.iter().map(|(key, title)| group(names, title, |name| of(name, key)));
    Panel { title: title.to_owned(), groups: groups.collect(), mark: None }
}

fn group(names: &[&str], title: &str, of: impl Fn(&str) -> Option<Spread>) -> Group {
    let bars = names.iter().enumerate().filter_map(|(number, name)| Some((number, of(name)?)));
    Group { title: title.to_owned(), bars: bars.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::sample;

    #[test]
    fn every_tag_is_closed_and_every_number_is_one() {
        let mut results = sample::results(&["raw", "rayfish", "boringtun-cli", "wireguard-go", "nebula"]);
        results.summary[3].absolute.max = f64::INFINITY;
        results.contestants[2].name = "<x> & \"y\"".to_owned();
        for text in [plot(&results), plot(&sample::results(&["raw"])), plot(&sample::results(&[]))] {
            assert_eq!(unbalanced(&text), None, "{text}");
            assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
            assert!(!text.contains("script") && !text.contains("href"), "{text}");
        }
    }

    #[test]
    fn has_a_bar_for_each_figure_of_each_contestant() {
        let text = plot(&sample::results(&["raw", "rayfish", "nebula"]));
        // Two legends and a raw one; six shares of two; four times and two costs of three.
        assert_eq!(text.matches("<rect").count(), 3 + 6 * 2 + 4 * 3 + 2 * 3);
    }

    /// The first tag that is closed by another or never.
    fn unbalanced(text: &str) -> Option<String> {
        let mut open = Vec::new();
        for part in text.split('<').skip(1) {
            let (tag, _) = part.split_once('>')?;
            if let Some(name) = tag.strip_prefix('/') {
                if open.pop() != Some(name) {
                    return Some(tag.to_owned());
                }
            } else if !tag.ends_with('/') {
                open.push(tag.split(' ').next().unwrap_or_default());
            }
            if tag.matches('"').count() % 2 == 1 {
                return Some(tag.to_owned());
            }
        }
        open.pop().map(str::to_owned)
    }
}
