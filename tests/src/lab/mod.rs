//! A lab, as a test or the command line holds it.

mod config;
mod connection;
mod error;
mod exec;
pub mod plan;
pub mod protocol;
mod start;
mod wait;

use std::{
    fs::{self, File},
    io::Read,
    os::fd::BorrowedFd,
    process::Child,
    thread,
    time::{Duration, Instant},
};

use self::{
    connection::Connection,
    protocol::{ExecRequest, Reply, Request, expect_done, unexpected},
};

pub use nix::sys::signal::Signal;

pub use self::{
    config::{INFRA, LabConfig, NODES_MAX, NodeConfig, check_name},
    error::LabError,
    exec::{Exec, Output, exit_code},
    protocol::{LabStatus, NodeStatus, Process, ProcessStatus},
    wait::{wait_for, wait_until},
};

/// How long [`Lab::exec`] gives a command.
pub const EXEC_DEADLINE: Duration = Duration::from_secs(30);
/// How long the kernel may take to end every process of a lab.
const DOWN_DEADLINE: Duration = Duration::from_secs(20);

/// A running lab. One that was started here (and not detached) is taken down on drop.
#[derive(Debug)]
pub struct Lab {
    name: String,
    owned: Option<Child>,
}

impl Lab {
    /// Starts a lab that lives as long as this value (and not longer than this process), and waits until it is ready.
    pub fn start(config: LabConfig) -> Result<Self, LabError> {
        Self::start_with(config, &mut |_| {})
    }

    /// [`Lab::start`], telling each step.
    pub fn start_with(config: LabConfig, progress: &mut dyn FnMut(&str)) -> Result<Self, LabError> {
        let name = config.name.clone();
        Ok(Self { name, owned: Some(start::start(config, true, progress)?) })
    }

    /// Starts a lab that lives until it is taken down.
    pub fn start_detached(config: LabConfig, progress: &mut dyn FnMut(&str)) -> Result<Self, LabError> {
        let name = config.name.clone();
        let mut child = start::start(config, false, progress)?;
        // Whenever it ends, it is not to stay a zombie of a process that lives on.
        thread::spawn(move || child.wait());
        Ok(Self { name, owned: None })
    }

