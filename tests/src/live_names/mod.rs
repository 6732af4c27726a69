//! A real `ray-names` in a mount and a network namespace of its own, with an `/etc` and a `/run` that are directories of the
//! test, and the engine's end of its socket.
//!
//! Nothing here touches the files of the host that the tests run on. Needs root.

mod client;

use std::{
    ffi::CString,
    fs::{self, File},
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    ptr, thread,
    time::{Duration, Instant},
};

use nix::{
    libc,
    sys::signal::{Signal, kill},
    unistd::{Pid, mkdtemp},
};

pub use self::client::{Client, names, search};
use crate::{
    binaries,
    live_helper::{ENGINE_UID, set_mode},
};

/// Far longer than anything waited for, so that a busy machine does not fail a test.
const PATIENCE: Duration = Duration::from_secs(20);
const POLL_PAUSE: Duration = Duration::from_millis(2);
/// Where the namespaces of a process are made of.
const POLICY: &str = "/etc/rayfish/names.toml";
const SOCKET: &str = "/run/rayfish/names.sock";

/// A host as `ray-names` sees it: two directories of its own in place of the real ones.
#[derive(Debug)]
pub struct NamesHost {
    directory: PathBuf,
}

impl NamesHost {
    /// A host whose list of resolvers is `text`.
    pub fn with_list(text: &[u8]) -> Self {
        let host = Self::without_list();
        host.write_list(text);
        host
    }

    /// A host without a list of resolvers.
    pub fn without_list() -> Self {
        let directory = mkdtemp(&std::env::temp_dir().join("ray-names-XXXXXX")).expect("making a directory");
        let host = Self { directory };
        for directory in ["", "etc", "etc/rayfish", "run", "run/rayfish"] {
            fs::create_dir_all(host.directory.join(directory)).expect("making a directory");
            set_mode(&host.directory.join(directory), 0o755);
        }
        fs::write(host.at("/etc/passwd"), "root:x:0:0::/:/bin/sh\n").expect("writing users");
        host.write_policy("");
        host
    }

    /// The same file as the program sees at `path`.
    pub fn at(&self, path: &str) -> PathBuf {
        self.directory.join(path.trim_start_matches('/'))
    }

    pub fn list_path(&self) -> PathBuf {
        self.at("/etc/resolv.conf")
    }

    /// What the C library would read.
    pub fn list(&self) -> String {
        String::from_utf8_lossy(&self.list_bytes()).into_owned()
    }

    pub fn list_bytes(&self) -> Vec<u8> {
        fs::read(self.list_path()).unwrap_or_default()
    }

    /// Writes the list as most programs do: into the file that is there.
    pub fn write_list(&self, text: &[u8]) {
        write_roots(&self.list_path(), text);
    }

    /// Writes the list as careful programs do: a new file in the place of the old one.
    pub fn replace_list(&self, text: &[u8]) {
        let copy = self.at("/etc/resolv.conf.new");
        write_roots(&copy, text);
        fs::rename(copy, self.list_path()).expect("replacing the list");
    }

    /// Makes `/etc/resolv.conf` a link to `target`, whose text is `text`.
    pub fn link_list(&self, target: &str, text: &[u8]) {
        let _ = fs::remove_file(self.list_path());
        let file = self.at(target);
        fs::create_dir_all(file.parent().expect("a directory")).expect("making a directory");
        write_roots(&file, text);
        symlink(format!("..{target}"), self.list_path()).expect("making a link");
    }

    /// Root's policy: the tests' engine, and `lines`.
    pub fn write_policy(&self, lines: &str) {
        write_roots(&self.at(POLICY), format!("engine_user = \"{ENGINE_UID}\"\n{lines}\n").as_bytes());
    }

    /// Everything below both directories but for sockets and logs: path, mode and content.
    pub fn files(&self) -> Vec<(PathBuf, u32, Vec<u8>)> {
        let mut found = Vec::new();
        collect(&self.directory, &mut found);
        found.retain(|(path, ..)| !path.ends_with("log") && !path.ends_with("names.sock"));
        found.sort();
        found
    }

