//! The way into a node: joins its namespaces, assumes a set of rights, and becomes the command.

use std::{
    fs::File,
    io,
    os::unix::process::CommandExt,
    process::{Command, Stdio},
};

use nix::{
    sched::{CloneFlags, setns},
    sys::signal::SigSet,
    unistd::{chdir, setsid},
};
use serde::{Deserialize, Serialize};

use super::privileges::Privileges;
use crate::lab::plan::PROGRAMS_DIR;

/// Exit codes of a shell for a command that is not there and for one that cannot be run.
const NOT_FOUND: u8 = 127;
const NOT_RUNNABLE: u8 = 126;
/// Where programs are looked for besides our own.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin";

/// What the supervisor tells the wrapper on its command line, as JSON.
#[derive(Debug, Serialize, Deserialize)]
pub struct EnterArgs {
    /// The node's holder.
    pub holder: i32,
    pub privileges: Privileges,
    pub cwd: Option<String>,
    pub argv: Vec<String>,
}

/// Becomes the command. Returns only when that failed: what to say, and the exit code.
pub fn run(args: &EnterArgs) -> (String, u8) {
    let Some((program, rest)) = args.argv.split_first() else {
        return ("no command given".to_owned(), NOT_RUNNABLE);
    };
    if let Err(error) = join(args.holder) {
        return (format!("joining the node's namespaces: {error}"), NOT_RUNNABLE);
    }
    if let Err(error) = args.privileges.assume() {
        return (error.to_string(), NOT_RUNNABLE);
    }
    // A directory that this user cannot see is no reason not to run.
    if args.cwd.as_deref().is_none_or(|cwd| chdir(cwd).is_err()) {
        let _ = chdir("/");
    }
    // Its own session, so that all it starts can be ended with it.
    let _ = setsid();
    let _ = SigSet::empty().thread_set_mask();
    let (user, home) = args.privileges.user();
    let error = Command::new(program)
        .args(rest)
        .env("PATH", format!("{PROGRAMS_DIR}:{PATH}"))
        .env("HOME", home)
        .env("USER", &user)
        .env("LOGNAME", &user)
        .stdin(Stdio::inherit())
        .exec();
    let code = if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_RUNNABLE };
    (format!("cannot run {program}: {error}"), code)
}

/// Opens all namespaces first: after the mount namespace is joined, paths mean something else.
fn join(holder: i32) -> io::Result<()> {
    let namespace = |name: &str| File::open(format!("/proc/{holder}/ns/{name}"));
    let (net, uts, mnt) = (namespace("net")?, namespace("uts")?, namespace("mnt")?);
    setns(net, CloneFlags::CLONE_NEWNET)?;
    setns(uts, CloneFlags::CLONE_NEWUTS)?;
    setns(mnt, CloneFlags::CLONE_NEWNS)?;
    Ok(())
}