    /// A lab that runs already.
    pub fn attach(name: &str) -> Result<Self, LabError> {
        check_name(name)?;
        Connection::open(name)?;
        Ok(Self { name: name.to_owned(), owned: None })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// One node of this lab.
    pub fn node<'a>(&'a self, name: &'a str) -> Node<'a> {
        Node { lab: self, name }
    }

    /// Runs a command as root in a node and waits for it.
    pub fn exec(&self, node: &str, argv: &[&str]) -> Result<Output, LabError> {
        self.spawn(node, None, argv)?.output(EXEC_DEADLINE)
    }

    /// Runs a command as a user of the node (`rayfish`, `alice`, …) and waits for it.
    pub fn exec_as(&self, node: &str, user: &str, argv: &[&str]) -> Result<Output, LabError> {
        self.spawn(node, Some(user), argv)?.output(EXEC_DEADLINE)
    }

    /// [`Lab::exec`] with another deadline.
    pub fn exec_within(&self, deadline: Duration, node: &str, argv: &[&str]) -> Result<Output, LabError> {
        self.spawn(node, None, argv)?.output(deadline)
    }

    /// Starts a command in a node, with pipes as its standard streams.
    pub fn spawn(&self, node: &str, user: Option<&str>, argv: &[&str]) -> Result<Exec, LabError> {
        Exec::piped(Connection::open(&self.name)?, request(node, user, argv, None))
    }

    /// Starts a command in a node with the given standard streams, in the directory `cwd` where there is one.
    pub fn spawn_with(
        &self,
        node: &str,
        user: Option<&str>,
        argv: &[&str],
        cwd: Option<&str>,
        stdio: [BorrowedFd<'_>; 3],
    ) -> Result<Exec, LabError> {
        Exec::with_stdio(Connection::open(&self.name)?, request(node, user, argv, cwd), stdio)
    }

    /// Sends a signal to one of a node's processes; after SIGKILL it has ended when this returns.
    pub fn kill(&self, node: &str, process: Process, signal: Signal) -> Result<(), LabError> {
        self.ask(&Request::Kill { node: node.to_owned(), process, signal: signal as i32 })
    }

    /// Starts a process of a node that is not running, or all, and waits until it answers.
    pub fn start_process(&self, node: &str, process: Option<Process>) -> Result<(), LabError> {
        self.start_process_with(node, process, &[])
    }

    /// [`Lab::start_process`] with more environment, for this start alone.
    pub fn start_process_with(
        &self,
        node: &str,
        process: Option<Process>,
        env: &[(&str, &str)],
    ) -> Result<(), LabError> {
        let env = env.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        self.ask(&Request::Start { node: node.to_owned(), process, env })
    }

    /// Ends a process of a node in order, or all.
    pub fn stop_process(&self, node: &str, process: Option<Process>) -> Result<(), LabError> {
        self.ask(&Request::Stop { node: node.to_owned(), process })
    }

    /// Runs what a service manager runs after the end of a process: `--undo`, with the rights of that process.
    pub fn undo(&self, node: &str, process: Process) -> Result<(), LabError> {
        self.ask(&Request::Undo { node: node.to_owned(), process })
    }

    /// Pulls a node's cable.
    pub fn link_down(&self, node: &str) -> Result<(), LabError> {
        self.ask(&Request::Link { node: node.to_owned(), up: false })
    }

    /// Plugs a node's cable in.
    pub fn link_up(&self, node: &str) -> Result<(), LabError> {
        self.ask(&Request::Link { node: node.to_owned(), up: true })
    }

    /// Makes a node's cable take packets of up to `mtu` bytes. Its own kernel knows; longer ones that come from elsewhere are
    /// lost without a word, as on any switch. From then on no cable of the lab carries a burst as one packet.
    pub fn link_mtu(&self, node: &str, mtu: u16) -> Result<(), LabError> {
        self.ask(&Request::LinkMtu { node: node.to_owned(), mtu })
    }

    /// Loses so many of a hundred packets on a node's cable at random, in each direction; zero ends that.
    pub fn loss(&self, node: &str, percent: f64) -> Result<(), LabError> {
        if !(0.0..=100.0).contains(&percent) {
            return Err(LabError::Usage(format!("{percent} is no percentage")));
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and a million")]
        let ppm = (percent * 10_000.0).round() as u32;
        self.ask(&Request::Loss { node: node.to_owned(), ppm })
    }

    /// Leaves these nodes only the relay to reach others by: their cables carry UDP with the infra alone. All others get
    /// it back.
    pub fn relay_only(&self, nodes: &[&str]) -> Result<(), LabError> {
        self.ask(&Request::RelayOnly { nodes: nodes.iter().map(|node| (*node).to_owned()).collect() })
    }

    /// Parts these nodes from all others, which keep the relay and the pkarr server. No cable is pulled: no node is told.
    pub fn split(&self, apart: &[&str]) -> Result<(), LabError> {
        self.ask(&Request::Split { apart: apart.iter().map(|node| (*node).to_owned()).collect() })
    }

    /// Ends a split.
    pub fn heal(&self) -> Result<(), LabError> {
        self.split(&[])
    }

    /// The log of one process, over all its starts.
    pub fn logs(&self, node: &str, process: Process) -> Result<String, LabError> {
        let mut text = Vec::new();
        self.log_file(node, process)?.read_to_end(&mut text).map_err(LabError::io("reading a log"))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// The log of one process, open for reading.
    pub fn log_file(&self, node: &str, process: Process) -> Result<File, LabError> {
        let (reply, fds) = Connection::open(&self.name)?.ask(&Request::Logs { node: node.to_owned(), process })?;
        match (reply, fds.into_iter().next()) {
            (Reply::Log, Some(fd)) => Ok(File::from(fd)),
            (other, _) => Err(unexpected(other)),
        }
    }

    pub fn status(&self) -> Result<LabStatus, LabError> {
        match Connection::open(&self.name)?.ask(&Request::Status)? {
            (Reply::Status(status), _) => Ok(status),
            (other, _) => Err(unexpected(other)),
        }
    }

    /// The supervisor's outer process, in the host's PID namespace.
    pub fn supervisor_pid(&self) -> Result<i32, LabError> {
        Ok(Connection::open(&self.name)?.pid)
    }

    /// Takes the lab down and waits until every process in it has ended.
    pub fn down(mut self) -> Result<(), LabError> {
        if let Some(child) = self.owned.take() {
            return end(child);
        }
        let connection = Connection::open(&self.name)?;
        connection.send(&Request::Down, &[])?;
        wait_until(DOWN_DEADLINE, "taking the lab down", || has_ended(connection.pid))
    }

    fn ask(&self, request: &Request) -> Result<(), LabError> {
        let (reply, _) = Connection::open(&self.name)?.ask(request)?;
        expect_done(reply)
    }
}

/// A lab in which a program made a system call that its policy does not have is no lab that went well, whatever else was seen.
#[allow(clippy::panic, reason = "there is no other way to tell the end of a scope's owner")]
impl Drop for Lab {
    fn drop(&mut self) {
        let Some(child) = self.owned.take() else { return };
        let violations = self.status().map(|status| status.violations()).unwrap_or_default();
        // Nobody is left to be told.
        let _ = end(child);
        if !violations.is_empty() && !thread::panicking() {
            panic!("ended for a forbidden system call (signal 31): {}", violations.join(", "));
        }
    }
}

/// One node of a lab.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    lab: &'a Lab,
    name: &'a str,
}

impl Node<'_> {
    pub fn exec(&self, argv: &[&str]) -> Result<Output, LabError> {
        self.lab.exec(self.name, argv)
    }

    pub fn exec_as(&self, user: &str, argv: &[&str]) -> Result<Output, LabError> {
        self.lab.exec_as(self.name, user, argv)
    }

    pub fn spawn(&self, argv: &[&str]) -> Result<Exec, LabError> {
        self.lab.spawn(self.name, None, argv)
    }

    pub fn kill(&self, process: Process, signal: Signal) -> Result<(), LabError> {
        self.lab.kill(self.name, process, signal)
    }

    /// Starts all processes.
    pub fn start(&self) -> Result<(), LabError> {
        self.lab.start_process(self.name, None)
    }

    /// Ends all processes in order.
    pub fn stop(&self) -> Result<(), LabError> {
        self.lab.stop_process(self.name, None)
    }

    pub fn link_down(&self) -> Result<(), LabError> {
        self.lab.link_down(self.name)
    }

    pub fn link_up(&self) -> Result<(), LabError> {
        self.lab.link_up(self.name)
    }

    pub fn logs(&self, process: Process) -> Result<String, LabError> {
        self.lab.logs(self.name, process)
    }
}

/// Closes the lifeline and waits until the supervisor, and with it everything in the lab, has gone.
fn end(mut child: Child) -> Result<(), LabError> {
    drop(child.stdin.take());
    let started = Instant::now();
    while child.try_wait().map_err(LabError::io("waiting for the lab's end"))?.is_none() {
        if started.elapsed() >= DOWN_DEADLINE {
            return Err(LabError::Deadline { what: "taking the lab down".to_owned(), after: DOWN_DEADLINE });
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Whether a process has ended; one that nobody reaps, as in a container without an init, has.
fn has_ended(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with('Z'))
}

fn request(node: &str, user: Option<&str>, argv: &[&str], cwd: Option<&str>) -> ExecRequest {
    ExecRequest {
        node: node.to_owned(),
        user: user.map(str::to_owned),
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        env: exec::passed_env(),
        cwd: cwd.map(str::to_owned),
    }
}
