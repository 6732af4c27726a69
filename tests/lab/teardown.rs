//! Whatever ends a lab, nothing of it is left.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    process::{Child, Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use ray_tests::{
    binaries,
    lab::{Lab, LabConfig, LabError, protocol::Boot, wait_until},
};

use crate::{DEADLINE, bare};

/// A file that a careless starter of a lab holds open.
const LEFT_OPEN: &str = "/etc/passwd";

#[test]
fn nothing_is_left_of_a_dropped_lab() {
    let before = Machine::now();
    let lab = bare(2);
    let traces = Traces::of(&lab);
    drop(lab);
    traces.assert_gone();
    before.assert_unchanged();
}

#[test]
fn nothing_is_left_when_the_outer_supervisor_is_killed() {
    let before = Machine::now();
    let lab = bare(2);
    let traces = Traces::of(&lab);
    kill(Pid::from_raw(lab.supervisor_pid().unwrap()), Signal::SIGKILL).unwrap();
    traces.assert_gone();
    before.assert_unchanged();
}

#[test]
fn nothing_is_left_when_the_inner_supervisor_is_killed() {
    let before = Machine::now();
    let lab = bare(2);
    let traces = Traces::of(&lab);
    let outer = lab.supervisor_pid().unwrap();
    let inner = children(outer).into_iter().next().unwrap();
    kill(Pid::from_raw(inner), Signal::SIGKILL).unwrap();
    traces.assert_gone();
    before.assert_unchanged();
}

#[test]
fn nothing_is_left_when_a_terminal_or_an_init_ends_the_supervisor() {
    // Below `nohup` a lab outlives the terminal, as it was asked to.
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().filter(|signal| !is_ignored(*signal)) {
        let lab = bare(1);
        let traces = Traces::of(&lab);
        kill(Pid::from_raw(lab.supervisor_pid().unwrap()), signal).unwrap();
        traces.assert_gone();
    }
}

#[test]
fn nothing_is_left_when_the_owner_is_killed() {
    let (owner, name) = owner();
    let lab = Lab::attach(&name).unwrap();
    let traces = Traces::of(&lab);
    // Its end of the lifeline closes with it, and only so.
    drop(owner);
    traces.assert_gone();
}

#[test]
fn a_lab_holds_no_file_that_its_starter_left_open() {
    let (owner, name) = owner();
    let lab = Lab::attach(&name).unwrap();
    let traces = Traces::of(&lab);
    for pid in &traces.pids {
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).unwrap() {
            let target = fs::read_link(entry.unwrap().path()).unwrap_or_default();
            assert_ne!(target.to_str(), Some(LEFT_OPEN), "process {pid}");
        }
    }
    drop(owner);
    traces.assert_gone();
}

