//! Runs every act of both processes, each in a child of its own, and gathers the verdicts.

use std::{
    fs, io,
    num::NonZero,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            net::{SocketAddr, UnixListener},
            process::ExitStatusExt,
        },
    },
    process::{Command, Output, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use nix::{errno::Errno, libc, unistd::geteuid};

use super::{
    act::{Act, Process},
    acts, call, child,
    facts::Facts,
    judge::{self, Observed, Outcome, Standing, Verdict},
    live,
    report::{ProcessReport, Report},
};

/// This very program, whatever has become of its file meanwhile.
const SELF: &str = "/proc/self/exe";
/// Children at a time, on hosts of many processors too.
const CHILDREN_MAX: usize = 8;
/// Asks for the version of the kernel's Landlock instead of a set of rules.
const LANDLOCK_VERSION: i64 = 1;

/// Why nothing could be tried at all.
#[derive(Debug)]
pub(crate) enum ProbeError {
    Start(io::Error),
    Confine { process: Process, reason: String },
}

/// Tries everything. Takes a second or two.
pub(crate) fn run() -> Result<Report, ProbeError> {
    let own = std::process::id().cast_signed();
    let uid = Facts::gather(None, None, own).engine.uid;
    let (engine, helper) = (live::find(Process::Engine, uid), live::find(Process::Helper, uid));
    let facts = Facts::gather(engine, helper, own);
    let standing = Standing { has_identity: geteuid().is_root(), landlock_abi: landlock_abi() };
    let _listener = listen(own).map_err(ProbeError::Start)?;
    let processes = [probe(Process::Engine, &facts, standing)?, probe(Process::Helper, &facts, standing)?];
    Ok(Report { is_root: standing.has_identity, landlock_abi: standing.landlock_abi, processes })
}

fn probe(process: Process, facts: &Facts, standing: Standing) -> Result<ProcessReport, ProbeError> {
    let acts = acts::all(process, facts);
    let verdicts: Vec<Mutex<Option<Result<Verdict, ProbeError>>>> = acts.iter().map(|_| Mutex::default()).collect();
    let next = AtomicUsize::new(0);
    let children = thread::available_parallelism().map_or(1, NonZero::get).min(CHILDREN_MAX);
    thread::scope(|scope| {
        for _ in 0..children {
            scope.spawn(|| {
                while let Some((act, place)) = next_of(&next, &acts, &verdicts) {
                    let verdict = verdict(process, act, facts, standing);
                    *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(verdict);
                }
            });
        }
    });
    let verdicts = verdicts.into_iter().filter_map(|place| place.into_inner().unwrap_or_else(PoisonError::into_inner));
    let verdicts = verdicts.collect::<Result<Vec<_>, _>>()?;
    let pid = facts.live(process);
    Ok(ProcessReport {
        process,
        user: match (standing.has_identity, process) {
            (true, Process::Engine) => facts.engine.name.clone(),
            (true, Process::Helper) => "root".to_owned(),
            (false, _) => format!("uid {}", geteuid()),
        },
        pid,
        promises: pid.map(|pid| live::promises(process, pid, facts)).unwrap_or_default(),
        acts: acts.into_iter().zip(verdicts).collect(),
    })
}

fn next_of<'a, A, V>(next: &AtomicUsize, acts: &'a [A], verdicts: &'a [V]) -> Option<(&'a A, &'a V)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    acts.get(at).zip(verdicts.get(at))
}

fn verdict(process: Process, act: &Act, facts: &Facts, standing: Standing) -> Result<Verdict, ProbeError> {
    let exists = judge::exists(act);
    let leftover = acts::leftover(act).filter(|path| fs::symlink_metadata(path).is_err());
    let output = spawn(process, act, facts).map_err(ProbeError::Start)?;
    if let Some(path) = leftover {
        // It is there only if the act got through, which the report says.
        let _ = fs::remove_file(path).or_else(|_| fs::remove_dir(path));
    }
    let code = output.status.code();
    let reason = || String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if code == Some(child::UNCONFINABLE.into()) && standing.has_identity {
        return Err(ProbeError::Confine { process, reason: reason() });
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let tried = said.trim().strip_prefix(child::TRYING).map(str::trim);
    let outcome = match (tried, code, output.status.signal()) {
        (_, _, Some(libc::SIGALRM)) => Outcome::Stuck,
        (None, _, _) => Outcome::Unready(reason()),
        (Some(_), _, Some(libc::SIGSYS)) => Outcome::Killed,
        (Some(_), Some(0), _) => Outcome::Done,
        (Some(_), Some(code), _) if code < i32::from(child::UNREADY) => Outcome::Errno(Errno::from_raw(code)),
        // A signal that nobody sent on purpose: whatever happened, the call was let through.
        (Some(_), _, _) => Outcome::Done,
    };
    let permitted = act.target.as_ref().and(tried).map(|tried| tried == "1");
    Ok(judge::judge(act, &Observed { outcome, permitted }, standing, exists))
}

fn spawn(process: Process, act: &Act, facts: &Facts) -> io::Result<Output> {
    let pid = |pid: Option<i32>| pid.map_or_else(|| child::NO_PID.to_owned(), |pid| pid.to_string());
    let mut command = Command::new(SELF);
    // Not from a terminal, and without a device that this user might not open.
    command.env_clear().envs(child::passed_on()).stdin(Stdio::piped());
    command.args([child::ARGUMENT, process.name(), &act.id, &pid(facts.engine_pid), &pid(facts.helper_pid)]);
    command.output()
}

/// Somebody for the children to reach by a name that is no path.
fn listen(pid: i32) -> io::Result<UnixListener> {
    let name = acts::abstract_name(pid);
    UnixListener::bind_addr(&SocketAddr::from_abstract_name(name.get(1..).unwrap_or_default())?)
}

fn landlock_abi() -> Option<u8> {
    let version = call::call(libc::SYS_landlock_create_ruleset, [0, 0, LANDLOCK_VERSION, 0, 0, 0]);
    version.ok().and_then(|version| u8::try_from(version).ok())
}
