//! The half of the supervisor that stays in the host's namespaces.
//!
//! It binds the lab's socket there, starts the inner half as PID 1 of a PID namespace, and waits for it. When the
//! starter's lifeline closes it kills the inner half; when it is killed itself, the inner half sees its socket close.

use std::{
    fmt, fs, io,
    io::Read,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::{net::UnixDatagram, process::CommandExt},
    },
    process::{Command, Stdio},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sched::{CloneFlags, unshare},
    sys::{
        socket::{AddressFamily, Backlog, SockFlag, SockType, bind, listen, socket, socketpair},
        stat::{Mode, umask},
    },
    unistd::{chdir, close, getuid, setsid},
};

use super::{
    report::{chain, report},
    rootless,
};
use crate::lab::protocol::{self, Boot, Report};

/// Clients that may wait to be accepted.
const BACKLOG: i32 = 64;
/// A description of the largest lab, with settings for every node, is far shorter.
const BOOT_LEN_MAX: u64 = 1024 * 1024;

/// Why a lab has no supervisor.
#[derive(Debug)]
enum OuterError {
    AlreadyRunning,
    Missing(Vec<String>),
    Failed { what: &'static str, cause: io::Error },
}

impl fmt::Display for OuterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyRunning => f.write_str("a lab of that name is running"),
            Self::Missing(_) => f.write_str("building network namespaces as this user"),
            Self::Failed { what, .. } => f.write_str(what),
        }
    }
}

impl std::error::Error for OuterError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::AlreadyRunning | Self::Missing(_) => None,
            Self::Failed { cause, .. } => Some(cause),
        }
    }
}

fn failed<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> OuterError {
    move |cause| OuterError::Failed { what, cause: cause.into() }
}

/// Runs the lab to its end. The exit code is the inner half's.
pub fn run() -> u8 {
    shed_descriptors();
    match supervise() {
        Ok(code) => code,
        Err(error) => {
            report(&match error {
                OuterError::AlreadyRunning => Report::AlreadyRunning,
                OuterError::Missing(lines) => Report::Missing(lines),
                other @ OuterError::Failed { .. } => Report::Failed { message: chain(&other), log_tail: vec![] },
            });
            1
        }
    }
}

/// Closes what the starter left open besides the standard streams: a lab that stays must not hold a stranger's pipe,
/// and no node may inherit a file of the host. Nothing of our own is open yet.
fn shed_descriptors() {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return };
    let open: Vec<i32> = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for fd in open.into_iter().filter(|fd| *fd > 2) {
        // The directory's own descriptor is among them, and closed by now.
        let _ = close(fd);
    }
}

fn supervise() -> Result<u8, OuterError> {
    let boot = read_boot()?;
    let listener = listen_on(&boot.config.name)?;
    // The starter's terminal must not signal the lab, nor its directory be held by it.
    setsid().map_err(failed("leaving the starter's session"))?;
    chdir("/").map_err(failed("leaving the starter's directory"))?;
    umask(Mode::from_bits_truncate(0o022));

    if !getuid().is_root() {
        let missing = rootless::missing();
        if !missing.is_empty() {
            return Err(OuterError::Missing(missing));
        }
        rootless::enter_user_namespace().map_err(failed("entering a user namespace"))?;
    }
    unshare(CloneFlags::CLONE_NEWPID).map_err(failed("making a PID namespace (root without CAP_SYS_ADMIN?)"))?;

    let flags = SockFlag::SOCK_CLOEXEC;
    let (ours, theirs) =
        socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags).map_err(failed("making a socket pair"))?;
    let mut inner = Command::new("/proc/self/exe")
        .arg0("ray-lab")
        .arg("supervise-inner")
        .stdin(Stdio::from(theirs))
        .spawn()
        .map_err(failed("starting the inner supervisor"))?;
    let ours = UnixDatagram::from(ours);
    protocol::send(&ours, &boot, &[listener.as_fd()]).map_err(failed("handing over to the inner supervisor"))?;
    drop(listener);

    watch(&ours, boot.lifeline).map_err(failed("watching the lab"))?;
    // It has ended, or is to end with its owner.
    let _ = inner.kill();
    let status = inner.wait().map_err(failed("waiting for the inner supervisor"))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// Reads the first line only, byte by byte: what follows is the lifeline.
fn read_boot() -> Result<Boot, OuterError> {
    let mut line = Vec::new();
    for byte in io::stdin().lock().take(BOOT_LEN_MAX).bytes() {
        match byte.map_err(failed("reading the lab's description"))? {
            b'\n' => break,
            byte => line.push(byte),
        }
    }
    serde_json::from_slice(&line).map_err(failed("reading the lab's description"))
}

fn listen_on(name: &str) -> Result<OwnedFd, OuterError> {
    let what = "binding the lab's socket";
    let address = protocol::address(getuid().as_raw(), name).map_err(failed(what))?;
    let socket =
        socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None).map_err(failed(what))?;
    match bind(socket.as_raw_fd(), &address) {
        Err(Errno::EADDRINUSE) => return Err(OuterError::AlreadyRunning),
        other => other.map_err(failed(what))?,
    }
    listen(&socket, Backlog::new(BACKLOG).map_err(failed(what))?).map_err(failed(what))?;
    Ok(socket)
}

/// Returns when the inner half has closed its end, or the owner its lifeline.
/// One thread only: a process that has made a PID namespace for its children can have no more.
fn watch(inner: &UnixDatagram, lifeline: bool) -> io::Result<()> {
    let stdin = io::stdin();
    loop {
        let mut fds = vec![PollFd::new(inner.as_fd(), PollFlags::POLLIN)];
        if lifeline {
            fds.push(PollFd::new(stdin.as_fd(), PollFlags::POLLIN));
        }
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let ready = |at: usize| fds.get(at).and_then(PollFd::any) == Some(true);
        if ready(0) || (ready(1) && !matches!(stdin.lock().read(&mut [0; 64]), Ok(1..))) {
            return Ok(());
        }
    }
}