#[test]
fn nothing_is_left_when_a_demo_is_interrupted_or_killed() {
    let before = Machine::now();
    for signal in [Signal::SIGINT, Signal::SIGKILL] {
        let mut demo = Command::new(binaries::path("ray-lab"))
            .args(["demo", "--built", "--json"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let pid = Pid::from_raw(i32::try_from(demo.id()).unwrap());
        let mut traces = None;
        wait_until(DEADLINE, "the demo's lab starts", || {
            let first = children(pid.as_raw()).into_iter().next();
            traces = first.map(Traces::below).filter(|traces| traces.pids.len() > 2);
            traces.is_some() || demo.try_wait().unwrap().is_some()
        })
        .unwrap();
        // A demo that has already failed leaves as little.
        let _ = kill(pid, signal);
        demo.wait().unwrap();
        if let Some(traces) = traces {
            traces.assert_gone();
        }
    }
    before.assert_unchanged();
}

#[test]
fn a_detached_lab_lives_until_it_is_taken_down() {
    let before = Machine::now();
    let config = LabConfig::bare(1);
    let name = config.name.clone();
    drop(Lab::start_detached(config, &mut |_| {}).unwrap());
    let lab = Lab::attach(&name).unwrap();
    assert_eq!(lab.exec("n1", &["true"]).unwrap().code(), 0);
    let traces = Traces::of(&lab);
    let output = Command::new(binaries::path("ray-lab")).args(["down", "--name", &name]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    traces.assert_gone();
    assert!(matches!(Lab::attach(&name), Err(LabError::NotRunning { .. })));
    before.assert_unchanged();
}

#[test]
fn refuses_a_second_lab_of_the_same_name_and_leaves_the_first_alone() {
    let lab = bare(1);
    let config = LabConfig { name: lab.name().to_owned(), ..LabConfig::bare(1) };
    let error = Lab::start(config).unwrap_err();
    assert!(error.to_string().contains("running already"), "{error}");
    assert_eq!(lab.exec("n1", &["true"]).unwrap().code(), 0);
}

#[test]
fn nothing_is_left_of_a_lab_that_did_not_come_up() {
    let before = Machine::now();
    let mut config = LabConfig::bare(2);
    config.node("n1").engine = true;
    config.node("n1").engine_toml = "this is not toml".to_owned();
    let name = config.name.clone();
    let error = Lab::start(config).unwrap_err();
    assert!(matches!(&error, LabError::Start { message, .. } if message.contains("engine of n1")), "{error}");
    assert!(matches!(Lab::attach(&name), Err(LabError::NotRunning { .. })));
    before.assert_unchanged();
}

/// A process that owns a lab as a test would: it alone holds the other end of the supervisor's stdin.
fn owner() -> (Owner, String) {
    let config = LabConfig::bare(1);
    let name = config.name.clone();
    let supervisor = binaries::path("ray-lab");
    let programs = supervisor.parent().unwrap().to_str().unwrap().to_owned();
    let boot = serde_json::to_string(&Boot { config, programs, lifeline: true }).unwrap();

    let (read_end, write_end) = std::io::pipe().unwrap();
    let owner = Command::new("sleep").arg("4720").stdout(write_end.try_clone().unwrap()).spawn().unwrap();
    let script = format!("exec 9<{LEFT_OPEN}; exec \"$0\" supervise");
    let mut lab = Command::new("sh");
    lab.args(["-c", &script]).arg(supervisor).stdin(read_end).stdout(Stdio::null());
    let mut lab = lab.spawn().unwrap();
    std::thread::spawn(move || lab.wait());
    writeln!(&write_end, "{boot}").unwrap();
    drop(write_end);
    wait_until(DEADLINE, "the lab answers", || Lab::attach(&name).is_ok_and(|lab| lab.status().is_ok())).unwrap();
    (Owner(owner), name)
}

/// Killed on drop, also by a test that fails.
struct Owner(Child);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// What of the machine a lab must not touch.
#[derive(Debug, PartialEq)]
struct Machine {
    mounts: String,
    interfaces: BTreeSet<String>,
    files: BTreeSet<String>,
}

impl Machine {
    fn now() -> Self {
        let interfaces = fs::read_to_string("/proc/net/dev").unwrap();
        let interfaces = interfaces.lines().skip(2).filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned()));
        let below = |directory: &str| {
            let entries = fs::read_dir(directory).unwrap();
            entries.map(|entry| entry.unwrap().path().display().to_string()).collect::<Vec<_>>()
        };
        let mut files: BTreeSet<_> = below("/run").into_iter().collect();
        // Others work in /tmp meanwhile; nothing of ours would lack our name.
        files.extend(below("/tmp").into_iter().filter(|path| path.contains("ray-lab")));
        Self { mounts: fs::read_to_string("/proc/self/mountinfo").unwrap(), interfaces: interfaces.collect(), files }
    }

    fn assert_unchanged(&self) {
        assert_eq!(*self, Self::now());
    }
}

/// What a living lab consists of.
struct Traces {
    pids: Vec<i32>,
    namespaces: BTreeSet<String>,
    socket: Option<String>,
}

impl Traces {
    fn of(lab: &Lab) -> Self {
        let mut traces = Self::below(lab.supervisor_pid().unwrap());
        // Both supervisors and one holder a host.
        assert!(traces.pids.len() >= 4, "{:?}", traces.pids);
        traces.socket = Some(format!("@ray-lab-0-{}", lab.name()));
        traces
    }

    fn below(root: i32) -> Self {
        let mut pids = vec![root];
        let mut next = 0;
        while let Some(&pid) = pids.get(next) {
            pids.extend(children(pid));
            next += 1;
        }
        let own = namespaces_of("self");
        let namespaces = pids.iter().flat_map(|pid| namespaces_of(&pid.to_string())).collect::<BTreeSet<_>>();
        Self { pids, namespaces: namespaces.difference(&own).cloned().collect(), socket: None }
    }

    /// Namespaces of the lab in which any process still is.
    fn left(&self) -> BTreeSet<String> {
        let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
        let living = pids.filter(|name| name.parse().is_ok_and(|pid| !is_zombie(pid)));
        living.flat_map(|pid| namespaces_of(&pid)).filter(|namespace| self.namespaces.contains(namespace)).collect()
    }

    fn assert_gone(&self) {
        let gone = |pid: &i32| !fs::exists(format!("/proc/{pid}")).unwrap() || is_zombie(*pid);
        wait_until(DEADLINE, "every process ends", || self.pids.iter().all(gone)).unwrap();
        wait_until(DEADLINE, "every namespace goes", || self.left().is_empty()).unwrap();
        if let Some(socket) = &self.socket {
            let free = || !fs::read_to_string("/proc/net/unix").unwrap().lines().any(|line| line.ends_with(socket));
            wait_until(DEADLINE, "the socket's name is free", free).unwrap();
        }
    }
}

fn namespaces_of(pid: &str) -> BTreeSet<String> {
    let read = |kind: &str| fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok();
    ["net", "mnt", "pid", "uts"].into_iter().filter_map(read).map(|link| link.display().to_string()).collect()
}

fn children(pid: i32) -> Vec<i32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok())
        .flat_map(|text| text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// Whether this process, and so its children, ignores a signal.
fn is_ignored(signal: Signal) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("a mask of ignored signals");
    u64::from_str_radix(mask.trim(), 16).unwrap() >> (signal as i32 - 1) & 1 == 1
}

fn is_zombie(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with('Z'))
}
