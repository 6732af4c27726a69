//! The table on the terminal: medians of ratios to raw, and medians of what was measured.

use crate::bench::{
    Results,
    contestant::{RAW, RAYFISH},
    metric::{METRICS, Metric, ONCE},
    noise::{DEVIATION_MAX, OTHERS_MAX, Standing},
};

/// Room for what is measured and its unit; with five contestants the table is 100 columns wide.
const TITLE_WIDTH: usize = 30;
const CELL_WIDTH: usize = 14;
/// The table has room for so many side by side.
const ACROSS_MAX: usize = 5;

pub(in crate::bench) fn table(results: &Results) -> String {
    let names: Vec<&str> = results.contestants.iter().map(|entrant| entrant.name.as_str()).collect();
    let mut lines = head(results);
    for names in names.chunks(ACROSS_MAX) {
        lines.push(String::new());
        lines.push(line("", names.iter().map(|name| (*name).to_owned())));
        lines.extend(METRICS.iter().filter_map(|metric| row(results, metric, names)));
        lines.extend(ONCE.iter().filter_map(|metric| once(results, metric, names)));
    }
    lines.extend(versus(results));
    for entrant in &results.contestants {
        if let Some(failure) = &entrant.failed {
            lines.push(format!("{} failed: {}", entrant.name, failure.message.lines().next().unwrap_or_default()));
        }
    }
    lines.join("\n")
}

fn head(results: &Results) -> Vec<String> {
    let machine = &results.machine;
    let standing = results.rounds.iter().filter(|round| round.standing == Standing::Stands).count();
    let mut lines = vec![
        format!("{}, {} cores, Linux {}", machine.cpu, machine.cores, machine.kernel),
        format!(
            "{} of {} rounds of {} s stand; TCP: {}; generator: {} build{}",
            standing,
            results.rounds.len(),
            results.settings.seconds,
            machine.congestion_control,
            machine.generator,
            if results.settings.pin { "; a CPU for each host" } else { "" }
        ),
        "median, and median of the ratios to raw of the same round".to_owned(),
    ];
    if results.too_noisy {
        lines.push(format!(
            "too noisy to judge: others used over {OTHERS_MAX} of a core, or raw was off by over {:.0} %",
            DEVIATION_MAX * 100.0
        ));
    }
    lines
}

fn row(results: &Results, metric: &Metric, names: &[&str]) -> Option<String> {
    let cell = |name: &&str| {
        let Some(row) = results.row(name, metric.key) else { return "-".to_owned() };
        let value = figure(row.absolute.median);
        match row.to_raw {
            Some(ratio) if *name != RAW => format!("{value} {:>6}", figure(ratio.median)),
            Some(_) | None => format!("{value} {:6}", ""),
        }
    };
    let is_there = names.iter().any(|name| results.row(name, metric.key).is_some());
    is_there.then(|| line(&title(metric), names.iter().map(cell)))
}

fn once(results: &Results, metric: &Metric, names: &[&str]) -> Option<String> {
    let of = |name: &&str| {
        let entrant = results.contestants.iter().find(|entrant| entrant.name == **name)?;
        entrant.once.get(metric.key).copied()
    };
    let cell = |name: &&str| of(name).map_or_else(|| "-".to_owned(), |value| format!("{} {:6}", figure(value), ""));
    names.iter().any(|name| of(name).is_some()).then(|| line(&title(metric), names.iter().map(cell)))
}

fn versus(results: &Results) -> Vec<String> {
    let others: Vec<&str> = results.contestants.iter().map(|entrant| entrant.name.as_str()).collect();
    let others: Vec<&str> = others.into_iter().filter(|name| ![RAW, RAYFISH].contains(name)).collect();
    let mut lines = Vec::new();
    for others in others.chunks(ACROSS_MAX) {
        let row = |metric: &Metric| {
            let cell = |name: &&str| {
                let ratio = results.against(name, metric.key);
                ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{} {:6}", figure(ratio.median), ""))
            };
            let is_there = others.iter().any(|name| results.against(name, metric.key).is_some());
            is_there.then(|| line(metric.title, others.iter().map(cell)))
        };
        let rows: Vec<String> = METRICS.iter().filter_map(row).collect();
        if !rows.is_empty() {
            lines.push(String::new());
            lines.push(line("rayfish in multiples of", others.iter().map(|name| (*name).to_owned())));
            lines.extend(rows);
        }
    }
    lines
}

fn title(metric: &Metric) -> String {
    // Units of the same title tell rows apart.
    let room = TITLE_WIDTH.saturating_sub(metric.unit.len() + 1);
    format!("{:room$.room$} {}", metric.title, metric.unit)
}

fn line(title: &str, cells: impl Iterator<Item = String>) -> String {
    let cells: String = cells.map(|cell| format!("{cell:>CELL_WIDTH$}")).collect();
    format!("{title:TITLE_WIDTH$}{cells}").trim_end().to_owned()
}

/// Three digits that count.
pub(super) fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        size if size >= 0.0995 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
