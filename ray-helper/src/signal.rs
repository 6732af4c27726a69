//! The signals that end a privileged program, read as events so that the end is an orderly one.

use std::io;

use nix::sys::{
    signal::{SigSet, Signal},
    signalfd::{SfdFlags, SignalFd},
};

/// How a program was asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// For good: nothing is to be left.
    Undo,
    /// For a successor: everything stays as it is.
    LetGo,
}

/// From here on these signals are read, not suffered.
pub fn block() -> nix::Result<SignalFd> {
    let mut mask = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR1] {
        mask.add(signal);
    }
    mask.thread_block()?;
    SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
}

/// Which it was; `None` where none waits.
pub fn asked(signals: &SignalFd) -> io::Result<Option<Asked>> {
    let signal = signals.read_signal()?;
    Ok(signal.map(|info| if info.ssi_signo == Signal::SIGUSR1 as u32 { Asked::LetGo } else { Asked::Undo }))
}
