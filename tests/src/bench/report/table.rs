//! The table on the terminal: medians of ratios to raw, and medians of what was measured.

use super::figure;
use crate::bench::{
    Results,
    contestant::{RAW, RAYFISH},
    metric::{METRICS, Metric, ONCE},
    noise::{DEVIATION_MAX, OTHERS_MAX, Standing},
    results::Row,
};

/// Room for what is measured and its unit; with five contestants the table is 100 columns wide.
const TITLE_WIDTH: usize = 30;
const CELL_WIDTH: usize = 14;
/// Begins the keys of what a program takes with one stream.
const PROGRAM_KEY: &str = "cpu_gb_";
/// Of the longest names fit on a line.
const PROGRAMS_ACROSS: usize = 4;
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
    lines.extend(by_program(results));
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
        "medians; behind each the median of the ratios to raw of the same round".to_owned(),
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

/// What each program takes of the CPU: a contestant may have several.
fn by_program(results: &Results) -> Vec<String> {
    let is_program = |key: &str| key != "machine" && key != "10" && !key.starts_with("10_");
    let of = |row: &Row| {
        let program = row.key.strip_prefix(PROGRAM_KEY).filter(|key| is_program(key))?;
        Some(format!("{program} {}", figure(row.absolute.median)))
    };
    let all: Vec<String> = results.summary.iter().filter_map(of).collect();
    let mut lines: Vec<String> = all.chunks(PROGRAMS_ACROSS).map(|some| format!("  {}", some.join(", "))).collect();
    if !lines.is_empty() {
        lines.splice(0..0, [String::new(), "CPU of each program with 1 TCP stream, both hosts, s/GB:".to_owned()]);
    }
    lines
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
            is_there.then(|| line(&title(metric), others.iter().map(cell)))
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
    format!("{}, {}", metric.title, metric.unit)
}

fn line(title: &str, cells: impl Iterator<Item = String>) -> String {
    let cells: String = cells.map(|cell| format!("{cell:>CELL_WIDTH$}")).collect();
    format!("{title:TITLE_WIDTH$}{cells}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::sample;

    #[test]
    fn the_table_fits_a_hundred_columns_with_five_contestants() {
        let text = table(&sample::results(&["raw", "rayfish", "boringtun-cli", "wireguard-go", "nebula"]));
        let widest = text.lines().max_by_key(|line| line.chars().count()).unwrap();
        assert!(widest.chars().count() <= 100, "{} columns: {widest}", widest.chars().count());
        assert!(text.lines().count() < 70, "{text}");
    }

    #[test]
    fn shows_medians_with_their_ratios_to_raw_and_to_each_other() {
        let text = table(&sample::results(&["raw", "rayfish", "boringtun-cli"]));
        let row = |title: &str, nth: usize| {
            let line = text.lines().filter(|line| line.starts_with(title)).nth(nth).unwrap().to_owned();
            line.split_whitespace().skip(title.split_whitespace().count() + 1).map(str::to_owned).collect::<Vec<_>>()
        };
        // The sample's n-th contestant has n times the figure of the first.
        assert_eq!(row("TCP 1 stream, A to B", 0), ["11.0", "22.0", "2.00", "33.0", "3.00"]);
        assert_eq!(row("TCP 1 stream, A to B", 1), ["0.67"]);
    }

    #[test]
    fn says_when_nothing_follows_and_who_failed() {
        let mut results = sample::results(&["raw", "rayfish"]);
        results.too_noisy = true;
        results.contestants[1].failed = Some(sample::failure());
        let text = table(&results);
        assert!(text.contains("too noisy to judge") && text.contains("rayfish failed: it fell over"), "{text}");
    }
}
