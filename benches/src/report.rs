//! Tells the figures of a run beside the stored ones.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Figure, baseline};

/// From here on the machine had other work.
const DISTURBANCE_MAX: f64 = 1.25;

/// Prints each group as a table, and stores it where that is asked for; of a `partial` group, what was left out stays as it
/// was stored. Returns what went wrong with the files.
pub(crate) fn table(figures: &[Figure], partial: &BTreeSet<&str>) -> Vec<String> {
    let mut faults = Vec::new();
    for figures in figures.chunk_by(|before, after| before.group == after.group) {
        let Some(group) = figures.first().map(|figure| figure.group) else { continue };
        let stored = baseline::load(group).unwrap_or_else(|error| {
            faults.push(format!("reading the stored figures of {group}: {error}"));
            BTreeMap::new()
        });
        // Without optimisation the ratios are others.
        let stored = if cfg!(debug_assertions) { BTreeMap::new() } else { stored };
        line("");
        line(&head(group));
        for figure in figures {
            line(&row(figure, stored.get(&figure.name).copied()));
        }
        if baseline::is_to_be_saved() && !cfg!(debug_assertions) {
            let kept = if partial.contains(group) { stored } else { BTreeMap::new() };
            if let Err(error) = baseline::save(group, kept, figures) {
                faults.push(format!("storing the figures of {group}: {error}"));
            }
        }
    }
    legend(figures);
    faults
}

fn head(group: &str) -> String {
    let [ns, each, now, stored, change] = ["ns", "a packet", "now", "baseline", "change"];
    format!("{group:<58} {ns:>11} {each:>9} {now:>9} {stored:>9} {change:>9}  allocations")
}

fn row(figure: &Figure, stored: Option<f64>) -> String {
    let Figure { name, ns, packets, .. } = figure;
    let each = if *packets > 1 { format!("{:.1}", ns / *packets as f64) } else { String::new() };
    let now = figure.ratio();
    let (baseline, change) = match stored.map(|stored| (stored, baseline::change(now, stored))) {
        None => ("-".to_owned(), String::new()),
        Some((stored, (change, is_marked))) => {
            let mark = if is_marked { "!" } else { "" };
            (format!("{stored:.3}"), format!("{mark} {:+.0} %", change * 100.0))
        }
    };
    let allocations =
        figure.allocations.map(|(count, packets)| format!("{count} in {packets} packets")).unwrap_or_default();
    format!("  {name:<56} {ns:>11.1} {each:>9} {now:>9.3} {baseline:>9} {change:>9}  {allocations}")
}

fn legend(figures: &[Figure]) {
    line("");
    line("now, baseline: in sums of 1400 bytes, measured beside each figure; !: more than a quarter off");
    if cfg!(debug_assertions) {
        line("a build without optimisation: neither compared nor stored");
    }
    let disturbed = figures.iter().filter(|figure| figure.disturbance > DISTURBANCE_MAX).count();
    if disturbed > 0 {
        line(&format!("the machine was busy during {disturbed} of {} figures: judge changes with care", figures.len()));
    }
}

#[allow(clippy::print_stdout, reason = "the figures are what this program is for")]
pub(crate) fn line(text: &str) {
    println!("{text}");
}
