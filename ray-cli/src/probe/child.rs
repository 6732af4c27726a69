//! The child: becomes the process, tries one act, and ends with how it went.

use std::{
    env,
    ffi::{CString, OsString},
    fs::{self, File, Metadata},
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::Path,
};

use nix::{
    errno::Errno,
    libc,
    sched::{CloneFlags, setns, unshare},
    unistd::{Gid, Uid, alarm, getegid, geteuid, getgroups, setgroups, setresgid, setresuid},
};
use ray_confine::{engine, helper};

use super::{
    act::{Access, Act, Arg, Process, Ready, Target},
    acts,
    call::{call, exit},
    facts::Facts,
    live,
    ready::Prepared,
};

/// First argument of a child, which no user types.
pub(super) const ARGUMENT: &str = "__sandbox-act";
/// Given for a process that is not there.
pub(super) const NO_PID: &str = "-";
/// Said on standard output before the act, with `1` where the file's mode would have allowed it.
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
    let facts = Facts::of_parent(pid(), pid());
    let Some(act) = acts::all(process, &facts).into_iter().find(|act| act.id == id) else {
        return Some(unready("this host has changed meanwhile"));
    };
    Some(match attempt(process, &act, &facts) {
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

fn attempt(process: Process, act: &Act, facts: &Facts) -> Result<std::convert::Infallible, Fault> {
    alarm::set(PATIENCE_S);
    let mut prepared = Prepared::default();
    let is_root = geteuid().is_root();
    // Another user has no device to try it on; a filter of requests answers before anybody looks at one.
    if is_root {
        prepared.devices(act).map_err(Fault::Unready)?;
        enter_view(facts.live(process)).map_err(Fault::Unready)?;
    }
    env::set_current_dir("/").map_err(|error| Fault::Unready(error.to_string()))?;
    become_process(process, facts, is_root).map_err(Fault::Unready)?;
    prepared.own(act).map_err(Fault::Unready)?;
    let permitted = act.target.as_ref().is_some_and(permits);
    let texts: Vec<Option<CString>> = act.arguments.iter().map(|argument| text(argument, &prepared)).collect();
    if passed_on().is_none() {
        confine(process, facts).map_err(Fault::Unconfinable)?;
    }
    let said = format!("{TRYING} {}\n", u8::from(permitted));
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

/// Sees the file system as the live process does.
fn enter_view(pid: Option<i32>) -> Result<(), String> {
    let Some(pid) = pid else { return Ok(()) };
    let path = format!("/proc/{pid}/ns/mnt");
    let own = fs::read_link("/proc/self/ns/mnt").ok();
    if own.is_some() && own == fs::read_link(&path).ok() {
        return Ok(());
    }
    let namespace = File::open(&path).map_err(|error| format!("opening {path}: {error}"))?;
    setns(namespace, CloneFlags::CLONE_NEWNS).map_err(|errno| format!("entering the view of process {pid}: {errno}"))
}

/// Takes on the user and the groups of the process.
fn become_process(process: Process, facts: &Facts, is_root: bool) -> Result<(), String> {
    let failed = |step: &'static str| move |errno: Errno| format!("{step}: {errno}");
    let groups = facts.live(process).map(live::groups);
    match process {
        Process::Engine if is_root => {
            drop_bounding_set();
            let groups: Vec<Gid> = groups.unwrap_or_default().into_iter().map(Gid::from_raw).collect();
            setgroups(&groups).map_err(failed("taking on the engine's groups"))?;
            let (uid, gid) = (Uid::from_raw(facts.engine.uid), Gid::from_raw(facts.engine.gid));
            setresgid(gid, gid, gid).map_err(failed("taking on the engine's group"))?;
            setresuid(uid, uid, uid).map_err(failed("taking on the engine's user"))
        }
        Process::Engine => Ok(()),
        Process::Helper if is_root => {
            let groups: Vec<Gid> =
                groups.unwrap_or_else(|| vec![facts.engine.gid]).into_iter().map(Gid::from_raw).collect();
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
                helper_socket: &facts.places.helper_socket,
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
