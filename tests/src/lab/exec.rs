//! A command that runs in a node.

use std::{
    collections::BTreeMap,
    env,
    io::{PipeReader, PipeWriter, Read, pipe},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::process::ExitStatusExt,
    },
    process::ExitStatus,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::signal::Signal,
};

use super::{
    LabError,
    connection::Connection,
    protocol::{ExecRequest, Reply, Request, unexpected},
    wait::wait_until,
};

/// Variables of the caller that a command gets: what concerns the terminal and our own programs, nothing else.
const ENV_PASSED: [&str; 8] = ["TERM", "COLORTERM", "NO_COLOR", "COLUMNS", "LINES", "LANG", "PAGER", "EDITOR"];
const ENV_PREFIXES_PASSED: [&str; 3] = ["LC_", "RAY_", "RUST_"];

/// What a finished command left.
#[derive(Debug, Clone)]
pub struct Output {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// The exit code as a shell tells it: 128 and the signal where one ended the command.
    pub fn code(&self) -> i32 {
        exit_code(self.status)
    }

    /// Standard output as JSON: the last line, since progress may come before.
    pub fn json(&self) -> Result<serde_json::Value, serde_json::Error> {
        serde_json::from_str(self.stdout.lines().last().unwrap_or_default())
    }
}

/// The exit code as a shell tells it.
pub fn exit_code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1)
}

/// A running command. Dropping it kills it.
#[derive(Debug)]
pub struct Exec {
    connection: Connection,
    ended: Option<ExitStatus>,
    /// The command's standard streams, where they were not given.
    pub stdin: Option<PipeWriter>,
    pub stdout: Option<PipeReader>,
    pub stderr: Option<PipeReader>,
}

impl Exec {
    /// Starts a command with pipes as its standard streams.
    pub(crate) fn piped(connection: Connection, request: ExecRequest) -> Result<Self, LabError> {
        let make = || pipe().map_err(LabError::io("making a pipe"));
        let (stdin, ours_in) = make()?;
        let (ours_out, stdout) = make()?;
        let (ours_err, stderr) = make()?;
        let mut exec = Self::with_stdio(connection, request, [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()])?;
        exec.stdin = Some(ours_in);
        exec.stdout = Some(ours_out);
        exec.stderr = Some(ours_err);
        Ok(exec)
    }

    /// Starts a command with the given standard streams.
    pub(crate) fn with_stdio(
        connection: Connection,
        request: ExecRequest,
        stdio: [BorrowedFd<'_>; 3],
    ) -> Result<Self, LabError> {
        connection.send(&Request::Exec(request), &stdio)?;
        Ok(Self { connection, ended: None, stdin: None, stdout: None, stderr: None })
    }

    /// Sends a signal to the command.
    pub fn signal(&self, signal: Signal) -> Result<(), LabError> {
        self.connection.send(&Request::Signal(signal as i32), &[])
    }

    /// Waits until the command has ended.
    pub fn wait(&mut self, deadline: Duration) -> Result<ExitStatus, LabError> {
        let started = Instant::now();
        while self.ended.is_none() {
            if self.readable(deadline.saturating_sub(started.elapsed()))? {
                self.take_reply()?;
            } else if started.elapsed() >= deadline {
                return Err(LabError::Deadline { what: "running a command in the lab".to_owned(), after: deadline });
            }
        }
        Ok(self.ended.unwrap_or_default())
    }

    /// Reads everything that the command writes and waits until it has ended.
    pub fn output(mut self, deadline: Duration) -> Result<Output, LabError> {
        drop(self.stdin.take());
        let stdout = collect(self.stdout.take());
        let stderr = collect(self.stderr.take());
        let status = self.wait(deadline)?;
        Ok(Output { status, stdout: stdout.text(), stderr: stderr.text() })
    }

    /// The socket that becomes readable when the command has ended.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.connection.socket().as_fd()
    }

    fn readable(&self, timeout: Duration) -> Result<bool, LabError> {
        let millis = u16::try_from(timeout.as_millis()).unwrap_or(u16::MAX);
        let mut fds = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::from(millis)) {
            Ok(ready) => Ok(ready > 0),
            Err(nix::errno::Errno::EINTR) => Ok(false),
            Err(errno) => Err(LabError::io("waiting for a command in the lab")(errno.into())),
        }
    }

    fn take_reply(&mut self) -> Result<(), LabError> {
        match self.connection.recv()? {
            Some((Reply::Ended(raw), _)) => self.ended = Some(ExitStatus::from_raw(raw)),
            Some((other, _)) => return Err(unexpected(other)),
            None => return Err(LabError::Refused("the lab ended while a command ran in it".to_owned())),
        }
        Ok(())
    }
}

/// The part of the caller's environment that commands get.
pub(crate) fn passed_env() -> BTreeMap<String, String> {
    let passed = |key: &str| ENV_PASSED.contains(&key) || ENV_PREFIXES_PASSED.iter().any(|p| key.starts_with(p));
    env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(key, _)| passed(key))
        .collect()
}

/// Reads a stream to its end in the background.
struct Collector {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: thread::JoinHandle<()>,
}

fn collect(stream: Option<PipeReader>) -> Collector {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&bytes);
    let reader = thread::spawn(move || {
        let Some(mut stream) = stream else { return };
        let mut chunk = [0; 4096];
        while let Ok(len @ 1..) = stream.read(&mut chunk) {
            lock(&sink).extend_from_slice(chunk.get(..len).unwrap_or_default());
        }
    });
    Collector { bytes, reader }
}

impl Collector {
    /// What was read. A command that has ended wrote all of its own; a child that it left may hold the stream open.
    fn text(self) -> String {
        // Nothing is lost when this runs out: it bounds the wait for such a child.
        let _ = wait_until(Duration::from_secs(1), "the end of a stream", || self.reader.is_finished());
        String::from_utf8_lossy(&lock(&self.bytes)).into_owned()
    }
}

fn lock(bytes: &Mutex<Vec<u8>>) -> MutexGuard<'_, Vec<u8>> {
    bytes.lock().unwrap_or_else(PoisonError::into_inner)
}
