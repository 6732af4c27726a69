//! Figures side by side in one run: raw cables, Rayfish, and each peer program found on the machine.
//!
//! Every contestant has two hosts of its own, built alike on a switch of their own: what one does to its interfaces
//! and routes no other one sees. In each round all have a turn, each round in another order.

mod agent;
mod command;
mod contestant;
mod cost;
mod error;
mod field;
mod keep;
mod lookups;
mod machine;
mod measure;
mod metric;
mod noise;
mod once;
mod peers;
mod programs;
mod report;
mod results;
mod search;
mod site;
mod station;
mod stats;

use std::{collections::BTreeMap, path::PathBuf};

use self::{
    agent::Job,
    contestant::{Contestant, Found},
    field::{Running, disturb, round, set_up},
    machine::Machine,
    results::Settings,
    site::DEADLINE,
};
pub use self::{
    agent::serve,
    error::BenchError,
    lookups::{Lookups, LookupsOptions, lookups},
    peers::{Growth, PEERS_MAX, PeerMemory, PeersOptions, peers},
    results::{Results, SCHEMA},
};

/// Of a run whose machine was too noisy to judge.
pub const EXIT_TOO_NOISY: u8 = 9;
/// Of a run in which a contestant failed.
pub const EXIT_FAILED: u8 = 1;
/// Of a full run: fewer say less.
pub const ROUNDS: u16 = 7;
/// Of each window of bulk data in a full run.
pub const SECONDS: f64 = 3.0;

/// What the caller wants measured.
#[derive(Debug, Clone)]
pub struct Options {
    pub rounds: usize,
    /// Of each window of bulk data.
    pub seconds: f64,
    /// Empty: all that are found.
    pub only: Vec<String>,
    /// Peer programs that are not on the path.
    pub with: BTreeMap<String, PathBuf>,
    /// Where ours are; absent: they are built.
    pub programs: Option<PathBuf>,
    pub pin: bool,
    /// Where the results go; absent: into the source tree, if this is a full run.
    pub out: Option<PathBuf>,
}

/// Measures, and writes the results. `tell` gets a line for each step.
pub fn run(options: &Options, tell: &mut dyn FnMut(&str)) -> Result<Results, BenchError> {
    let pins = if options.pin { Some(machine::two_cpus()?) } else { None };
    let (contestants, absent) = choose(options, tell)?;
    let mut machine = Machine::look();
    let mut field: Vec<Running> = contestants.into_iter().map(|contestant| set_up(contestant, pins, tell)).collect();
    let Some(site) = field.iter().find_map(|running| running.site.as_ref()) else {
        return Err(BenchError::new("none of them could be set up"));
    };
    machine.congestion_control = site.a.run(Job::Congestion, DEADLINE)?;
    let mut rounds = Vec::new();
    for number in 0..options.rounds {
        rounds.push(round(number, options, &mut field, tell)?);
    }
    for running in &mut field {
        disturb(running, options, tell);
    }
    let mut results = Results {
        schema: SCHEMA.to_owned(),
        machine,
        settings: Settings {
            rounds: options.rounds,
            seconds: options.seconds,
            pin: options.pin,
            programs_given: options.programs.is_some(),
        },
        too_noisy: false,
        contestants: field.into_iter().map(|running| running.entrant).collect(),
        absent,
        summary: Vec::new(),
        versus: Vec::new(),
        rounds,
    };
    results.conclude();
    match keep::destination(options, &results) {
        Ok(directory) => {
            report::write(&results, &directory)?;
            tell(&format!("written to {}", directory.canonicalize().unwrap_or(directory).display()));
        }
        Err(shortfall) => tell(&format!("not written to {}: {shortfall} (--out writes it elsewhere)", keep::RESULTS)),
    }
    Ok(results)
}

/// The results as a person reads them.
pub fn table(results: &Results) -> String {
    report::table(results)
}

type Contestants = Vec<Box<dyn Contestant>>;

fn choose(options: &Options, tell: &mut dyn FnMut(&str)) -> Result<(Contestants, Vec<String>), BenchError> {
    let known = contestant::names();
    if let Some(name) = options.with.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(BenchError::usage(format!("no program named {name} is known; these are: {}", known.join(", "))));
    }
    let wants = |name: &str| options.only.is_empty() || options.only.iter().any(|only| only == name);
    let ours = match wants(contestant::RAYFISH) {
        true => programs::find(options.programs.as_deref(), tell)?,
        false => PathBuf::new(),
    };
    let (all, absent) = contestant::all(&Found { ours, with: options.with.clone() });
    let here: Vec<&str> = all.iter().map(|contestant| contestant.name()).collect();
    if let Some(name) = options.only.iter().find(|only| !here.contains(&only.as_str())) {
        return Err(BenchError::usage(format!("{name} is not here; these are: {}", here.join(", "))));
    }
    Ok((all.into_iter().filter(|contestant| wants(contestant.name())).collect(), absent))
}
