//! The table on the terminal: medians of ratios to raw, and medians of what was measured.

use super::figure;
use crate::bench::{
    Results,
    contestant::{RAW, RAYFISH},
    metric::{BY_PROGRAM, METRICS, Metric, ONCE, of_program},
    noise::{DEVIATION_MAX, OTHERS_MAX, Standing},
    stats::Spread,
};

/// Room for what is measured and its unit; with five contestants the table is 100 columns wide.
const TITLE_WIDTH: usize = 30;
const CELL_WIDTH: usize = 14;
/// The table has room for so many side by side.
const ACROSS_MAX: usize = 5;
/// Of the table of ratios, whose cells are a median, the least and the most.
const RATIO_TITLE_WIDTH: usize = 28;
const RATIO_WIDTH: usize = 18;
const RATIOS_ACROSS_MAX: usize = 4;
/// Of the table of programs.
const PROGRAM_WIDTH: usize = 20;
const SHARE_WIDTH: usize = 12;

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
    let (machine, settings) = (&results.machine, &results.settings);
    let mut lines = vec![
        format!("{}, {} cores, Linux {}", machine.cpu, machine.cores, machine.kernel),
        format!(
            "{} of {} rounds of {} s stand; TCP: {}; generator: {} build{}",
            results.count(Standing::Stands),
            results.rounds.len(),
            settings.seconds,
            machine.congestion_control,
            machine.generator,
            if settings.pin { "; a CPU for each host" } else { "" }
        ),
        "medians; behind each the median of the ratios to raw of the same round".to_owned(),
        "of rates more is better, of times, CPU and memory less".to_owned(),
    ];
    if settings.programs_given {
        lines.push("our programs: of --programs, which may be another build than is shipped".to_owned());
    }
    if !results.absent.is_empty() {
        lines.push(format!("not on this machine: {}", results.absent.join(", ")));
    }
    if results.too_noisy {
        lines.push(format!(
            "too noisy to judge: others used over {OTHERS_MAX} of a core in {} rounds, raw was off by over {:.0} % in {}",
            results.count(Standing::OthersBusy),
            DEVIATION_MAX * 100.0,
            results.count(Standing::RawDeviates),
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

/// What each program takes: a contestant may have several.
fn by_program(results: &Results) -> Vec<String> {
    let row = |title: &str, cells: Vec<String>| {
        let cells: String = cells.iter().map(|cell| format!("{cell:>SHARE_WIDTH$}")).collect();
        format!("{title:PROGRAM_WIDTH$}{cells}")
    };
    let mut lines = Vec::new();
    for entrant in &results.contestants {
        for program in &entrant.programs {
            let of = |key: &str| results.middle(&entrant.name, &of_program(key, program)).map(figure);
            let cells: Vec<Option<String>> = BY_PROGRAM.iter().map(|(key, _)| of(key)).collect();
            if cells.iter().any(Option::is_some) {
                lines.push(row(program, cells.into_iter().map(|cell| cell.unwrap_or("-".to_owned())).collect()));
            }
        }
    }
    if !lines.is_empty() {
        let titles = BY_PROGRAM.iter().map(|(_, title)| (*title).to_owned()).collect();
        let note = "each program: CPU on both hosts, memory on one".to_owned();
        lines.splice(0..0, [String::new(), note, row("", titles)]);
    }
    lines
}

fn versus(results: &Results) -> Vec<String> {
    let others: Vec<&str> = results.contestants.iter().map(|entrant| entrant.name.as_str()).collect();
    let others: Vec<&str> = others.into_iter().filter(|name| *name != RAYFISH).collect();
    let row = |title: &str, cells: &mut dyn Iterator<Item = String>| {
        let cells: String = cells.map(|cell| format!("{cell:>RATIO_WIDTH$}")).collect();
        format!("{title:RATIO_TITLE_WIDTH$}{cells}")
    };
    let mut lines = Vec::new();
    for others in others.chunks(RATIOS_ACROSS_MAX) {
        let measured = METRICS.iter().filter_map(|metric| {
            let ratios: Vec<_> = others.iter().map(|name| results.against(name, metric.key)).collect();
            let is_there = ratios.iter().any(Option::is_some);
            is_there
                .then(|| row(metric.title, &mut ratios.into_iter().map(|ratio| ratio.map_or("-".to_owned(), spread))))
        });
        let rows: Vec<String> = measured.collect();
        if !rows.is_empty() {
            lines.push(String::new());
            lines.push("rayfish in multiples of another in the same round: median, least-most".to_owned());
            lines.push(row("", &mut others.iter().map(|name| (*name).to_owned())));
            lines.extend(rows);
        }
    }
    lines
}

/// Of a single round there is one value.
fn spread(spread: &Spread) -> String {
    let Spread { median, min, max } = *spread;
    if min == max { figure(median) } else { format!("{} {}-{}", figure(median), figure(min), figure(max)) }
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
        assert!(text.lines().count() < 80, "{text}");
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
        let ratios = text.lines().rfind(|line| line.starts_with("TCP 1 stream, A to B")).unwrap();
        assert!(ratios.ends_with("  2.00              0.67"), "{ratios}");
    }

    #[test]
    fn a_ratio_has_the_least_and_the_most_of_the_rounds() {
        let mut results = sample::results(&["raw", "rayfish"]);
        results.versus[0].ratio = Spread { median: 0.5, min: 0.25, max: 12.34 };
        let text = table(&results);
        assert!(text.contains("0.50 0.25-12.3\n"), "{text}");
    }

    #[test]
    fn each_program_has_its_own_cpu_time_and_memory() {
        let text = table(&sample::results(&["raw", "rayfish"]));
        let row = text.lines().find(|line| line.starts_with("rayfish-daemon")).unwrap();
        assert_eq!(row.split_whitespace().skip(1).collect::<Vec<_>>(), ["22.0"; 6]);
        assert!(!text.contains("raw-daemon"));
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
