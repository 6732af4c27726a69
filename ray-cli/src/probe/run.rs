//! Runs every act of both processes, each in a child of its own, and gathers the verdicts.

use std::{
    fs::{self, File},
    io,
    num::NonZero,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            net::{SocketAddr, UnixListener},
            process::ExitStatusExt,
        },
    },
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use nix::{errno::Errno, libc, unistd::geteuid};

use super::{
    act::{Act, Process},
    acts, child,
    facts::{Facts, within},
    judge::{self, Observed, Outcome, Reason, Standing, Verdict},
    live::{self, Found, Promise},
    places::Places,
    report::{ProcessReport, Report},
};

/// This very program, whatever has become of its file meanwhile.
const SELF: &str = "/proc/self/exe";
/// Refusals for each process that make a proof; all that a host offers are two or three times as many.
const REFUSED_MIN: usize = 60;
/// Children at a time, on hosts of many processors too.
const CHILDREN_MAX: usize = 8;

/// What has not answered by then never will.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why nothing could be tried at all.
#[derive(Debug)]
pub(crate) enum ProbeError {
    Start(io::Error),
    /// A file system does not answer.
    Stuck,
    Confine {
        process: Process,
        reason: String,
    },
    /// Too few acts could be tried for their refusal to mean anything.
    Unproven {
        process: Process,
        refused: usize,
        /// Why one of the others was not.
        reason: String,
    },
}

/// Tries everything. Takes a second or two.
pub(crate) fn run() -> Result<Report, ProbeError> {
    let own = std::process::id().cast_signed();
    let is_root = geteuid().is_root();
    let found = within(PATIENCE, move || find(own, is_root)).ok_or(ProbeError::Stuck)?;
    let (mut engine, helper, places) = found;
    let (places, notes) = places;
    engine.notes.extend(notes);
    let pid = |found: &Found| found.live.as_ref().map(|live| live.pid);
    let facts = Facts::gather(pid(&engine), pid(&helper), own, places).with_keys_only();
    let standing = Standing { has_identity: is_root, landlock_abi: ray_confine::landlock_abi() };
    let _listener = listen(own).map_err(ProbeError::Start)?;
    let processes =
        [probe(Process::Engine, &engine, &facts, standing)?, probe(Process::Helper, &helper, &facts, standing)?];
    if let Some(unproven) = processes.iter().find_map(unproven).filter(|_| is_root) {
        return Err(unproven);
    }
    Ok(Report { is_root: standing.has_identity, landlock_abi: standing.landlock_abi, processes })
}

/// What cannot be tried is not refused, so a host on which nearly nothing can be tried is not a safe one.
fn unproven(report: &ProcessReport) -> Option<ProbeError> {
    let tally = report.tally();
    if tally.got_through > 0 || tally.refused >= REFUSED_MIN {
        return None;
    }
    let reason = report.acts.iter().find_map(|(_, verdict)| match verdict {
        Verdict::NotJudged { reason: reason @ Reason::Unready(_) } => Some(reason.words().to_owned()),
        _ => None,
    });
    Some(ProbeError::Unproven { process: report.process, refused: tally.refused, reason: reason.unwrap_or_default() })
}

/// The live processes and the engine's places. Only root may look.
fn find(own: i32, is_root: bool) -> (Found, Found, (Places, Vec<String>)) {
    if !is_root {
        return (Found::default(), Found::default(), (Places::default(), Vec::new()));
    }
    let uid = Facts::gather(None, None, own, Places::default()).engine.uid;
    let (engine, helper) = (live::find(Process::Engine, uid), live::find(Process::Helper, uid));
    let places = Places::of(engine.live.as_ref().map_or(&[], |live| &live.arguments), uid);
    (engine, helper, places)
}

fn probe(process: Process, found: &Found, facts: &Facts, standing: Standing) -> Result<ProcessReport, ProbeError> {
    let acts = acts::all(process, facts);
    let verdicts: Vec<Mutex<Option<Result<Verdict, ProbeError>>>> = acts.iter().map(|_| Mutex::default()).collect();
    let next = AtomicUsize::new(0);
    let children = thread::available_parallelism().map_or(1, NonZero::get).min(CHILDREN_MAX);
    thread::scope(|scope| {
        for _ in 0..children {
            scope.spawn(|| {
                while let Some((act, place)) = next_of(&next, &acts, &verdicts) {
                    let verdict = verdict(process, act, found, facts, standing);
                    *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(verdict);
                }
            });
        }
    });
    let verdicts = verdicts.into_iter().filter_map(|place| place.into_inner().unwrap_or_else(PoisonError::into_inner));
    let verdicts = verdicts.collect::<Result<Vec<_>, _>>()?;
    let mut promises = found.live.as_ref().map(|live| live::promises(process, live, facts)).unwrap_or_default();
    if !found.several.is_empty() {
        let (name, words) = ("only_one", "is the only one that runs, or else none is joined");
        promises.push(Promise { name, words, holds: false, found: format!("processes {:?}", found.several) });
    }
    Ok(ProcessReport {
        process,
        user: match (standing.has_identity, process) {
            (true, Process::Engine) => facts.engine.name.clone(),
            (true, Process::Helper) => "root".to_owned(),
            (false, _) => format!("uid {}", geteuid()),
        },
        pid: found.live.as_ref().map(|live| live.pid),
        promises,
        notes: found.notes.clone(),
        acts: acts.into_iter().zip(verdicts).collect(),
    })
}

