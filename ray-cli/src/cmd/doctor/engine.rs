//! What the engine says of itself, asked once and shared by all checks.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use ray_ipc::{
    control::{DnsReply, DnsRequest, ErrorCode, HelperState, Reply, Request, StatusReply, TunStatus},
    cred::PeerCred,
};

use super::finding::Verdict;
use crate::{
    client::{Client, ClientError},
    error::{Failure, unexpected},
};

/// How long the engine may take for an answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// The engine behind a socket.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) socket: PathBuf,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) enum State {
    Answers(Box<Answer>),
    /// It speaks, and tells this user nothing.
    Reserved(Process, Trouble),
    /// It is not there, or not one to talk to.
    Silent(Trouble),
}

/// The process that listens, on the kernel's word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Process {
    /// 0 where it is in a pid namespace that this process cannot see into.
    pub(super) pid: i32,
    pub(super) uid: u32,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) process: Process,
    pub(super) status: StatusReply,
    /// How names stand; why it did not tell.
    names: Result<Box<DnsReply>, String>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) message: String,
    pub(super) remedy: String,
    /// It is of another release that cannot be talked to.
    pub(super) is_version: bool,
}

/// Asks the engine behind `socket` for its status.
pub(super) fn ask(socket: &Path) -> Engine {
    let state = converse(socket).unwrap_or_else(|error| State::Silent(Trouble::of(error)));
    Engine { socket: socket.to_owned(), state }
}

fn converse(socket: &Path) -> Result<State, ClientError> {
    let mut client = Client::connect(socket, PATIENCE)?;
    let peer = PeerCred::of(&client.handle().map_err(ClientError::Io)?);
    let peer = peer.map_err(|errno| ClientError::Io(errno.into()))?;
    let process = Process { pid: peer.pid, uid: peer.uid };
    let reply = client.ask(&Request::Status)?;
    drop(client);
    Ok(match reply {
        Reply::Status(status) => {
            let names = ask_for_names(socket);
            State::Answers(Box::new(Answer { process, status: *status, names }))
        }
        other => State::Reserved(process, Trouble::told(unexpected("show its status", other))),
    })
}

fn ask_for_names(socket: &Path) -> Result<Box<DnsReply>, String> {
    match put(socket, &Request::Dns(DnsRequest::Status))? {
        Reply::Dns(names) => Ok(names),
        _ => Err("the engine does not tell how names stand".to_owned()),
    }
}

/// A question over a connection of its own.
fn put(socket: &Path, request: &Request) -> Result<Reply, String> {
    let mut client = Client::connect(socket, PATIENCE).map_err(|error| error.to_string())?;
    match client.ask(request).map_err(|error| error.to_string())? {
        Reply::Error(error) => Err(error.message),
        reply => Ok(reply),
    }
}

impl Engine {
    /// A further question, each over a connection of its own.
    pub(super) fn ask(&self, request: &Request) -> Result<Reply, String> {
        put(&self.socket, request)
    }

    pub(super) fn process(&self) -> Result<Process, Verdict> {
        match &self.state {
            State::Answers(answer) => Ok(answer.process),
            State::Reserved(process, _) => Ok(*process),
            State::Silent(_) => Err(unknown()),
        }
    }

    pub(super) fn status(&self) -> Result<&StatusReply, Verdict> {
        match &self.state {
            State::Answers(answer) => Ok(&answer.status),
            State::Reserved(_, trouble) => Err(Verdict::skipped(trouble.message.clone())),
            State::Silent(_) => Err(unknown()),
        }
    }

    /// The device as the engine wants it.
    pub(super) fn tun(&self) -> Result<&TunStatus, Verdict> {
        self.status()?
            .tun
            .as_ref()
            .ok_or_else(|| Verdict::skipped("the tunnel is not up, so there is nothing to check"))
    }

    /// How names stand on this host.
    pub(super) fn names(&self) -> Result<&DnsReply, Verdict> {
        match &self.state {
            State::Answers(answer) => answer.names.as_deref().map_err(|why| Verdict::skipped(why.clone())),
            State::Reserved(_, trouble) => Err(Verdict::skipped(trouble.message.clone())),
            State::Silent(_) => Err(unknown()),
        }
    }

    /// Why the helper does nothing, where the engine knows.
    pub(super) fn helper(&self) -> Result<&HelperState, Verdict> {
        Ok(&self.status()?.helper)
    }
}

fn unknown() -> Verdict {
    Verdict::skipped("the engine does not answer, and only it knows what shall be")
}

impl Trouble {
    fn of(error: ClientError) -> Self {
        let is_version = matches!(error, ClientError::Version { .. });
        Self { is_version, ..Self::told(error.into()) }
    }

    fn told(failure: Failure) -> Self {
        let fallback = match failure.code {
            ErrorCode::NotPermitted => "ask root, or run it as root",
            ErrorCode::Other
            | ErrorCode::Usage
            | ErrorCode::Timeout
            | ErrorCode::NotRunning
            | ErrorCode::NotFound
            | ErrorCode::Refused => "see what it says: journalctl -u rayfish-engine",
        };
        let causes: Vec<String> = failure.causes().collect();
        let message = std::iter::once(failure.message.clone()).chain(causes).collect::<Vec<_>>().join(": ");
        let remedy = failure.hint.unwrap_or_else(|| fallback.to_owned());
        Self { message, remedy, is_version: false }
    }
}
