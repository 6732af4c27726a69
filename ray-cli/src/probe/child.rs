//! The child: becomes the process, tries one act, and ends with how it went.

use std::{
    env,
    ffi::{CString, OsString},
    fs::{self, Metadata},
    io::{self, Write},
    os::unix::{fs::MetadataExt, process::parent_id},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    libc,
    sched::{CloneFlags, setns, unshare},
    unistd::{Gid, Uid, alarm, dup2_stdin, getegid, geteuid, getgroups, pipe, setgroups, setresgid, setresuid},
};
use ray_confine::{engine, helper};

use super::{
    act::{Access, Act, Arg, Process, Ready, Target},
    acts,
    call::{call, exit},
    facts::Facts,
    judge,
    places::Places,
    ready::Prepared,
};

/// First argument of a child, which no user types.
pub(super) const ARGUMENT: &str = "__sandbox-act";
/// Given for a process that is not there.
pub(super) const NO_PID: &str = "-";
/// Said where standard input is the mount namespace of the live process, which the judging `ray` opened.
pub(super) const VIEW: &str = "view";
/// Said on standard output before the act, with `1` where the file's mode would have allowed it, and whether the file
/// is there.
pub(super) const TRYING: &str = "trying";
/// Leaves the confinement out, so that a test can see acts get through. Only builds for debugging know it.
const UNCONFINED: &str = "RAY_PROBE_UNCONFINED";

/// Exit codes beyond every errno.
pub(super) const UNREADY: u8 = 250;
pub(super) const UNCONFINABLE: u8 = 251;
/// A call that has not ended by then never will.
const PATIENCE_S: u32 = 20;

/// Does what the arguments ask, if they are those of a child; gives its exit code where it did not come to the act.
pub(crate) fn run(arguments: &[OsString]) -> Option<u8> {
    let mut words = arguments.iter().skip(1).map(|word| word.to_str().unwrap_or_default());
    if words.next() != Some(ARGUMENT) {
        return None;
    }
    let (process, id) = (Process::named(words.next()?)?, words.next()?);
    let mut pid = || words.next().and_then(|word| word.parse().ok());
    // From here on nothing can keep it: it looks at files that might never answer.
    alarm::set(PATIENCE_S);
    let (engine_pid, helper_pid) = (pid(), pid());
    let groups = words.next()?;
    let groups: Option<Vec<Gid>> =
        (groups != NO_PID).then(|| groups.split(',').filter_map(|gid| gid.parse().ok()).map(Gid::from_raw).collect());
    let view = words.next()? == VIEW;
    let mut place = || words.next().map(PathBuf::from);
    let places = Places { config: place()?, state_dir: place()?, socket: place()?, helper_socket: place()? };
    let facts = Facts::gather(engine_pid, helper_pid, parent_id().cast_signed(), places);
    let Some(act) = acts::all(process, &facts).into_iter().find(|act| act.id == id) else {
        return Some(unready("this host has changed meanwhile"));
    };
    Some(match attempt(process, &act, &facts, groups, view) {
        Ok(never) => match never {},
        Err(Fault::Unready(reason)) => unready(&reason),
        Err(Fault::Unconfinable(reason)) => {
            unready(&reason);
            UNCONFINABLE
        }
    })
}

/// Why the act was not tried.
enum Fault {
    Unready(String),
    Unconfinable(String),
}

fn attempt(
    process: Process,
    act: &Act,
    facts: &Facts,
    groups: Option<Vec<Gid>>,
    view: bool,
) -> Result<std::convert::Infallible, Fault> {
    let exists = judge::exists(act).map_or("-", |exists| if exists { "1" } else { "0" });
    let mut prepared = Prepared::default();
    let is_root = geteuid().is_root();
    // Another user has no device to try it on; a filter of requests answers before anybody looks at one.
    if is_root {
        prepared.devices(act).map_err(Fault::Unready)?;
        if view {
            enter_view().map_err(Fault::Unready)?;
        }
    }
    env::set_current_dir("/").map_err(|error| Fault::Unready(error.to_string()))?;
    become_process(process, facts, groups, is_root).map_err(Fault::Unready)?;
    prepared.own(act).map_err(Fault::Unready)?;
    let permitted = act.target.as_ref().is_some_and(permits);
    let texts: Vec<Option<CString>> = act.arguments.iter().map(|argument| text(argument, &prepared)).collect();
    if passed_on().is_none() {
        confine(process, facts).map_err(Fault::Unconfinable)?;
    }
    let said = format!("{TRYING} {} {exists}\n", u8::from(permitted));
    io::stdout().write_all(said.as_bytes()).map_err(|error| Fault::Unready(error.to_string()))?;

    let mut arguments = [0i64; 6];
    for (place, (argument, text)) in arguments.iter_mut().zip(act.arguments.iter().zip(&texts)) {
        *place = match argument {
            Arg::Number(number) => *number,
            Arg::Text(_) | Arg::Ready(Ready::FilePath) => text.as_ref().map_or(0, |text| text.as_ptr() as i64),
            Arg::Bytes(bytes) => bytes.as_ptr() as i64,
            Arg::Ready(ready) => prepared.get(*ready),
        };
    }
    match call(act.number, arguments) {
        Ok(_) => exit(0),
        Err(errno) => exit(u8::try_from(errno as i32).unwrap_or(UNREADY)),
    }
}

