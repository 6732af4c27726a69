//! Whatever dies, comes or goes: the host's DNS settings are byte for byte what they would be without Rayfish, and no
//! lookup is ever held up, watched by ten lookups a second.
//!
//! All keepers of settings, with the programs of a Debian: `RAY_NAMES=all cargo test --workspace --test e2e -- names_matrix --nocapture`;
//! one of them by its name, such as `RAY_NAMES=resolved`.

use std::{thread, time::Duration};

use ray_tests::{
    lab::{Process, Signal},
    tool::names::watch::Report,
};

use crate::{
    names_hosts::{Host, Keeper, MEMBER, MISSING, PUBLIC},
    support::{PATIENCE, ray, try_ray, until},
};

/// Longest lookup. The C library counts its patience in whole seconds, so that a question whose answerer has just died
/// is asked again after one second; the rest is the machine's.
const BLOCKED_MAX: Duration = Duration::from_millis(1150);
/// The same, and lookups that fail, where the host's resolver is started again: the library waits for it as long as it
/// waits for any. That is why a keeper of this kind is chosen only by root.
const STARTED_AGAIN: (Duration, u32) = (Duration::from_millis(5150), 3);

/// What befalls a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Down,
    EngineKilled,
    NamesKilled,
    HelperKilled,
    EngineAndNamesKilled,
    Rebooted,
    OtherComesAndGoes,
    LeaseRenewed,
}

const EVENTS: [Event; 8] = [
    Event::Down,
    Event::EngineKilled,
    Event::NamesKilled,
    Event::HelperKilled,
    Event::EngineAndNamesKilled,
    Event::Rebooted,
    Event::OtherComesAndGoes,
    Event::LeaseRenewed,
];

/// One cell of the matrix.
#[derive(Debug)]
struct Cell {
    event: Event,
    /// What is not as it should be.
    faults: Vec<String>,
    restored: Duration,
    report: Report,
}

