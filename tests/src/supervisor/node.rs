//! One node as the supervisor knows it: its holder, its cable, its processes and their logs.

use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Write},
    os::unix::process::ExitStatusExt,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use nix::sys::signal::Signal;

use super::{
    processes::{Processes, pid_of},
    ready,
    report::chain,
};
use crate::{
    lab::{
        INFRA, NodeConfig, NodeStatus, Process, ProcessStatus,
        plan::{HELPER_SOCKET, LAB_DIR, NAMES_SOCKET, PROGRAMS_DIR, addresses},
        protocol::Reply,
        wait_until,
    },
    node::{
        enter::EnterArgs,
        holder::{CABLE_PLUGGED, HolderArgs, NAMESPACES_READY, NODE_READY},
        netlink::{Netlink, NetlinkError},
        privileges::Privileges,
        wire::Wire,
    },
};

/// The bridges in the supervisor's network namespace: the one that all nodes begin at, and the one of those apart.
pub(super) const SWITCH: &str = "switch";
pub(super) const SWITCH_APART: &str = "switch-apart";
/// The cable's end inside a node.
const CABLE: &str = "eth0";
/// How long a process may take until it answers; a debug build on a busy machine included.
const READY_DEADLINE: Duration = Duration::from_secs(30);
/// How long a process may take to end in order.
const STOP_DEADLINE: Duration = Duration::from_secs(5);
const LOG_TAIL_LINES: usize = 20;

/// A node or process that did not do as told.
#[derive(Debug)]
pub(super) struct NodeError {
    pub(super) message: String,
    pub(super) log_tail: Vec<String>,
}

impl NodeError {
    fn plain(message: impl Into<String>) -> Self {
        Self { message: message.into(), log_tail: vec![] }
    }

    fn caused(what: impl fmt::Display, cause: &dyn std::error::Error) -> Self {
        Self::plain(format!("{what}: {}", chain(cause)))
    }

    pub(super) fn into_reply(self) -> Reply {
        Reply::Refused { message: self.message, log_tail: self.log_tail }
    }
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: String,
    holder: i32,
    /// The holder's standard input: it ends when this closes.
    _holder_stdin: Child,
    env: BTreeMap<String, String>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    link: bool,
    /// `None` while the cable is as it was made.
    wire: Option<Wire>,
    single_packets: bool,
    services: Vec<Service>,
}

#[derive(Debug)]
struct Service {
    process: Process,
    pid: Option<i32>,
    ended: Option<String>,
    violations: u32,
}

