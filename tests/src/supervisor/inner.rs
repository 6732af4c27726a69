//! PID 1 of a lab: builds the switch and the nodes, then serves clients until it is told to end.
//!
//! Everything of the lab is a descendant of this process or belongs to one, so its end, by whatever signal, is the
//! lab's: the kernel kills the PID namespace and takes the namespaces, mounts and devices with it.

use std::{
    collections::BTreeMap,
    fs,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::{UnixDatagram, UnixListener},
    },
    process,
    sync::Arc,
    thread,
    time::Instant,
};

use nix::sched::{CloneFlags, unshare};

use super::{
    node::{Node, NodeError, SWITCH, SWITCH_APART},
    processes::Processes,
    programs,
    report::{chain, progress, report},
    serve,
};
use crate::{
    lab::{
        INFRA, LabConfig, NodeConfig, Process,
        plan::LAB_DIR,
        protocol::{self, Boot, Report},
    },
    node::{mounts, netlink::Netlink},
};

/// A lab that runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) config: LabConfig,
    pub(super) nodes: BTreeMap<String, Node>,
    pub(super) processes: Arc<Processes>,
    pub(super) started: Instant,
}

/// Builds the lab that the outer half describes on stdin, and serves it. Never returns.
pub fn run() -> ! {
    match start() {
        Ok((running, listener)) => serve::serve(&running, &listener),
        Err(NodeError { message, log_tail }) => {
            report(&Report::Failed { message, log_tail });
            process::exit(1)
        }
    }
}

fn start() -> Result<(Arc<Running>, UnixListener), NodeError> {
    let outer = std::io::stdin().as_fd().try_clone_to_owned().map_err(failed("taking over the socket pair"))?;
    let outer = UnixDatagram::from(outer);
    let (boot, fds) =
        protocol::recv::<Boot>(&outer).map_err(failed("reading the lab's description"))?.ok_or_else(|| {
            failed("reading the lab's description")(std::io::Error::from(std::io::ErrorKind::UnexpectedEof))
        })?;
    let listener = fds.into_iter().next().ok_or_else(|| failed("taking over the lab's socket")(missing_fd()))?;
    thread::spawn(move || end_with(&outer));

    cover(&boot).map_err(failed("building the lab's own file system view"))?;
    add_switches().map_err(failed("building the switches"))?;
    let running = build(boot.config)?;
    report(&Report::Ready);
    Ok((running, UnixListener::from(listener)))
}

/// The outer half closes its end only by dying.
fn end_with(outer: &UnixDatagram) {
    while let Ok(Some(_)) = protocol::recv::<serde_json::Value>(outer) {}
    process::exit(1);
}

fn cover(boot: &Boot) -> Result<(), Box<dyn std::error::Error>> {
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET)?;
    mounts::make_private()?;
    mounts::fresh_proc()?;
    let directory: OwnedFd = programs::remember(&boot.programs)?;
    mounts::fresh_run(&mounts::RUN_KEPT)?;
    fs::create_dir_all(format!("{LAB_DIR}/logs"))?;
    programs::install(&directory)?;
    Ok(())
}

fn add_switches() -> Result<(), Box<dyn std::error::Error>> {
    // A switch is no host: it takes no part in what it carries. A kernel without IPv6 has no such file.
    for scope in ["all", "default"] {
        let _ = fs::write(format!("/proc/sys/net/ipv6/conf/{scope}/disable_ipv6"), "1");
    }
    let netlink = Netlink::open()?;
    for switch in [SWITCH, SWITCH_APART] {
        netlink.add_bridge(switch)?;
        netlink.set_link(switch, true)?;
    }
    Ok(())
}

fn build(config: LabConfig) -> Result<Arc<Running>, NodeError> {
    let started = Instant::now();
    let processes = Arc::new(Processes::default());
    let reaper = Arc::clone(&processes);
    thread::spawn(move || reaper.reap());

    let mut nodes = BTreeMap::new();
    for name in [vec![INFRA.to_owned()], config.node_names()].concat() {
        progress(format!("building {name}"));
        let node = Node::build(&processes, &name, config.of(&name), config.env.clone())?;
        nodes.insert(name, node);
    }
    let running = Arc::new(Running { config, nodes, processes, started });
    start_processes(&running)?;
    Ok(running)
}

/// The infra first: engines look for their relay at once. Then all nodes side by side.
fn start_processes(running: &Running) -> Result<(), NodeError> {
    if let Some(infra) = running.nodes.get(INFRA).filter(|_| running.config.infra) {
        progress("starting the relay and the pkarr server");
        infra.start(&running.processes, &[Process::Infra], &BTreeMap::new())?;
    }
    progress("starting helpers, names and engines");
    thread::scope(|scope| {
        let starts: Vec<_> = running
            .nodes
            .values()
            .filter(|node| node.name != INFRA)
            .map(|node| {
                let wanted = wanted(&running.config.of(&node.name));
                scope.spawn(move || node.start(&running.processes, &wanted, &BTreeMap::new()))
            })
            .collect();
        starts.into_iter().try_for_each(|start| {
            start.join().unwrap_or_else(|_| Err(failed("starting a node")(std::io::Error::other("a thread died"))))
        })
    })
}

fn wanted(config: &NodeConfig) -> Vec<Process> {
    let helper = config.helper.then_some(Process::Helper);
    let names = config.names.then_some(Process::Names);
    let engine = config.engine.then_some(Process::Engine);
    helper.into_iter().chain(names).chain(engine).collect()
}

fn missing_fd() -> Box<dyn std::error::Error> {
    "no socket came with it".into()
}

fn failed<E: Into<Box<dyn std::error::Error>>>(what: &'static str) -> impl FnOnce(E) -> NodeError {
    move |cause| NodeError { message: format!("{what}: {}", chain(&*cause.into())), log_tail: vec![] }
}
