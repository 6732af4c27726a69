//! Figures side by side in one run: raw cables, Rayfish, and each peer program found on the machine.
//!
//! Every contestant has two hosts of its own, built alike on a switch of their own: what one does to its interfaces
//! and routes no other one sees. In each round all have a turn, each round in another order.

mod agent;
mod contestant;
mod error;
mod machine;
mod measure;
mod metric;
mod noise;
mod once;
mod programs;
mod report;
mod results;
mod search;
mod site;
mod station;
mod stats;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use self::{
    agent::Job,
    contestant::{Contestant, Found},
    machine::Machine,
    measure::Way,
    noise::Standing,
    results::{Entrant, Failure, Round, Settings},
    site::{DEADLINE, Site},
};
pub use self::{
    agent::serve,
    error::BenchError,
    results::{Results, SCHEMA},
};
use crate::binaries;

/// Of a run whose machine was too noisy to judge.
pub const EXIT_TOO_NOISY: u8 = 9;
/// Of a run in which a contestant failed.
pub const EXIT_FAILED: u8 = 1;

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
    /// Where the results go; absent: into the source tree.
    pub out: Option<PathBuf>,
}

type Field = Vec<Box<dyn Contestant>>;

/// A contestant with its hosts, as long as it works.
#[derive(Debug)]
struct Running {
    contestant: Box<dyn Contestant>,
    entrant: Entrant,
    site: Option<Site>,
}

/// Measures, and writes the results. `tell` gets a line for each step.
pub fn run(options: &Options, tell: &mut dyn FnMut(&str)) -> Result<Results, BenchError> {
    let (contestants, absent) = choose(options, tell)?;
    let mut machine = Machine::look();
    let pins = options.pin.then_some([0, 1]);
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
        pull_cable(running, options, tell);
    }
    let mut results = Results {
        schema: SCHEMA.to_owned(),
        machine,
        settings: Settings { rounds: options.rounds, seconds: options.seconds, pin: options.pin },
        too_noisy: false,
        contestants: field.into_iter().map(|running| running.entrant).collect(),
        absent,
        summary: Vec::new(),
        versus: Vec::new(),
        rounds,
    };
    results.conclude();
    let out = options.out.clone().unwrap_or_else(|| binaries::workspace().join("benches/results"));
    report::write(&results, &out)?;
    Ok(results)
}

/// The results as a person reads them.
pub fn table(results: &Results) -> String {
    report::table(results)
}

fn choose(options: &Options, tell: &mut dyn FnMut(&str)) -> Result<(Field, Vec<String>), BenchError> {
    let known = contestant::names();
    if let Some(name) = options.with.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(BenchError::usage(format!("no program named {name} is known; these are: {}", known.join(", "))));
    }
    let wants = |name: &str| options.only.is_empty() || options.only.iter().any(|only| only == name);
    let ours = match &options.programs {
        Some(directory) => {
            directory.canonicalize().map_err(BenchError::io(format!("finding {}", directory.display())))?
        }
        None if wants(contestant::RAYFISH) => {
            tell("building the programs as they are shipped");
            programs::release_build()?
        }
        None => PathBuf::new(),
    };
    let (all, absent) = contestant::all(&Found { ours, with: options.with.clone() });
    let here: Vec<&str> = all.iter().map(|contestant| contestant.name()).collect();
    if let Some(name) = options.only.iter().find(|only| !here.contains(&only.as_str())) {
        return Err(BenchError::usage(format!("{name} is not here; these are: {}", here.join(", "))));
    }
    Ok((all.into_iter().filter(|contestant| wants(contestant.name())).collect(), absent))
}

fn set_up(mut contestant: Box<dyn Contestant>, pins: Option<[usize; 2]>, tell: &mut dyn FnMut(&str)) -> Running {
    let name = contestant.name();
    let version = contestant.version();
    tell(&format!("{name}: setting up ({version})"));
    let entrant = Entrant { name: name.to_owned(), version, once: BTreeMap::new(), failed: None };
    let mut config = contestant.lab();
    config.name = config.name.replace("test-", "bench-");
    match Site::open(config, pins) {
        Ok(site) => {
            let connected = connect(&mut *contestant, &site);
            let mut running = Running { contestant, entrant, site: Some(site) };
            match connected {
                Ok(Some(ms)) => drop(running.entrant.once.insert("connect_ms".to_owned(), ms)),
                Ok(None) => {}
                Err(error) => fail(&mut running, error, tell),
            }
            running
        }
        Err(error) => {
            let mut running = Running { contestant, entrant, site: None };
            fail(&mut running, error, tell);
            running
        }
    }
}