/// Sees the file system as the live process does, and lets go of what led there.
fn enter_view() -> Result<(), String> {
    setns(io::stdin(), CloneFlags::CLONE_NEWNS)
        .map_err(|errno| format!("entering the view of the process: {errno}"))?;
    let (empty, _) = pipe().map_err(|errno| format!("making a pipe: {errno}"))?;
    dup2_stdin(empty).map_err(|errno| format!("letting go of the view: {errno}"))
}

/// Takes on the user and the groups of the process.
fn become_process(process: Process, facts: &Facts, groups: Option<Vec<Gid>>, is_root: bool) -> Result<(), String> {
    let failed = |step: &'static str| move |errno: Errno| format!("{step}: {errno}");
    match process {
        Process::Engine if is_root => {
            drop_bounding_set();
            setgroups(&groups.unwrap_or_default()).map_err(failed("taking on the engine's groups"))?;
            let (uid, gid) = (Uid::from_raw(facts.engine.uid), Gid::from_raw(facts.engine.gid));
            setresgid(gid, gid, gid).map_err(failed("taking on the engine's group"))?;
            setresuid(uid, uid, uid).map_err(failed("taking on the engine's user"))
        }
        Process::Engine => Ok(()),
        Process::Helper if is_root => {
            let groups = groups.unwrap_or_else(|| vec![Gid::from_raw(facts.engine.gid)]);
            setgroups(&groups).map_err(failed("taking on the helper's groups"))
        }
        // Root of a namespace of its own, with rights over nothing else, can be confined as the helper is.
        Process::Helper => {
            let (uid, gid) = (geteuid(), getegid());
            let ours = "run it with sudo; a user cannot be root of a namespace here".to_owned();
            unshare(CloneFlags::CLONE_NEWUSER).map_err(|_| ours.clone())?;
            let write =
                |file: &str, text: String| fs::write(format!("/proc/self/{file}"), text).map_err(|_| ours.clone());
            write("setgroups", "deny".to_owned())?;
            write("uid_map", format!("0 {uid} 1\n"))?;
            write("gid_map", format!("0 {gid} 1\n"))
        }
    }
}

/// After it a change of the user leaves no capability, and nothing gives one back.
fn drop_bounding_set() {
    const CAPABILITIES_MAX: i64 = 64;
    for capability in 0..CAPABILITIES_MAX {
        // The kernel has fewer; what lies beyond is refused.
        let _ = call(libc::SYS_prctl, [libc::PR_CAPBSET_DROP.into(), capability, 0, 0, 0, 0]);
    }
}

fn confine(process: Process, facts: &Facts) -> Result<(), String> {
    let said = |error: ray_confine::ConfineError| {
        let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
        format!("{error}{cause}")
    };
    match process {
        Process::Engine => {
            let places = engine::Places {
                config: &facts.places.config,
                state_dir: &facts.places.state_dir,
                runtime_dir: facts.places.runtime_dir(),
            };
            engine::confine(&places).map(drop).map_err(said)
        }
        Process::Helper => {
            let socket_dir = facts.places.helper_socket.parent().unwrap_or(Path::new("/"));
            helper::confine(socket_dir).and_then(|_| helper::before_serving()).map_err(said)
        }
    }
}

/// Variables that a child sees: none, or the one that only a build for debugging knows.
pub(super) fn passed_on() -> Option<(&'static str, OsString)> {
    if !cfg!(debug_assertions) {
        return None;
    }
    env::var_os(UNCONFINED).map(|value| (UNCONFINED, value))
}

/// Whether owner and mode allow it to who we are now, without any capability.
fn permits(target: &Target) -> bool {
    let (path, want) = match target.access {
        Access::Read => (target.path.as_path(), 0o4),
        Access::Write => (target.path.as_path(), 0o2),
        Access::Fill => (target.path.as_path(), 0o3),
        Access::Create => (target.path.parent().unwrap_or(Path::new("/")), 0o3),
    };
    let search =
        path.ancestors().skip(1).all(|directory| fs::metadata(directory).is_ok_and(|found| grants(&found, 0o1)));
    search && fs::metadata(path).is_ok_and(|found| grants(&found, want))
}

fn grants(found: &Metadata, want: u32) -> bool {
    let in_group = || {
        let ours = getgroups().unwrap_or_default();
        found.gid() == getegid().as_raw() || ours.iter().any(|gid| gid.as_raw() == found.gid())
    };
    let shift = match found.uid() == geteuid().as_raw() {
        true => 6,
        false if in_group() => 3,
        false => 0,
    };
    (found.mode() >> shift) & want == want
}

fn text(argument: &Arg, prepared: &Prepared) -> Option<CString> {
    match argument {
        Arg::Text(text) => CString::new(text.as_str()).ok(),
        Arg::Ready(Ready::FilePath) => CString::new(prepared.file_path()).ok(),
        Arg::Number(_) | Arg::Bytes(_) | Arg::Ready(_) => None,
    }
}

/// Says on standard error why the act was not tried.
fn unready(reason: &str) -> u8 {
    let _ = writeln!(io::stderr(), "{reason}");
    UNREADY
}