fn next_of<'a, A, V>(next: &AtomicUsize, acts: &'a [A], verdicts: &'a [V]) -> Option<(&'a A, &'a V)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    acts.get(at).zip(verdicts.get(at))
}

fn verdict(
    process: Process,
    act: &Act,
    found: &Found,
    facts: &Facts,
    standing: Standing,
) -> Result<Verdict, ProbeError> {
    let is_absent = |path: &PathBuf| {
        let path = path.clone();
        within(PATIENCE, move || fs::symlink_metadata(path).is_err()) == Some(true)
    };
    let leftover = acts::leftover(act).map(Path::to_path_buf).filter(is_absent);
    let output = spawn(process, act, found, facts).map_err(ProbeError::Start)?;
    if let Some(path) = leftover {
        // It is there only if the act got through, which the report says.
        let _ = within(PATIENCE, move || fs::remove_file(&path).or_else(|_| fs::remove_dir(&path)));
    }
    let code = output.status.code();
    let reason = || String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if code == Some(child::UNCONFINABLE.into()) && standing.has_identity {
        return Err(ProbeError::Confine { process, reason: reason() });
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let tried = said.trim().strip_prefix(child::TRYING).map(str::trim);
    let exists = match tried.and_then(|tried| tried.split(' ').nth(1)) {
        Some("1") => Some(true),
        Some("0") => Some(false),
        _ => None,
    };
    let outcome = match (tried, code, output.status.signal()) {
        (None, _, Some(libc::SIGALRM)) => Outcome::Unready("it took too long to begin".to_owned()),
        (None, _, _) => Outcome::Unready(reason()),
        (Some(_), _, Some(libc::SIGSYS)) => Outcome::Killed,
        // Whoever waits in a call was let into it.
        (Some(_), _, Some(libc::SIGALRM)) => Outcome::Stuck,
        (Some(_), Some(0), _) => Outcome::Done,
        (Some(_), Some(code), _) if code < i32::from(child::UNREADY) => Outcome::Errno(Errno::from_raw(code)),
        // A signal that nobody sent on purpose: whatever happened, the call was let through.
        (Some(_), _, _) => Outcome::Done,
    };
    let permitted = act.target.as_ref().and(tried).map(|tried| tried.starts_with('1'));
    Ok(judge::judge(act, &Observed { outcome, permitted }, standing, exists))
}

fn spawn(process: Process, act: &Act, found: &Found, facts: &Facts) -> io::Result<Output> {
    let pid = |pid: Option<i32>| pid.map_or_else(|| child::NO_PID.to_owned(), |pid| pid.to_string());
    let mut command = Command::new(SELF);
    // Not from a terminal, and without a device that this user might not open.
    command.env_clear().envs(child::passed_on());
    let view = found.live.as_ref().and_then(|live| live.view.as_ref()).map(File::try_clone).transpose()?;
    let given = if view.is_some() { child::VIEW } else { child::NO_PID };
    command.stdin(view.map_or_else(Stdio::piped, Stdio::from));
    let groups = found.live.as_ref().map_or_else(
        || child::NO_PID.to_owned(),
        |live| live.groups.iter().map(u32::to_string).collect::<Vec<_>>().join(","),
    );
    command.args([
        child::ARGUMENT,
        process.name(),
        &act.id,
        &pid(facts.engine_pid),
        &pid(facts.helper_pid),
        &groups,
        given,
    ]);
    let places = &facts.places;
    command.args([&places.config, &places.state_dir, &places.socket, &places.helper_socket]);
    command.output()
}

/// Somebody for the children to reach by a name that is no path.
fn listen(pid: i32) -> io::Result<UnixListener> {
    let name = acts::abstract_name(pid);
    UnixListener::bind_addr(&SocketAddr::from_abstract_name(name.get(1..).unwrap_or_default())?)
}

#[cfg(test)]
mod tests {
    use super::{super::samples, *};

    #[test]
    fn few_refusals_prove_nothing() {
        let mut report = samples::safe();
        let engine = &mut report.processes[0];
        assert!(matches!(unproven(engine), Some(ProbeError::Unproven { refused: 1, .. })));
        engine.acts = (0..REFUSED_MIN).map(|_| samples::act(engine.acts[0].1.clone())).collect();
        assert!(unproven(engine).is_none());
        assert!(unproven(&samples::breached().processes[0]).is_none(), "that is told as it is");
    }
}
