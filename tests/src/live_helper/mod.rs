//! A real `ray-helper` in a network namespace of its own, and the engine's end of its socket.
//!
//! Nothing here touches the namespace that the tests run in. Needs root.

mod client;
mod manager;
pub(crate) mod namespace;
mod state;
mod tun;

use std::{
    fs::{self, File},
    io,
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
        unix::{fs::PermissionsExt, process::CommandExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    fcntl::{FcntlArg, fcntl},
    libc,
    sys::signal::{Signal, kill},
    unistd::{Pid, mkdtemp},
};

pub use self::{
    client::{Answer, Client, addresses, route},
    manager::ServiceManager,
    namespace::{LOOPBACK, Namespace},
    state::{NetState, helper_rules},
    tun::{attach_queue, attach_tap, detach_queue, give_away, is_attached, make_persistent, open_driver},
};
use crate::binaries;

/// The engine's uid and gid in the tests; nobody has it on any host.
pub const ENGINE_UID: u32 = 60077;
/// Somebody else on the same host.
pub const OTHER_UID: u32 = 60078;
/// Far longer than anything waited for, so that a busy machine does not fail a test.
const PATIENCE: Duration = Duration::from_secs(20);
/// Where listed descriptors begin, and a number above where any of them goes.
const FIRST_LISTED: RawFd = 3;
const LISTED_ABOVE: RawFd = 64;
/// Between two looks at something that is waited for.
const POLL_PAUSE: Duration = Duration::from_millis(5);

/// A running helper with its namespace, policy and socket. All go away with it.
#[derive(Debug)]
pub struct LiveHelper {
    pub namespace: Namespace,
    directory: PathBuf,
    child: Child,
}

impl LiveHelper {
    /// Starts a helper whose policy names the engine and has `policy_lines` besides.
    pub fn start(policy_lines: &str) -> Self {
        Self::start_in(Namespace::new(), policy_lines)
    }

    /// Starts a helper in a namespace that the test has prepared.
    pub fn start_in(namespace: Namespace, policy_lines: &str) -> Self {
        Self::start_with(namespace, policy_lines, &Launch::default())
    }

    /// Starts a helper as `launch` says.
    pub fn start_with(namespace: Namespace, policy_lines: &str, launch: &Launch) -> Self {
        let directory = temporary_directory();
        write_policy(&directory, &format!("engine_user = \"{ENGINE_UID}\"\n{policy_lines}\n"));
        let child = spawn(&namespace, &directory, &log_in(&directory), launch);
        let helper = Self { namespace, directory, child };
        helper.wait_until_serving(1);
        helper
    }

    /// Starts a second helper after the first one's end, in the same namespace and with the same policy.
    pub fn start_again(&mut self) {
        self.start_again_with(&Launch::default());
    }

    /// The same, as `launch` says.
    pub fn start_again_with(&mut self, launch: &Launch) {
        let served = self.count_serving();
        self.child = spawn(&self.namespace, &self.directory, &log_in(&self.directory), launch);
        self.wait_until_serving(served + 1);
    }

    /// Starts a second helper that ends before it serves, as `launch` says, and waits for that.
    pub fn start_in_vain(&mut self, launch: &Launch) {
        self.child = spawn(&self.namespace, &self.directory, &log_in(&self.directory), launch);
        eventually("the helper ends", || !self.is_alive());
    }

    /// Runs `ray-helper --undo` to its end: gives its exit code and what it wrote.
    pub fn run_undo(&self) -> (Option<i32>, String) {
        let log = self.directory.join("undo-log");
        let launch = Launch { undo: true, ..Launch::default() };
        let code = wait_for_end(spawn(&self.namespace, &self.directory, &log, &launch));
        (code, fs::read_to_string(log).unwrap_or_default())
    }

    /// Runs another helper beside this one, at the same path, to its end: gives its exit code and what it wrote.
    pub fn run_rival(&self) -> (Option<i32>, String) {
        let log = self.directory.join("rival-log");
        let code = wait_for_end(spawn(&self.namespace, &self.directory, &log, &Launch::default()));
        (code, fs::read_to_string(log).unwrap_or_default())
    }

    /// Ends the helper at once, without a chance to undo.
    pub fn kill(&mut self) {
        self.child.kill().expect("killing the helper");
        self.child.wait().expect("waiting for the helper");
    }

    /// Asks the helper to end, and waits for it.
    pub fn stop(&mut self) -> ExitStatus {
        self.end_by(Signal::SIGTERM)
    }

    /// Sends a signal that ends the helper, and waits for its end.
    pub fn end_by(&mut self, signal: Signal) -> ExitStatus {
        kill(self.pid(), signal).expect("asking the helper to end");
        self.child.wait().expect("waiting for the helper")
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"))
    }

    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("looking at the helper").is_none()
    }

    pub fn policy_path(&self) -> PathBuf {
        policy_in(&self.directory)
    }

    pub fn socket_path(&self) -> PathBuf {
        socket_in(&self.directory)
    }

    /// Connects as the engine.
    pub fn connect(&self) -> Client {
        Client::connect_as(&self.socket_path(), ENGINE_UID, ENGINE_UID).expect("connecting as the engine")
    }

    /// Connects as `uid`, in the engine's group.
    pub fn connect_as(&self, uid: u32) -> io::Result<Client> {
        Client::connect_as(&self.socket_path(), uid, ENGINE_UID)
    }

    /// The namespace's network state, once the kernel has done what it does by itself.
    pub fn state(&self) -> NetState {
        self.namespace.enter(NetState::read_settled)
    }

    /// What the helper has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(log_in(&self.directory)).unwrap_or_default()
    }

    fn wait_until_serving(&self, times: usize) {
        eventually("the helper serves", || self.count_serving() >= times);
    }

    fn count_serving(&self) -> usize {
        self.log().matches("ray-helper: serving uid").count()
    }
}

