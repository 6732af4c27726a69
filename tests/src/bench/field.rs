//! The contestants of a run, each on hosts of its own: sets them up, gives each its turns, and drops one that fails.

use std::{collections::BTreeMap, time::Duration};

use super::{
    BenchError, Options,
    contestant::Contestant,
    measure::Way,
    metric::Figures,
    noise::{self, Standing},
    once,
    results::{Entrant, Failure, Round},
    site::Site,
    stats::mean,
};

/// A contestant with its hosts, as long as it works.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) contestant: Box<dyn Contestant>,
    pub(super) entrant: Entrant,
    pub(super) site: Option<Site>,
}

pub(super) fn set_up(
    mut contestant: Box<dyn Contestant>,
    pins: Option<[usize; 2]>,
    tell: &mut dyn FnMut(&str),
) -> Running {
    let name = contestant.name();
    let version = contestant.version();
    tell(&format!("{name}: setting up ({version})"));
    let entrant = Entrant {
        name: name.to_owned(),
        version,
        programs: contestant.programs(),
        once: BTreeMap::new(),
        failed: None,
    };
    let mut config = contestant.lab();
    config.name = config.name.replace("test-", "bench-");
    match Site::open(config, pins) {
        Ok(site) => {
            let connected = connect(&mut *contestant, &site);
            let mut running = Running { contestant, entrant, site: Some(site) };
            match connected {
                Ok(once) => running.entrant.once.extend(once),
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

/// Brings the way up and into its best state: how long the first part took, and the memory before any load.
fn connect(contestant: &mut dyn Contestant, site: &Site) -> Result<Figures, BenchError> {
    contestant.prepare(site)?;
    let ms = once::connect(contestant, site)?;
    contestant.settle(site)?;
    let programs = contestant.programs();
    site.pin(&programs)?;
    let way = way(contestant, site, &programs, 0.0)?;
    way.serve_echoes()?;
    let mut once = way.memory("mem_start")?;
    if !programs.is_empty() {
        once.insert("connect_ms".to_owned(), ms);
    }
    Ok(once)
}

pub(super) fn round(
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

/// What is done to the hosts' cables and paths. At the end: its effects are not to show in the rounds.
pub(super) fn disturb(running: &mut Running, options: &Options, tell: &mut dyn FnMut(&str)) {
    let Some(site) = running.site.as_ref().filter(|_| running.contestant.has_outages()) else { return };
    let found = outages(&*running.contestant, site, options, tell);
    let violations = site.violations();
    match found {
        Ok(found) if violations.is_empty() => running.entrant.once.extend(found),
        Ok(_) => {
            let message = format!("ended for a forbidden system call: {}", violations.join(", "));
            fail(running, BenchError::new(message), tell);
        }
        Err(error) => fail(running, error, tell),
    }
}

fn outages(
    contestant: &dyn Contestant,
    site: &Site,
    options: &Options,
    tell: &mut dyn FnMut(&str),
) -> Result<Figures, BenchError> {
    let (name, programs) = (contestant.name(), contestant.programs());
    let way = way(contestant, site, &programs, options.seconds)?;
    tell(&format!("{name}: its cable is pulled and plugged in again"));
    let mut figures = Figures::from([("outage_ms".to_owned(), once::outage(&way)?)]);
    if contestant.has_relay() {
        tell(&format!("{name}: its direct path is taken away"));
        figures.insert("outage_relay_ms".to_owned(), once::outage_to_relay(&way)?);
    }
    Ok(figures)
}

fn way<'a>(
    contestant: &dyn Contestant,
    site: &'a Site,
    programs: &'a [String],
    seconds: f64,
) -> Result<Way<'a>, BenchError> {
    Ok(Way { site, addresses: contestant.addresses(site)?, programs, seconds })
}

/// A contestant that fails has no further turns; its hosts go.
fn fail(running: &mut Running, error: BenchError, tell: &mut dyn FnMut(&str)) {
    tell(&format!("{}: failed: {error}", running.contestant.name()));
    let log = running.site.as_ref().map(|site| running.contestant.log_tail(site)).unwrap_or_default();
    log.iter().for_each(|line| tell(&format!("  | {line}")));
    running.entrant.failed = Some(Failure { message: error.to_string(), log });
    running.site = None;
}