impl Node {
    /// Makes a node's namespaces and plugs it into the switch. Nothing runs in it yet.
    pub(super) fn build(
        processes: &Processes,
        name: &str,
        config: NodeConfig,
        env: BTreeMap<String, String>,
    ) -> Result<Self, NodeError> {
        let args = serde_json::to_string(&HolderArgs { node: name.to_owned(), config })
            .map_err(|error| NodeError::caused(format!("describing {name}"), &error))?;
        let log = open_log(name, "namespaces").map_err(|error| NodeError::caused("opening a log", &error))?;
        let mut command = Command::new("/proc/self/exe");
        command.args(["hold", &args]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut child = processes.spawn(&mut command).map_err(|e| NodeError::caused("starting a holder", &e))?;
        let holder = pid_of(&child).map_err(|error| NodeError::caused("starting a holder", &error))?;

        plug(name, holder, &mut child).map_err(|cause| NodeError {
            message: format!("building {name}: {}", chain(&*cause)),
            log_tail: log_tail(name, "namespaces"),
        })?;
        let kinds: &[Process] =
            if name == INFRA { &[Process::Infra] } else { &[Process::Helper, Process::Names, Process::Engine] };
        let services =
            kinds.iter().map(|&process| Service { process, pid: None, ended: None, violations: 0 }).collect();
        let state = Mutex::new(State { link: true, wire: None, single_packets: false, services });
        Ok(Self { name: name.to_owned(), holder, _holder_stdin: child, env, state })
    }

    /// A command that runs in this node with the given rights.
    pub(super) fn command(
        &self,
        privileges: Privileges,
        argv: Vec<String>,
        cwd: Option<String>,
    ) -> Result<Command, NodeError> {
        let args = serde_json::to_string(&EnterArgs { holder: self.holder, privileges, cwd, argv })
            .map_err(|error| NodeError::caused("describing a command", &error))?;
        let mut command = Command::new("/proc/self/exe");
        command.args(["enter", &args]).env_clear();
        Ok(command)
    }

    /// Starts those of `wanted` that do not run and waits until each answers.
    pub(super) fn start(
        &self,
        processes: &Processes,
        wanted: &[Process],
        env: &BTreeMap<String, String>,
    ) -> Result<(), NodeError> {
        for &process in wanted {
            let mut state = self.lock();
            let service = self.service(&mut state, process)?;
            service.notice_end(processes);
            if service.pid.is_none() {
                let pid = self.launch(processes, process, env)?;
                service.pid = Some(pid);
                service.ended = None;
                drop(state);
                self.await_ready(processes, process, pid)?;
            }
        }
        Ok(())
    }

    /// Ends those of `wanted` that run: in order, and by force when that takes too long.
    pub(super) fn stop(&self, processes: &Processes, wanted: &[Process]) -> Result<(), NodeError> {
        for &process in wanted {
            let mut state = self.lock();
            let service = self.service(&mut state, process)?;
            service.notice_end(processes);
            let Some(pid) = service.pid else { continue };
            // It may end by itself meanwhile: that is what is wanted.
            let _ = processes.signal(pid, Signal::SIGTERM);
            let mut status = processes.wait(pid, Some(STOP_DEADLINE));
            if status.is_none() {
                let _ = processes.signal(pid, Signal::SIGKILL);
                status = processes.wait(pid, None);
            }
            service.record(status.unwrap_or_default());
        }
        Ok(())
    }

    /// Signals a process that runs. After SIGKILL its end is waited for.
    pub(super) fn kill(&self, processes: &Processes, process: Process, signal: Signal) -> Result<(), NodeError> {
        let mut state = self.lock();
        let service = self.service(&mut state, process)?;
        service.notice_end(processes);
        let name = format!("{} of {}", process.name(), self.name);
        let pid = service.pid.ok_or_else(|| NodeError::plain(format!("the {name} is not running")))?;
        processes.signal(pid, signal).map_err(|errno| NodeError::caused(format!("signalling the {name}"), &errno))?;
        if signal == Signal::SIGKILL {
            let status = processes.wait(pid, None);
            service.record(status.unwrap_or(Signal::SIGKILL as i32));
        }
        Ok(())
    }

    /// Pulls the cable or plugs it in, at the switch's end.
    pub(super) fn set_link(&self, up: bool) -> Result<(), NodeError> {
        let mut state = self.lock();
        Netlink::open()
            .and_then(|netlink| netlink.set_link(&self.name, up))
            .map_err(|error| NodeError::caused(format!("the cable of {}", self.name), &error))?;
        state.link = up;
        Ok(())
    }

    /// Changes what the cable does to packets.
    pub(super) fn rewire(&self, change: impl FnOnce(&mut Wire)) -> Result<(), NodeError> {
        let mut state = self.lock();
        let before = state.wire;
        let mut wire = before.unwrap_or_default();
        change(&mut wire);
        let rewired = || {
            let (switch, inside) = (Netlink::open()?, Netlink::open_in(self.holder)?);
            if before.is_none() {
                switch.prepare_filters(&self.name)?;
            }
            switch.set_filter(&self.name, &wire.program())?;
            switch.set_mtu(&self.name, wire.mtu.into())?;
            inside.set_mtu(CABLE, wire.mtu.into())
        };
        rewired().map_err(|error: NetlinkError| NodeError::caused(format!("the cable of {}", self.name), &error))?;
        state.wire = Some(wire);
        Ok(())
    }

    /// Has the node's kernel send every packet by itself.
    pub(super) fn send_single_packets(&self) -> Result<(), NodeError> {
        let mut state = self.lock();
        if !state.single_packets {
            Netlink::open_in(self.holder)
                .and_then(|netlink| netlink.send_single_packets(CABLE))
                .map_err(|error| NodeError::caused(format!("the cable of {}", self.name), &error))?;
            state.single_packets = true;
        }
        Ok(())
    }

    /// Plugs the node into one of the two switches.
    pub(super) fn set_apart(&self, apart: bool) -> Result<(), NodeError> {
        let _state = self.lock();
        let switch = if apart { SWITCH_APART } else { SWITCH };
        Netlink::open()
            .and_then(|netlink| netlink.move_port(&self.name, switch))
            .map_err(|error| NodeError::caused(format!("the cable of {}", self.name), &error))
    }

    /// The log of a process, for reading; there is none before its first start.
    pub(super) fn log(&self, process: Process) -> Result<File, NodeError> {
        self.service(&mut self.lock(), process)?;
        File::open(log_path(&self.name, process.name()))
            .map_err(|_| NodeError::plain(format!("the {} of {} has never run", process.name(), self.name)))
    }

    pub(super) fn status(&self, processes: &Processes) -> NodeStatus {
        let mut state = self.lock();
        let link = state.link;
        let (v4, v6) = addresses(&self.name).map_or_else(Default::default, |(v4, v6)| (v4.to_string(), v6.to_string()));
        let of = |service: &mut Service| {
            service.notice_end(processes);
            ProcessStatus {
                process: service.process,
                pid: service.pid,
                ended: service.ended.clone(),
                violations: service.violations,
            }
        };
        NodeStatus { name: self.name.clone(), v4, v6, link, processes: state.services.iter_mut().map(of).collect() }
    }

    /// What runs in a node of this kind, in the order in which it is started.
    pub(super) fn kinds(&self) -> Vec<Process> {
        self.lock().services.iter().map(|service| service.process).collect()
    }

    /// Runs what a service manager runs after the end of `process`, and waits for its end.
    pub(super) fn undo(&self, processes: &Processes, process: Process) -> Result<(), NodeError> {
        let name = format!("the undo after the {} of {}", process.name(), self.name);
        let (privileges, mut argv) = as_started(process);
        argv.push("--undo".to_owned());
        let mut command = self.command(privileges, argv, None)?;
        let log = || open_log(&self.name, process.name());
        let mut start = || -> io::Result<i32> {
            command.envs(&self.env).stdin(Stdio::null()).stdout(log()?).stderr(log()?);
            pid_of(&processes.spawn(&mut command)?)
        };
        let pid = start().map_err(|error| NodeError::caused(format!("starting {name}"), &error))?;
        let Some(status) = processes.wait(pid, Some(READY_DEADLINE)) else {
            processes.kill_session(pid);
            return Err(NodeError::plain(format!("{name} does not end")));
        };
        match status {
            0 => Ok(()),
            status => Err(NodeError {
                message: format!("{name}: {}", in_words(status)),
                log_tail: log_tail(&self.name, process.name()),
            }),
        }
    }

    fn launch(
        &self,
        processes: &Processes,
        process: Process,
        env: &BTreeMap<String, String>,
    ) -> Result<i32, NodeError> {
        let (privileges, argv) = as_started(process);
        let log = || open_log(&self.name, process.name());
        let start = || -> io::Result<i32> {
            let mut command =
                self.command(privileges.clone(), argv.clone(), None).map_err(|e| io::Error::other(e.message))?;
            command.envs(&self.env).envs(env).stdin(Stdio::null()).stdout(log()?).stderr(log()?);
            pid_of(&processes.spawn(&mut command)?)
        };
        start().map_err(|error| NodeError::caused(format!("starting the {} of {}", process.name(), self.name), &error))
    }

    fn await_ready(&self, processes: &Processes, process: Process, pid: i32) -> Result<(), NodeError> {
        let answers = || match process {
            Process::Helper => ready::privileged(self.holder, HELPER_SOCKET),
            Process::Names => ready::privileged(self.holder, NAMES_SOCKET),
            Process::Engine => ready::engine(self.holder),
            Process::Infra => ready::infra(self.holder),
        };
        let name = format!("the {} of {}", process.name(), self.name);
        let mut ended = None;
        let waited = wait_until(READY_DEADLINE, &name, || {
            ended = processes.ended(pid);
            ended.is_some() || answers()
        });
        let message = match (waited, ended) {
            (Ok(()), None) => return Ok(()),
            (_, Some(status)) => format!("{name} ended before it answered: {}", in_words(status)),
            (Err(_), None) => format!("{name} does not answer after {} s", READY_DEADLINE.as_secs()),
        };
        Err(NodeError { message, log_tail: log_tail(&self.name, process.name()) })
    }

    fn service<'a>(&self, state: &'a mut State, process: Process) -> Result<&'a mut Service, NodeError> {
        state
            .services
            .iter_mut()
            .find(|service| service.process == process)
            .ok_or_else(|| NodeError::plain(format!("{} has no {}", self.name, process.name())))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service {
    fn notice_end(&mut self, processes: &Processes) {
        if let Some(pid) = self.pid
            && processes.ended(pid).is_some()
            && let Some(status) = processes.wait(pid, None)
        {
            self.record(status);
        }
    }

    fn record(&mut self, status: i32) {
        self.pid = None;
        self.ended = Some(in_words(status));
        self.violations += u32::from(ExitStatus::from_raw(status).signal() == Some(Signal::SIGSYS as i32));
    }
}

/// With what rights and how a process is started.
fn as_started(process: Process) -> (Privileges, Vec<String>) {
    let program = |name: &str| vec![format!("{PROGRAMS_DIR}/{name}")];
    match process {
        Process::Helper => (Privileges::Helper, program("ray-helper")),
        Process::Names => (Privileges::Names, program("ray-names")),
        Process::Engine => (Privileges::Engine, program("ray-engine")),
        Process::Infra => (Privileges::Engine, [program("ray-lab"), vec!["infra".to_owned()]].concat()),
    }
}

/// Follows the holder through its two steps, with the cable between them.
fn plug(name: &str, holder: i32, child: &mut Child) -> Result<(), Box<dyn std::error::Error>> {
    let (Some(stdin), Some(stdout)) = (child.stdin.as_mut(), child.stdout.take()) else {
        return Err("the holder has no pipes".into());
    };
    let mut lines = BufReader::new(stdout).lines();
    let mut expect = |word: &str| match lines.next() {
        Some(Ok(line)) if line == word => Ok(()),
        Some(Ok(line)) => Err(format!("the holder said {line:?}")),
        Some(Err(_)) | None => Err("its holder ended".to_owned()),
    };
    expect(NAMESPACES_READY)?;
    let netlink = Netlink::open()?;
    netlink.add_cable(name, SWITCH, CABLE, holder)?;
    netlink.set_link(name, true)?;
    writeln!(stdin, "{CABLE_PLUGGED}")?;
    expect(NODE_READY)?;
    Ok(())
}

fn in_words(status: i32) -> String {
    ExitStatus::from_raw(status).to_string()
}

fn log_path(node: &str, process: &str) -> String {
    format!("{LAB_DIR}/logs/{node}-{process}.log")
}

fn open_log(node: &str, process: &str) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(log_path(node, process))
}

fn log_tail(node: &str, process: &str) -> Vec<String> {
    let text = fs::read(log_path(node, process)).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(LOG_TAIL_LINES)).map(|line| (*line).to_owned()).collect()
}