#[test]
fn the_hosts_settings_are_restored_whatever_happens_and_no_lookup_is_held_up() {
    let mut faults = Vec::new();
    for keeper in Keeper::tried() {
        let host = Host::new(keeper);
        host.await_set();
        assert_eq!(host.told()["backend"], keeper.backend(), "{keeper:?}: {}", host.told());
        let cells = EVENTS.map(|event| undergo(&host, event));
        println!("{:15} {:22} {:>9} {:>8} {:>8}  astray", "keeper", "event", "restored", "lookups", "longest");
        for cell in &cells {
            println!("{}", line(keeper, cell));
        }
        faults.extend(cells.into_iter().flat_map(|cell| {
            cell.faults.into_iter().map(move |fault| format!("{} {:?}: {fault}", keeper.name(), cell.event))
        }));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Lets one thing happen on a host with names set, and leaves it so.
fn undergo(host: &Host, event: Event) -> Cell {
    ray(&host.lab, "n1", &["up"]);
    host.await_set();
    let member = host.member();
    let mut faults = Vec::new();
    let (restored, report) = host.watched(&member, || {
        let restored = act(host, event);
        bring_back(host);
        restored
    });
    let restored = restored.unwrap_or_else(|fault| {
        faults.push(fault);
        Duration::ZERO
    });
    faults.extend(judge(host.keeper, &report));
    if !host.finds(MEMBER) {
        faults.push("names are not set again".to_owned());
    }
    Cell { event, faults, restored, report }
}

/// The event, to the restoration of what was there without us; how long that took.
fn act(host: &Host, event: Event) -> Result<Duration, String> {
    let lab = &host.lab;
    let kill = |process| lab.kill("n1", process, Signal::SIGKILL).unwrap();
    let restored = || {
        host.await_settings(&host.before).map_err(|found| format!("not restored: {found}\nbut was: {}", host.before))
    };
    match event {
        Event::Down => {
            ray(lab, "n1", &["down"]);
            restored()
        }
        Event::EngineKilled => {
            kill(Process::Engine);
            restored()
        }
        Event::NamesKilled => {
            kill(Process::Names);
            // As a service manager does before it starts the program again.
            lab.undo("n1", Process::Names).map_err(|error| error.to_string())?;
            restored()
        }
        Event::HelperKilled => {
            let set = host.settings();
            kill(Process::Helper);
            thread::sleep(Duration::from_millis(500));
            if host.settings() != set { Err("the settings changed".to_owned()) } else { Ok(Duration::ZERO) }
        }
        Event::EngineAndNamesKilled => {
            kill(Process::Engine);
            kill(Process::Names);
            lab.undo("n1", Process::Names).map_err(|error| error.to_string())?;
            restored()
        }
        Event::Rebooted => {
            [Process::Names, Process::Engine, Process::Helper].into_iter().for_each(kill);
            // What a boot does not keep; the device is the kernel's.
            lab.undo("n1", Process::Helper).map_err(|error| error.to_string())?;
            host.sh("rm -f /run/rayfish/*.sock");
            // No engine, and no member of any network: only the start of the program that finds what is left.
            lab.start_process("n1", Some(Process::Names)).map_err(|error| error.to_string())?;
            restored()
        }
        Event::OtherComesAndGoes => among_others(host),
        Event::LeaseRenewed => {
            let renewed = alone(host, &host.keeper.renew());
            beside(host, &host.keeper.renew())?;
            without_us(host, &renewed)
        }
    }
}

/// Another VPN comes and goes: while we are there, and with our going between.
fn among_others(host: &Host) -> Result<Duration, String> {
    let (comes, goes) = (host.keeper.other_comes(), host.keeper.other_goes());
    let with_other = alone(host, &comes);
    let without = alone(host, &goes);
    if without != host.before {
        return Err(format!("the test's other program does not tidy up: {without}\nbut was: {}", host.before));
    }
    beside(host, &comes)?;
    without_us(host, &with_other).map_err(|fault| format!("beside another: {fault}"))?;
    ray(&host.lab, "n1", &["up"]);
    host.await_set();
    beside(host, &goes)?;
    without_us(host, &host.before)
}

/// The settings after `script` on the host without us.
fn alone(host: &Host, script: &str) -> String {
    ray(&host.lab, "n1", &["down"]);
    host.sh(script);
    let settings = host.settled();
    ray(&host.lab, "n1", &["up"]);
    host.await_set();
    settings
}

/// Runs `script` while names are set: they have to be again within a second.
fn beside(host: &Host, script: &str) -> Result<(), String> {
    host.sh(script);
    thread::sleep(Duration::from_millis(1000));
    match host.finds(MEMBER) && host.finds(PUBLIC) {
        true => Ok(()),
        false => Err(format!("not set a second after another's change: {}", host.settings())),
    }
}

fn without_us(host: &Host, expected: &str) -> Result<Duration, String> {
    ray(&host.lab, "n1", &["down"]);
    host.await_settings(expected).map_err(|found| format!("not restored: {found}\nbut would be: {expected}"))
}

/// Starts whatever does not run, and waits until names are set.
fn bring_back(host: &Host) {
    for process in [Process::Helper, Process::Names, Process::Engine] {
        host.lab.start_process("n1", Some(process)).unwrap();
    }
    until(PATIENCE, "the engine has all that it needs", || try_ray(&host.lab, "n1", &["up"]).code() == 0);
    host.await_set();
}

fn judge(keeper: Keeper, report: &Report) -> Vec<String> {
    let mut faults = Vec::new();
    let (blocked_max, failed_max) = if keeper.is_started_again() { STARTED_AGAIN } else { (BLOCKED_MAX, 0) };
    if report.blocked(blocked_max) {
        faults.push(format!(
            "lookups were held up for {} ms, {} stuck: {:?}",
            report.longest_ms, report.stuck, report.slow
        ));
    }
    for name in [PUBLIC, MISSING] {
        let tally = &report.names[name];
        if (tally.unknown, tally.wrong) != (0, 0) || tally.failed > failed_max {
            let of = report.astray.iter().filter(|told| told.name == name).collect::<Vec<_>>();
            faults.push(format!("{name} {tally:?}: {of:?}"));
        }
    }
    let member = &report.names[MEMBER];
    if member.wrong > 0 || member.right == 0 {
        faults.push(format!("{MEMBER} {member:?}: {:?}", report.astray));
    }
    faults
}

fn line(keeper: Keeper, cell: &Cell) -> String {
    let astray: u32 = [PUBLIC, MISSING]
        .iter()
        .map(|name| {
            let tally = &cell.report.names[*name];
            tally.unknown + tally.failed + tally.wrong
        })
        .sum();
    format!(
        "{:15} {:22} {:>6} ms {:>8} {:>5} ms  {astray}{}",
        keeper.name(),
        format!("{:?}", cell.event),
        cell.restored.as_millis(),
        cell.report.lookups,
        cell.report.longest_ms,
        if cell.faults.is_empty() { "" } else { "  FAULT" }
    )
}
