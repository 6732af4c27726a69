//! Serves clients of a running lab, a thread each.

use std::{
    net::Shutdown,
    os::{
        fd::OwnedFd,
        unix::net::{UnixDatagram, UnixListener},
    },
    process::{self, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use nix::{sys::signal::Signal, unistd::getuid};
use ray_ipc::cred::PeerCred;

use super::{inner::Running, node::NodeError, processes::pid_of};
use crate::{
    lab::{
        INFRA, LabStatus,
        protocol::{self, ExecRequest, Reply, Request},
    },
    node::{
        privileges::Privileges,
        wire::{LOSS_PPM_MAX, MTU_MAX, MTU_MIN, Wire},
    },
};

/// Clients at a time. Each holds a thread; a test with more is a mistake.
const CLIENTS_MAX: usize = 256;

/// Accepts clients for ever.
pub(super) fn serve(running: &Arc<Running>, listener: &UnixListener) -> ! {
    let clients = Arc::new(AtomicUsize::new(0));
    loop {
        let Ok((stream, _)) = listener.accept() else { continue };
        // std has no type for SOCK_SEQPACKET; a datagram socket's calls are those that keep message borders.
        let socket = UnixDatagram::from(OwnedFd::from(stream));
        if clients.fetch_add(1, Ordering::Relaxed) >= CLIENTS_MAX || !is_ours(&socket) {
            clients.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let (running, clients) = (Arc::clone(running), Arc::clone(&clients));
        thread::spawn(move || {
            // A client that stops in mid-message is of no further interest.
            let _ = converse(&running, &socket);
            clients.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// Only the user who started the lab. In a user namespace both uids read as 0.
fn is_ours(socket: &UnixDatagram) -> bool {
    PeerCred::of(socket).is_ok_and(|peer| peer.uid == getuid().as_raw())
}

fn converse(running: &Arc<Running>, socket: &UnixDatagram) -> std::io::Result<()> {
    while let Some((request, fds)) = protocol::recv::<Request>(socket)? {
        let reply = match request {
            Request::Exec(exec) => match start_exec(running, &exec, fds) {
                Ok(pid) => return follow_exec(running, socket, pid),
                Err(reply) => reply,
            },
            Request::Down => process::exit(0),
            Request::Logs { node, process } => match open_log(running, &node, process) {
                Ok(log) => {
                    protocol::send(socket, &Reply::Log, &[std::os::fd::AsFd::as_fd(&log)])?;
                    continue;
                }
                Err(reply) => reply,
            },
            Request::Status => Reply::Status(status(running)),
            Request::Signal(_) => refused("there is no command on this connection"),
            Request::Kill { node, process, signal } => done(on(running, &node).and_then(|node| {
                let signal = Signal::try_from(signal).map_err(|_| refused("there is no such signal"))?;
                node.kill(&running.processes, process, signal).map_err(NodeError::into_reply)
            })),
            Request::Start { node, process, env } => done(on(running, &node).and_then(|node| {
                let wanted = process.map_or_else(|| node.kinds(), |process| vec![process]);
                node.start(&running.processes, &wanted, &env).map_err(NodeError::into_reply)
            })),
            // The last to be started is the first to end: a helper need not undo under a living engine.
            Request::Stop { node, process } => done(on(running, &node).and_then(|node| {
                let mut wanted = process.map_or_else(|| node.kinds(), |process| vec![process]);
                wanted.reverse();
                node.stop(&running.processes, &wanted).map_err(NodeError::into_reply)
            })),
            Request::Undo { node, process } => done(
                on(running, &node)
                    .and_then(|node| node.undo(&running.processes, process).map_err(NodeError::into_reply)),
            ),
            Request::Link { node, up } => {
                done(on(running, &node).and_then(|node| node.set_link(up).map_err(NodeError::into_reply)))
            }
            Request::LinkMtu { node, mtu } if (MTU_MIN..=MTU_MAX).contains(&mtu) => {
                done(rewire(running, &[node], |wire, _| wire.mtu = mtu))
            }
            Request::LinkMtu { .. } => refused(&format!("a cable takes an MTU of {MTU_MIN} to {MTU_MAX}")),
            Request::Loss { node, ppm } if ppm <= LOSS_PPM_MAX => {
                done(rewire(running, &[node], |wire, _| wire.loss_ppm = ppm))
            }
            Request::Loss { .. } => refused("no cable loses more than all"),
            Request::RelayOnly { nodes } => {
                let all: Vec<String> = running.nodes.keys().filter(|node| *node != INFRA).cloned().collect();
                let known = nodes.iter().try_for_each(|node| on(running, node).map(|_| ()));
                done(known.and_then(|()| rewire(running, &all, |wire, node| wire.relay_only = nodes.contains(node))))
            }
            Request::Split { apart } => done(split(running, &apart)),
        };
        protocol::send(socket, &reply, &[])?;
    }
    Ok(())
}

/// Changes how the cables of these nodes behave. A rough cable is a matter of single packets, so no cable is to carry
/// anything else any more.
fn rewire(running: &Running, nodes: &[String], change: impl Fn(&mut Wire, &String)) -> Result<(), Reply> {
    let nodes = nodes.iter().map(|node| on(running, node)).collect::<Result<Vec<_>, _>>()?;
    running.nodes.values().try_for_each(|node| node.send_single_packets().map_err(NodeError::into_reply))?;
    nodes.into_iter().try_for_each(|node| node.rewire(|wire| change(wire, &node.name)).map_err(NodeError::into_reply))
}

fn split(running: &Running, apart: &[String]) -> Result<(), Reply> {
    for node in apart {
        on(running, node)?;
    }
    running.nodes.values().try_for_each(|node| {
        let apart = apart.contains(&node.name);
        node.set_apart(apart).map_err(NodeError::into_reply)
    })
}

fn start_exec(running: &Running, exec: &ExecRequest, fds: Vec<OwnedFd>) -> Result<i32, Reply> {
    let node = on(running, &exec.node)?;
    let Ok([stdin, stdout, stderr]) = <[OwnedFd; 3]>::try_from(fds) else {
        return Err(refused("a command comes with three descriptors"));
    };
    let privileges = match &exec.user {
        Some(user) if user != "root" => Privileges::User(user.clone()),
        Some(_) | None => Privileges::Root,
    };
    let mut command = node.command(privileges, exec.argv.clone(), exec.cwd.clone()).map_err(NodeError::into_reply)?;
    command.envs(&exec.env).stdin(Stdio::from(stdin)).stdout(Stdio::from(stdout)).stderr(Stdio::from(stderr));
    let child = running.processes.spawn(&mut command);
    child.and_then(|child| pid_of(&child)).map_err(|error| refused(&format!("starting a command: {error}")))
}

/// Forwards signals to the command until it ends, and ends it when the client leaves.
fn follow_exec(running: &Arc<Running>, socket: &UnixDatagram, pid: i32) -> std::io::Result<()> {
    let (waiter, answer) = (Arc::clone(running), socket.try_clone()?);
    thread::spawn(move || {
        if let Some(status) = waiter.processes.wait(pid, None) {
            let _ = protocol::send(&answer, &Reply::Ended(status), &[]);
        }
        // Wakes the thread that waits for signals below.
        let _ = answer.shutdown(Shutdown::Both);
    });
    while let Ok(Some((request, _))) = protocol::recv::<Request>(socket) {
        if let Request::Signal(signal) = request
            && let Ok(signal) = Signal::try_from(signal)
        {
            // A command that has just ended needs no signal.
            let _ = running.processes.signal(pid, signal);
        }
    }
    running.processes.kill_session(pid);
    Ok(())
}

fn open_log(running: &Running, node: &str, process: crate::lab::Process) -> Result<std::fs::File, Reply> {
    on(running, node)?.log(process).map_err(NodeError::into_reply)
}

fn status(running: &Running) -> LabStatus {
    LabStatus {
        schema: LabStatus::SCHEMA.to_owned(),
        name: running.config.name.clone(),
        uptime_s: running.started.elapsed().as_secs(),
        nodes: running.nodes.values().map(|node| node.status(&running.processes)).collect(),
    }
}

fn on<'a>(running: &'a Running, node: &str) -> Result<&'a super::node::Node, Reply> {
    running
        .nodes
        .get(node)
        .ok_or_else(|| Reply::UnknownNode { node: node.to_owned(), known: running.nodes.keys().cloned().collect() })
}

fn done(result: Result<(), Reply>) -> Reply {
    result.err().unwrap_or(Reply::Done)
}

fn refused(message: &str) -> Reply {
    Reply::Refused { message: message.to_owned(), log_tail: vec![] }
}
