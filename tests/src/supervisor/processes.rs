//! Every child of PID 1: starts, signals and reaps them, and remembers how those that matter ended.

use std::{
    collections::HashMap,
    io,
    os::unix::process::CommandExt,
    process::{Child, Command},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, kill, killpg},
        wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid},
    },
    unistd::Pid,
};

/// How long the reaper sleeps when there is no child at all; a spawn wakes it.
const IDLE: Duration = Duration::from_secs(1);

/// The children that somebody waits for; `Some` holds the raw wait status of an ended one.
#[derive(Debug, Default)]
pub(super) struct Processes {
    children: Mutex<HashMap<i32, Option<i32>>>,
    changed: Condvar,
}

impl Processes {
    /// Starts our own program again. Under the lock, so that the reaper cannot miss whose end it sees.
    pub(super) fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        let mut children = self.lock();
        let child = command.arg0("ray-lab").spawn()?;
        children.insert(pid_of(&child)?, None);
        self.changed.notify_all();
        Ok(child)
    }

    /// Waits for a child's end and forgets it. `None` when `deadline` passes first.
    pub(super) fn wait(&self, pid: i32, deadline: Option<Duration>) -> Option<i32> {
        let started = Instant::now();
        let mut children = self.lock();
        loop {
            match children.get(&pid) {
                None => return None,
                Some(Some(status)) => {
                    let status = *status;
                    children.remove(&pid);
                    return Some(status);
                }
                Some(None) => {}
            }
            let left = deadline.map_or(IDLE, |deadline| deadline.saturating_sub(started.elapsed()));
            if left.is_zero() {
                return None;
            }
            children = self.changed.wait_timeout(children, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// How a child ended, without waiting; it stays known. One that is not known was killed, and its end taken.
    pub(super) fn ended(&self, pid: i32) -> Option<i32> {
        self.lock().get(&pid).copied().unwrap_or(Some(Signal::SIGKILL as i32))
    }

    /// Signals a child that still runs. The lock keeps its pid from being someone else's.
    pub(super) fn signal(&self, pid: i32, signal: Signal) -> nix::Result<()> {
        let children = self.lock();
        match children.get(&pid) {
            Some(None) => kill(Pid::from_raw(pid), signal),
            Some(Some(_)) | None => Err(Errno::ESRCH),
        }
    }

    /// Kills a child and its session.
    pub(super) fn kill_session(&self, pid: i32) {
        let children = self.lock();
        if children.get(&pid) == Some(&None) {
            // Either may find nobody: before it has made its session, or after its end.
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }

    /// Reaps children, also adopted ones, for ever.
    pub(super) fn reap(&self) {
        loop {
            // Looks first and reaps under the lock: until then the pid stays taken.
            match waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
                Ok(status) => self.collect(status),
                Err(Errno::ECHILD) => {
                    let children = self.lock();
                    drop(self.changed.wait_timeout(children, IDLE));
                }
                Err(_) => {}
            }
        }
    }

    fn collect(&self, seen: WaitStatus) {
        let Some(pid) = seen.pid() else { return };
        let mut children = self.lock();
        let status = match waitpid(pid, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(_, code)) => (code & 0xff) << 8,
            Ok(WaitStatus::Signaled(_, signal, _)) => signal as i32,
            Ok(_) | Err(_) => return,
        };
        if let Some(entry) = children.get_mut(&pid.as_raw()) {
            *entry = Some(status);
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<i32, Option<i32>>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn pid_of(child: &Child) -> io::Result<i32> {
    i32::try_from(child.id()).map_err(io::Error::other)
}
