//! Callers of the control socket: one that turns into another user, and a crowd that never reads its answers.

use std::{
    io::{self, Read, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    path::Path,
    thread,
    time::Duration,
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    unistd::{Gid, Uid, setgroups, setresgid, setresuid},
};
use ray_ipc::control::{ClientHello, LENGTH_PREFIX, Message, Reply, Request, ServerHello, VERSION, WhoamiReply};
use serde::Serialize;

use super::{ToolError, failed};

/// Questions on each connection: their answers fill every buffer between the engine and a caller that does not read.
const QUESTIONS: usize = 500;
/// Connections of a crowd at once. The engine serves fewer and turns the rest away; if it did not, the crowd would wait.
const HELD_MAX: usize = 64;
/// A line for each connection would fill a pipe that nobody reads.
const TOLD_EVERY: u64 = 500;
/// Where no descriptor or place is left.
const PAUSE: Duration = Duration::from_millis(1);

/// What the engine says of a caller.
#[derive(Debug, Serialize)]
pub struct Told {
    pub uid: u32,
    pub groups: Vec<u32>,
    pub level: &'static str,
    pub key: Option<String>,
}

/// What the engine says of a caller that became the user `uid` after it had connected: on the connection that it made
/// before, and on one that it makes then.
pub fn turn(socket: &Path, uid: u32) -> Result<[Told; 2], ToolError> {
    let mut before = connect(socket)?;
    become_user(uid).map_err(failed(format!("becoming uid {uid}")))?;
    let first = ask(&mut before)?;
    let second = ask(&mut connect(socket)?)?;
    Ok([first, second])
}

/// Connects again and again, asks much on each connection and reads nothing, until it is killed. Tells how often it has
/// connected.
pub fn crowd(socket: &Path, mut told: impl FnMut(u64)) -> Result<(), ToolError> {
    let questions = questions().map_err(failed("wording the questions"))?;
    let mut held: Vec<UnixStream> = Vec::new();
    for count in 1u64.. {
        match UnixStream::connect(socket) {
            Ok(stream) => {
                // Whoever is turned away cannot write.
                let _ = stream.set_nonblocking(true);
                let _ = (&stream).write_all(&questions);
                held.push(stream);
                if count.is_multiple_of(TOLD_EVERY) {
                    told(count);
                }
            }
            Err(_) => thread::sleep(PAUSE),
        }
        while held.len() >= HELD_MAX {
            held.retain(is_open);
            thread::sleep(PAUSE);
        }
    }
    Ok(())
}

fn questions() -> io::Result<Vec<u8>> {
    let frame = |frame: Result<Vec<u8>, _>| frame.map_err(io::Error::other);
    let mut bytes = frame(ClientHello { version: VERSION }.to_frame())?;
    bytes.extend(frame(Request::Status.to_frame())?.repeat(QUESTIONS));
    Ok(bytes)
}

fn is_open(stream: &UnixStream) -> bool {
    let mut fds = [PollFd::new(stream.as_fd(), PollFlags::empty())];
    poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready == 0)
}

fn connect(socket: &Path) -> Result<UnixStream, ToolError> {
    let mut stream = UnixStream::connect(socket).map_err(failed("connecting"))?;
    let _: ServerHello = exchange(&mut stream, &ClientHello { version: VERSION }).map_err(failed("greeting"))?;
    Ok(stream)
}

fn ask(stream: &mut UnixStream) -> Result<Told, ToolError> {
    match exchange(stream, &Request::Whoami).map_err(failed("asking"))? {
        Reply::Whoami(who) => Ok(Told::from(*who)),
        other => Err(ToolError::new(format!("the engine answers {other:?}"))),
    }
}

impl From<WhoamiReply> for Told {
    fn from(who: WhoamiReply) -> Self {
        let groups = who.groups.iter().map(|group| group.gid).collect();
        Self { uid: who.uid, groups, level: who.level.name(), key: who.granted.map(|granted| granted.key) }
    }
}

fn exchange<A: Message, B: Message>(stream: &mut UnixStream, question: &A) -> io::Result<B> {
    stream.write_all(&question.to_frame().map_err(io::Error::other)?)?;
    let mut prefix = [0; LENGTH_PREFIX];
    stream.read_exact(&mut prefix)?;
    let length = usize::try_from(u32::from_le_bytes(prefix)).unwrap_or(usize::MAX).min(B::MAX);
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    B::from_body(&body).map_err(io::Error::other)
}

fn become_user(uid: u32) -> nix::Result<()> {
    setgroups(&[])?;
    let gid = Gid::from_raw(uid);
    setresgid(gid, gid, gid)?;
    let uid = Uid::from_raw(uid);
    setresuid(uid, uid, uid)
}