/// How a helper is started, besides the usual.
#[derive(Debug, Default)]
pub struct Launch {
    /// More environment.
    pub env: Vec<(String, String)>,
    /// Descriptors that a service manager gives back, by their names.
    pub listed: Vec<(String, OwnedFd)>,
    /// With `--undo`, instead of serving.
    pub undo: bool,
}

impl Launch {
    /// A helper that dies at a named point.
    pub fn crashing_at(point: &str) -> Self {
        Self { env: vec![("RAY_CRASH_AT".to_owned(), point.to_owned())], ..Self::default() }
    }
}

impl Drop for LiveHelper {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("log of the helper:\n{}", self.log());
        }
        // Either may have happened in the test already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Runs a helper to its end, for starts that must fail: gives its exit code and what it wrote. `prepare` may change the
/// directory with the policy, and runs in the parent.
pub fn run_to_end(policy: &str, prepare: impl FnOnce(&Path)) -> (Option<i32>, String) {
    let (namespace, directory) = (Namespace::new(), temporary_directory());
    write_policy(&directory, policy);
    prepare(&directory);
    let code = wait_for_end(spawn(&namespace, &directory, &log_in(&directory), &Launch::default()));
    let log = fs::read_to_string(log_in(&directory)).unwrap_or_default();
    let _ = fs::remove_dir_all(&directory);
    (code, log)
}

/// Where the helper of `directory` finds its policy.
pub fn policy_in(directory: &Path) -> PathBuf {
    directory.join("helper.toml")
}

/// Where the helper of `directory` listens.
pub fn socket_in(directory: &Path) -> PathBuf {
    directory.join("helper.sock")
}

/// Polls until `holds`, and fails the test when that takes too long.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain until {what}");
        thread::sleep(POLL_PAUSE);
    }
}

/// Waits for a helper that must end by itself. One that does not is ended, and fails the test.
fn wait_for_end(mut child: Child) -> Option<i32> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().expect("looking at the helper") {
            return status.code();
        }
        if Instant::now() >= deadline {
            child.kill().and_then(|()| child.wait()).expect("ending the helper");
            panic!("the helper serves although it must not");
        }
        thread::sleep(POLL_PAUSE);
    }
}

fn spawn(namespace: &Namespace, directory: &Path, log: &Path, launch: &Launch) -> Child {
    let log = File::options().create(true).append(true).open(log).expect("opening the log");
    // A shell knows the process id before the helper runs, as a service manager does.
    let mut command = Command::new("sh");
    let script = if launch.listed.is_empty() { "exec \"$@\"" } else { "LISTEN_PID=$$ exec \"$@\"" };
    command.args(["-c", script, "sh"]).arg(binaries::path("ray-helper"));
    command.arg("--policy").arg(policy_in(directory));
    command.arg("--socket").arg(socket_in(directory));
    if launch.undo {
        command.arg("--undo");
    }
    command.envs(launch.env.iter().map(|(name, value)| (name, value)));
    if !launch.listed.is_empty() {
        let names: Vec<&str> = launch.listed.iter().map(|(name, _)| name.as_str()).collect();
        command.env("LISTEN_FDS", names.len().to_string()).env("LISTEN_FDNAMES", names.join(":"));
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let namespace = namespace.as_raw_fd();
    // Far above where they go, so that none is overwritten before it has been moved.
    let listed: Vec<OwnedFd> = launch
        .listed
        .iter()
        .map(|(_, fd)| {
            let raw = fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(LISTED_ABOVE)).expect("duplicating a descriptor");
            // SAFETY: the call has just made it, for us.
            unsafe { OwnedFd::from_raw_fd(raw) }
        })
        .collect();
    let moves: Vec<(RawFd, RawFd)> = listed.iter().map(AsRawFd::as_raw_fd).zip(FIRST_LISTED..).collect();
    // SAFETY: between fork and exec the closure makes a few system calls with plain numbers, and allocates nothing.
    unsafe {
        command.pre_exec(move || {
            // A test that is killed takes its helper along.
            let bound = libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) == 0;
            // The namespace first: its descriptor may be where a listed one goes.
            let inside = bound && libc::setns(namespace, libc::CLONE_NEWNET) == 0;
            if inside && moves.iter().all(|(from, to)| libc::dup2(*from, *to) >= 0) {
                return Ok(());
            }
            Err(io::Error::last_os_error())
        });
    }
    command.spawn().expect("starting the helper")
}

fn write_policy(directory: &Path, text: &str) {
    fs::write(policy_in(directory), text).expect("writing the policy");
    set_mode(&policy_in(directory), 0o644);
}

fn log_in(directory: &Path) -> PathBuf {
    directory.join("log")
}

/// A directory as the helper wants it: root's, and open for everybody to look into.
fn temporary_directory() -> PathBuf {
    let directory = mkdtemp(&std::env::temp_dir().join("ray-helper-XXXXXX")).expect("making a directory");
    set_mode(&directory, 0o755);
    directory
}

/// Sets the mode of a file or directory, whatever the umask.
pub fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("setting a mode");
}