    /// Starts a process and waits until it serves.
    pub fn start(&self) -> LiveNames<'_> {
        self.start_with(&Launch::default())
    }

    pub fn start_with(&self, launch: &Launch) -> LiveNames<'_> {
        let served = self.log().matches(SERVING).count();
        let child = self.spawn(launch);
        let mut names = LiveNames { host: self, child };
        eventually("ray-names serves", || {
            assert!(names.is_alive(), "it ended: {}", self.log());
            self.log().matches(SERVING).count() > served
        });
        names
    }

    /// Runs a process to its end: gives its exit code.
    pub fn run(&self, launch: &Launch) -> Option<i32> {
        let mut child = self.spawn(launch);
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = child.try_wait().expect("looking at the process") {
                return status.code();
            }
            if Instant::now() >= deadline {
                child.kill().and_then(|()| child.wait()).expect("ending the process");
                panic!("it serves although it must not");
            }
            thread::sleep(POLL_PAUSE);
        }
    }

    /// `ray-names --undo`, as a service manager runs it.
    pub fn undo(&self) -> Option<i32> {
        self.run(&Launch { undo: true, ..Launch::default() })
    }

    /// Connects as the engine.
    pub fn connect(&self) -> Client {
        self.connect_as(ENGINE_UID).expect("connecting as the engine")
    }

    pub fn connect_as(&self, uid: u32) -> io::Result<Client> {
        Client::connect_as(&self.at(SOCKET), uid, ENGINE_UID)
    }

    /// What all processes have logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    fn spawn(&self, launch: &Launch) -> Child {
        let log = File::options().create(true).append(true).open(self.directory.join("log")).expect("opening the log");
        let mut command = Command::new(binaries::path("ray-names"));
        command.args(["--policy", POLICY, "--socket", SOCKET]);
        if launch.undo {
            command.arg("--undo");
        }
        command.envs(launch.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let mounts = [("etc", "/etc"), ("run", "/run")]
            .map(|(from, to)| (c_path(&self.directory.join(from)), c_path(Path::new(to))));
        let file = launch.list_is_a_mount.then(|| c_path(&self.at("/run/mounted-list")));
        let as_root = c_path(Path::new("/"));
        let list = c_path(Path::new("/etc/resolv.conf"));
        // SAFETY: between fork and exec the closure makes a few system calls with prepared strings, and allocates nothing.
        unsafe {
            command.pre_exec(move || {
                // A test that is killed takes its process along.
                let mut fine = libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) == 0;
                fine &= libc::unshare(libc::CLONE_NEWNS | libc::CLONE_NEWNET) == 0;
                fine &= mount(None, &as_root, libc::MS_REC | libc::MS_PRIVATE);
                if let Some(file) = &file {
                    // Before its directory is hidden by the one that it comes from.
                    fine &= mount(Some(&mounts[0].0), &mounts[0].1, libc::MS_BIND);
                    fine &= mount(Some(file), &list, libc::MS_BIND);
                    fine &= mount(Some(&mounts[1].0), &mounts[1].1, libc::MS_BIND);
                } else {
                    fine &= mounts.iter().all(|(from, to)| mount(Some(from), to, libc::MS_BIND));
                }
                if fine { Ok(()) } else { Err(io::Error::last_os_error()) }
            });
        }
        command.spawn().expect("starting ray-names; its tests need root")
    }
}

impl Drop for NamesHost {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("log of ray-names:\n{}\nits list:\n{}", self.log(), self.list());
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// How a process is started, besides the usual.
#[derive(Debug, Default)]
pub struct Launch {
    /// More environment.
    pub env: Vec<(String, String)>,
    /// With `--undo`, instead of serving.
    pub undo: bool,
    /// `/etc/resolv.conf` is `/run/mounted-list`, mounted over the file, as in a container.
    pub list_is_a_mount: bool,
}

impl Launch {
    /// A process that dies at a named point.
    pub fn crashing_at(point: &str) -> Self {
        Self { env: vec![("RAY_CRASH_AT".to_owned(), point.to_owned())], ..Self::default() }
    }
}

/// A running process. It is killed with its handle, which undoes nothing.
#[derive(Debug)]
pub struct LiveNames<'a> {
    host: &'a NamesHost,
    child: Child,
}

impl LiveNames<'_> {
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"))
    }

    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("looking at ray-names").is_none()
    }

    /// Ends it at once, without a chance to undo.
    pub fn kill(&mut self) {
        self.child.kill().expect("killing ray-names");
        self.child.wait().expect("waiting for ray-names");
    }

    /// Sends a signal that ends it, and waits for its end.
    pub fn end_by(&mut self, signal: Signal) -> ExitStatus {
        kill(self.pid(), signal).expect("asking ray-names to end");
        self.wait()
    }

    /// Waits for an end that comes by itself.
    pub fn wait(&mut self) -> ExitStatus {
        eventually("ray-names ends", || !self.is_alive());
        self.child.wait().expect("waiting for ray-names")
    }

    pub fn host(&self) -> &NamesHost {
        self.host
    }
}

impl Drop for LiveNames<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const SERVING: &str = "ray-names: serving uid";

/// Polls until `holds`, and fails the test when that takes too long. Gives how long it took.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain until {what}");
        thread::sleep(POLL_PAUSE);
    }
    begin.elapsed()
}

fn write_roots(path: &Path, text: &[u8]) {
    let is_new = !path.exists();
    fs::write(path, text).expect("writing a file");
    if is_new {
        set_mode(path, 0o644);
    }
}

fn collect(directory: &Path, found: &mut Vec<(PathBuf, u32, Vec<u8>)>) {
    for entry in fs::read_dir(directory).expect("reading a directory") {
        let entry = entry.expect("an entry");
        let (path, metadata) = (entry.path(), entry.metadata().expect("metadata"));
        let mode = metadata.permissions().mode();
        let content = match metadata.file_type() {
            kind if kind.is_dir() => {
                collect(&path, found);
                Vec::new()
            }
            kind if kind.is_symlink() => fs::read_link(&path).expect("a link").as_os_str().as_bytes().to_vec(),
            kind if kind.is_file() => fs::read(&path).expect("a file"),
            _ => Vec::new(),
        };
        found.push((path, mode, content));
    }
}

fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).expect("a path without a zero")
}

fn mount(from: Option<&CString>, to: &CString, flags: libc::c_ulong) -> bool {
    let from = from.map_or(ptr::null(), |from| from.as_ptr());
    // SAFETY: both strings end in a zero and live longer than the call; a bind or propagation mount has no data.
    unsafe { libc::mount(from, to.as_ptr(), ptr::null(), flags, ptr::null()) == 0 }
}
