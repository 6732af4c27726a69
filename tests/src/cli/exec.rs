//! `ray-lab exec`: the command gets our standard streams and our signals, and we its exit code.

use std::{env, os::fd::AsFd, time::Duration};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, Signal},
        signalfd::SignalFd,
    },
};

use crate::lab::{Exec, Lab, LabError, exit_code};

/// What a terminal or a supervisor sends to end us is meant for the command.
const FORWARDED: [Signal; 4] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT];
/// How long a command that has ended may take to say so.
const REPLY_DEADLINE: Duration = Duration::from_secs(5);

pub(super) fn run(name: &str, node: &str, user: Option<&str>, command: &[String]) -> Result<u8, LabError> {
    let lab = Lab::attach(name)?;
    let signals = catch_signals().map_err(|errno| LabError::io("catching signals")(errno.into()))?;
    let argv: Vec<&str> = command.iter().map(String::as_str).collect();
    let cwd = env::current_dir().ok().and_then(|path| path.into_os_string().into_string().ok());
    let (stdin, stdout, stderr) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let stdio = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
    let mut exec = lab.spawn_with(node, user, &argv, cwd.as_deref(), stdio)?;

    follow(&exec, &signals)?;
    let status = exec.wait(REPLY_DEADLINE)?;
    Ok(u8::try_from(exit_code(status)).unwrap_or(1))
}

fn catch_signals() -> nix::Result<SignalFd> {
    let mut set = SigSet::empty();
    FORWARDED.into_iter().for_each(|signal| set.add(signal));
    set.thread_block()?;
    SignalFd::new(&set)
}

/// Forwards signals until the command has ended.
fn follow(exec: &Exec, signals: &SignalFd) -> Result<(), LabError> {
    loop {
        let mut fds = [PollFd::new(exec.as_fd(), PollFlags::POLLIN), PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(LabError::io("waiting for the command")(errno.into())),
        }
        let ready = fds.map(|fd| fd.any() == Some(true));
        if ready[1]
            && let Ok(Some(info)) = signals.read_signal()
            && let Some(signal) =
                FORWARDED.into_iter().find(|signal| u32::try_from(*signal as i32) == Ok(info.ssi_signo))
        {
            // A command that has just ended needs no signal.
            let _ = exec.signal(signal);
        }
        if ready[0] {
            return Ok(());
        }
    }
}
