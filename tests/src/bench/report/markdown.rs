//! The page of a run: all figures with the smallest and largest of the rounds, and which rounds do not count.

use super::figure;
use crate::bench::{
    Results,
    metric::{BY_PROGRAM, METRICS, Metric, ONCE, of_program},
    noise::Standing,
    stats::Spread,
};

pub(super) fn page(results: &Results) -> String {
    let mut lines = vec!["# Side by side".to_owned(), String::new()];
    lines.extend(facts(results));
    lines.extend([String::new(), "![the main figures, as bars](results.svg)".to_owned(), String::new()]);
    lines.push(row("", results.contestants.iter().map(|entrant| format!("{} ({})", entrant.name, entrant.version))));
    lines.push(row("---", results.contestants.iter().map(|_| "---".to_owned())));
    lines.extend(METRICS.iter().filter_map(|metric| measured(results, metric)));
    lines.extend(ONCE.iter().filter_map(|metric| once(results, metric)));
    lines.extend(versus(results));
    lines.extend(by_program(results));
    for entrant in &results.contestants {
        if let Some(failure) = &entrant.failed {
            lines.extend([String::new(), format!("{} failed: {}", entrant.name, failure.message), String::new()]);
            lines.extend(failure.log.iter().map(|line| format!("    {line}")));
        }
    }
    lines.join("\n") + "\n"
}

fn facts(results: &Results) -> Vec<String> {
    let machine = &results.machine;
    let of = |standing| results.count(standing);
    let mut lines = vec![
        format!("* {}, {} cores, Linux {}, TCP with {}", machine.cpu, machine.cores, machine.kernel, machine.congestion_control),
        format!(
            "* {} rounds of {} s, of which {} stand; not counted: {} in which others were busy, {} in which raw was far off, {} without raw",
            results.rounds.len(),
            results.settings.seconds,
            of(Standing::Stands),
            of(Standing::OthersBusy),
            of(Standing::RawDeviates),
            of(Standing::NoRaw),
        ),
        "* each figure: median (least to most over the rounds that stand); behind it the same of the ratios to raw in the same round".to_owned(),
    ];
    if results.too_noisy {
        lines.push(
            "* **too noisy to judge**: fewer than half of the rounds stand; what follows is of all of them".to_owned(),
        );
    }
    if results.settings.programs_given {
        lines.push("* our programs: of `--programs`, which may be another build than is shipped".to_owned());
    }
    if !results.absent.is_empty() {
        lines.push(format!("* not on this machine: {}", results.absent.join(", ")));
    }
    lines
}

fn measured(results: &Results, metric: &Metric) -> Option<String> {
    let cell = |name: &str| {
        let row = results.row(name, metric.key)?;
        let ratio = row.to_raw.filter(|_| name != crate::bench::contestant::RAW);
        Some(format!("{}{}", spread(&row.absolute), ratio.map(|r| format!("; {}", spread(&r))).unwrap_or_default()))
    };
    let cells: Vec<Option<String>> = results.contestants.iter().map(|entrant| cell(&entrant.name)).collect();
    let is_there = cells.iter().any(Option::is_some);
    is_there.then(|| row(&title(metric), cells.into_iter().map(Option::unwrap_or_default)))
}

fn once(results: &Results, metric: &Metric) -> Option<String> {
    let cells = results.contestants.iter().map(|entrant| entrant.once.get(metric.key).copied());
    let cells: Vec<Option<f64>> = cells.collect();
    let is_there = cells.iter().any(Option::is_some);
    is_there.then(|| row(&title(metric), cells.into_iter().map(|cell| cell.map(figure).unwrap_or_default())))
}

fn versus(results: &Results) -> Vec<String> {
    let mut against: Vec<&str> = results.versus.iter().map(|versus| versus.against.as_str()).collect();
    against.dedup();
    if against.is_empty() {
        return Vec::new();
    }
    let mut lines =
        vec![String::new(), "Rayfish in multiples of the others, in the same round:".to_owned(), String::new()];
    lines.push(row("", against.iter().map(|name| (*name).to_owned())));
    lines.push(row("---", against.iter().map(|_| "---".to_owned())));
    for metric in &METRICS {
        let cells = against.iter().map(|name| results.against(name, metric.key).map(spread).unwrap_or_default());
        let cells: Vec<String> = cells.collect();
        if cells.iter().any(|cell| !cell.is_empty()) {
            lines.push(row(&title(metric), cells.into_iter()));
        }
    }
    lines
}

fn by_program(results: &Results) -> Vec<String> {
    let mut lines = vec![String::new(), "Each program: CPU on both hosts, memory on one:".to_owned(), String::new()];
    lines.push(row("", BY_PROGRAM.iter().map(|(_, title)| (*title).to_owned())));
    lines.push(row("---", BY_PROGRAM.iter().map(|_| "---".to_owned())));
    for entrant in &results.contestants {
        for program in &entrant.programs {
            let of = |key: &str| results.middle(&entrant.name, &of_program(key, program));
            lines.push(row(program, BY_PROGRAM.iter().map(|(key, _)| of(key).map(figure).unwrap_or_default())));
        }
    }
    lines
}

fn title(metric: &Metric) -> String {
    let better = match metric.more_is_better {
        Some(true) => " (more is better)",
        Some(false) => " (less is better)",
        None => "",
    };
    format!("{}, {}{better}", metric.title, metric.unit)
}

/// Of a single round there is one value.
fn spread(spread: &Spread) -> String {
    if spread.min == spread.max {
        return figure(spread.median);
    }
    format!("{} ({} to {})", figure(spread.median), figure(spread.min), figure(spread.max))
}

/// A bar within a cell would end it.
fn row(title: &str, cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<String> = cells.map(|cell| cell.replace('|', "/")).collect();
    format!("| {title} | {} |", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::sample;

    #[test]
    fn every_row_has_a_cell_for_each_contestant() {
        let mut results = sample::results(&["raw", "rayfish", "nebula"]);
        results.contestants[2].version = "a | b".to_owned();
        let text = page(&results);
        let (first, rest) = text.split_once("Rayfish in multiples").unwrap();
        let (rest, last) = rest.split_once("Each program").unwrap();
        let columns = |text: &str| {
            let rows = text.lines().filter(|line| line.starts_with('|'));
            rows.map(|line| line.matches('|').count()).collect::<Vec<_>>()
        };
        assert!(columns(first).len() > 20 && columns(first).iter().all(|count| *count == 5), "{first}");
        assert_eq!(columns(last), [8; 4], "{last}");
        assert!(columns(rest).len() > 10 && columns(rest).iter().all(|count| *count == 4), "{rest}");
    }

    #[test]
    fn tells_which_rounds_do_not_count() {
        let mut results = sample::results(&["raw", "rayfish"]);
        results.rounds[1].standing = Standing::OthersBusy;
        let text = page(&results);
        assert!(text.contains("3 rounds of 1 s, of which 2 stand; not counted: 1 in which others were busy"), "{text}");
    }
}