/// Brings the way up and into its best state; how long the first part took.
fn connect(contestant: &mut dyn Contestant, site: &Site) -> Result<Option<f64>, BenchError> {
    contestant.prepare(site)?;
    let ms = once::connect(contestant, site)?;
    contestant.settle(site)?;
    let programs = contestant.programs();
    site.pin(&programs)?;
    way(contestant, site, &programs, 0.0)?.serve_echoes()?;
    Ok((!programs.is_empty()).then_some(ms))
}

fn way<'a>(
    contestant: &dyn Contestant,
    site: &'a Site,
    programs: &'a [String],
    seconds: f64,
) -> Result<Way<'a>, BenchError> {
    Ok(Way { site, addresses: contestant.addresses(site)?, programs, seconds })
}

fn round(
    number: usize,
    options: &Options,
    field: &mut [Running],
    tell: &mut dyn FnMut(&str),
) -> Result<Round, BenchError> {
    let mut order: Vec<usize> = (0..field.len()).collect();
    order.rotate_left(number % field.len().max(1));
    let (mut looks, mut figures, mut names) = (Vec::new(), BTreeMap::new(), Vec::new());
    for at in order {
        let Some(running) = field.get_mut(at) else { continue };
        let Some(site) = &running.site else { continue };
        let name = running.contestant.name();
        names.push(name.to_owned());
        looks.push(noise::others().map_err(BenchError::io("watching the machine"))?);
        let head = format!("round {} of {}, {name}", number + 1, options.rounds);
        let programs = running.contestant.programs();
        let turn = way(&*running.contestant, site, &programs, options.seconds).and_then(|way| {
            if number == 0 && !programs.is_empty() {
                let idle = Duration::try_from_secs_f64(options.seconds * 2.0).unwrap_or_default();
                let first = once::first_packet(&way, idle)?;
                running.entrant.once.insert("first_packet_ms".to_owned(), first);
            }
            way.turn(&mut |step| tell(&format!("{head}: {step}")))
        });
        match turn {
            Ok(turn) => drop(figures.insert(name.to_owned(), turn)),
            Err(error) => fail(running, error, tell),
        }
    }
    let others = mean(&looks);
    Ok(Round { order: names, others, standing: Standing::Stands, figures })
}

/// At the end: what it does to a way is not to show in the rounds.
fn pull_cable(running: &mut Running, options: &Options, tell: &mut dyn FnMut(&str)) {
    let Some(site) = running.site.as_ref().filter(|_| running.contestant.has_outages()) else { return };
    tell(&format!("{}: its cable is pulled and plugged in again", running.contestant.name()));
    let programs = running.contestant.programs();
    let found = way(&*running.contestant, site, &programs, options.seconds).and_then(|way| once::outage(&way));
    let violations = site.violations();
    match found {
        Ok(ms) if violations.is_empty() => drop(running.entrant.once.insert("outage_ms".to_owned(), ms)),
        Ok(_) => {
            let message = format!("ended for a forbidden system call: {}", violations.join(", "));
            fail(running, BenchError::new(message), tell);
        }
        Err(error) => fail(running, error, tell),
    }
}

/// A contestant that fails has no further turns; its hosts go.
fn fail(running: &mut Running, error: BenchError, tell: &mut dyn FnMut(&str)) {
    tell(&format!("{}: failed: {error}", running.contestant.name()));
    let log = running.site.as_ref().map(|site| running.contestant.log_tail(site)).unwrap_or_default();
    log.iter().for_each(|line| tell(&format!("  | {line}")));
    running.entrant.failed = Some(Failure { message: error.to_string(), log });
    running.site = None;
}

fn mean(looks: &[f64]) -> f64 {
    if looks.is_empty() { 0.0 } else { looks.iter().sum::<f64>() / looks.len() as f64 }
}
