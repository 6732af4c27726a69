//! Measures figures with criterion, and counts what they allocate.

use std::{collections::BTreeSet, env, hint::black_box, process::ExitCode, time::Duration};

use criterion::{Criterion, SamplingMode, Throughput};

use crate::{allocations::allocations_of, report, rounds::Rounds};

const SAMPLES: usize = 20;
const WARM_UP: Duration = Duration::from_millis(200);
const MEASURED: Duration = Duration::from_millis(700);
/// The fewest samples that criterion takes.
const SAMPLES_SLOW: usize = 10;
/// criterion's own intervals are told beside the table; they need not be exact to the last digit.
const RESAMPLES: usize = 2000;

/// Calls before allocations are counted: buffers have their size then, and those that are used in turn have all been used.
const SETTLING: usize = 100;
/// Calls in which allocations are counted.
const COUNTED: u64 = 100;

/// What was measured of one thing.
#[derive(Debug)]
pub struct Figure {
    pub(crate) group: &'static str,
    pub(crate) name: String,
    /// Of one call.
    pub(crate) ns: f64,
    /// Of one round of the calibration loop meanwhile.
    pub(crate) calibration_ns: f64,
    /// How much slower the calibration loop usually was than on a quiet machine.
    pub(crate) disturbance: f64,
    /// What a call handles.
    pub(crate) packets: u64,
    /// Allocations, and in how many packets; `None` where it is no matter.
    pub(crate) allocations: Option<(u64, u64)>,
}

impl Figure {
    /// What a call costs, in calibration loops.
    pub fn ratio(&self) -> f64 {
        self.ns / self.calibration_ns
    }
}

/// A run: all groups of figures, one after the other.
pub struct Bench {
    criterion: Criterion,
    group: &'static str,
    is_measuring: bool,
    figures: Vec<Figure>,
    /// Groups of which a filter left something out.
    partial: BTreeSet<&'static str>,
    notes: Vec<String>,
    faults: Vec<String>,
}

impl std::fmt::Debug for Bench {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bench").field("group", &self.group).field("figures", &self.figures).finish_non_exhaustive()
    }
}

impl Bench {
    /// A run as the command line asks for it; criterion's options are understood.
    pub fn from_arguments() -> Self {
        let criterion = Criterion::default()
            .sample_size(SAMPLES)
            .warm_up_time(WARM_UP)
            .measurement_time(MEASURED)
            .nresamples(RESAMPLES)
            .without_plots()
            .configure_from_args();
        let asked = |option: &str| env::args().any(|argument| argument.split('=').next() == Some(option));
        // criterion would compare with whatever ran last on this machine; only where that is asked for.
        let criterion = match ["--save-baseline", "--baseline", "--baseline-lenient", "--load-baseline"].map(asked) {
            [false, false, false, false] => criterion.retain_baseline("none".to_owned(), false),
            _ => criterion,
        };
        let is_measuring = asked("--bench") && !asked("--test") && !asked("--list") && !asked("--profile-time");
        Self {
            criterion,
            group: "",
            is_measuring,
            figures: Vec::new(),
            partial: BTreeSet::new(),
            notes: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Runs a group. Its samples may be impossible to make, which is a fault.
    pub fn group(&mut self, name: &'static str, figures: impl FnOnce(&mut Self) -> Option<()>) {
        self.group = name;
        if figures(self).is_none() {
            self.fault(format!("{name}: the samples cannot be made"));
        }
    }

    /// What a call of `f` costs that handles this many packets. Tells the nanoseconds where it was measured.
    pub fn figure<T>(&mut self, name: &str, packets: u64, mut f: impl FnMut() -> T) -> Option<f64> {
        self.measure(name, packets, SamplingMode::Auto, &mut f)?.then_some(self.figures.last()?.ns)
    }

    /// The same of something that takes milliseconds.
    pub fn slow<T>(&mut self, name: &str, mut f: impl FnMut() -> T) -> Option<f64> {
        self.measure(name, 1, SamplingMode::Flat, &mut f)?.then_some(self.figures.last()?.ns)
    }

    /// The same of a steady path: a fault where its calls allocate more than `allowed` times each, packets or not.
    pub fn steady<T>(&mut self, name: &str, packets: u64, allowed: u64, mut f: impl FnMut() -> T) -> Option<f64> {
        let is_measured = self.measure(name, packets, SamplingMode::Auto, &mut f)?;
        for _ in 0..SETTLING {
            black_box(f());
        }
        let count = allocations_of(|| {
            for _ in 0..COUNTED {
                black_box(f());
            }
        });
        if count > allowed * COUNTED {
            let packets = packets * COUNTED;
            self.fault(format!("{}: {name}: {count} allocations in {packets} packets of a steady path", self.group));
        }
        let figure = self.figures.last_mut().filter(|_| is_measured)?;
        figure.allocations = Some((count, packets * COUNTED));
        Some(figure.ns)
    }

    /// A line for the end of the report.
    pub fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    /// Something that must not be; the run goes on, and fails.
    pub fn fault(&mut self, text: String) {
        self.faults.push(text);
    }

    /// Tells everything, and stores it where that is asked for.
    pub fn finish(mut self) -> ExitCode {
        if self.is_measuring {
            self.faults.extend(report::table(&self.figures, &self.partial));
        }
        for note in &self.notes {
            report::line(note);
        }
        for fault in &self.faults {
            report::line(&format!("failed: {fault}"));
        }
        if self.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// Whether there is a new figure; `None` where a filter left it out.
    fn measure<T>(&mut self, name: &str, packets: u64, mode: SamplingMode, f: &mut impl FnMut() -> T) -> Option<bool> {
        let mut rounds = None;
        let mut group = self.criterion.benchmark_group(self.group);
        group.sampling_mode(mode).throughput(Throughput::Elements(packets));
        if matches!(mode, SamplingMode::Flat) {
            group.sample_size(SAMPLES_SLOW);
        }
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| rounds.get_or_insert_with(Rounds::new).run(iterations, f));
        });
        group.finish();
        let Some(rounds) = rounds else {
            self.partial.insert(self.group);
            return None;
        };
        let measured = rounds.result().zip(rounds.disturbance()).filter(|_| self.is_measuring);
        let Some(((ns, calibration_ns), disturbance)) = measured else { return Some(false) };
        let (group, name) = (self.group, name.to_owned());
        self.figures.push(Figure { group, name, ns, calibration_ns, disturbance, packets, allocations: None });
        Some(true)
    }
}
