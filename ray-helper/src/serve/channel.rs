//! The one connection: a request and its descriptors in, a reply and the device's queues out, and how it ends.

use std::{
    error::Error,
    fmt, io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixDatagram,
    },
};

use ray_ipc::{
    codec::CodecError,
    fd::{self, RecvError},
    helper::{self, HelperReply, HelperRequest},
    limits::HELPER_FRAME_MAX,
};

use crate::{gate::Phase, sys::tun};

/// Descriptors that are kept because closing one may wait for ever. With so many, no more are received: each message
/// leaves at most one more than it may carry, and all fit below the limit of open files.
const PARKED_MAX: usize = 16;

/// What a peer may never do. Each closes the connection and undoes what is there.
#[derive(Debug)]
pub enum Violation {
    /// A legal request at the wrong time.
    OutOfPhase(Phase),
    /// Not exactly one request: an unknown tag, short, or with bytes left over.
    Malformed(CodecError),
    /// Longer than the frame limit, too many descriptors, or control data of another kind.
    Unreadable(RecvError),
    /// Only a returned device comes with descriptors, and with exactly as many as it says.
    Descriptors { announced: usize, came: usize },
    /// The peer sends requests but does not read the replies.
    RepliesUnread,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfPhase(phase) => write!(f, "a request that is out of its phase ({phase:?})"),
            Self::Malformed(_) => f.write_str("a message that is no request"),
            Self::Unreadable(cause) => write!(f, "a message that cannot be received ({cause})"),
            Self::Descriptors { announced, came } => write!(f, "a message with {came} descriptors, not {announced}"),
            Self::RepliesUnread => f.write_str("requests without reading the replies"),
        }
    }
}

impl Error for Violation {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Malformed(cause) => Some(cause),
            Self::Unreadable(cause) => Some(cause),
            Self::OutOfPhase(_) | Self::Descriptors { .. } | Self::RepliesUnread => None,
        }
    }
}

/// How a connection ends.
#[derive(Debug)]
pub(super) enum End {
    /// The peer hung up, or was told that it speaks another version.
    InOrder,
    Violation(Violation),
    /// The device's state is unknown.
    Torn,
}

/// The one connection.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) socket: UnixDatagram,
    /// Readable when the engine has died. Its end of the socket may live on in a process that it gave a copy to.
    pub(super) process: Option<OwnedFd>,
    pub(super) phase: Phase,
    /// It has closed its end; what it sent before may still be there to read.
    pub(super) hung_up: bool,
}

/// The descriptors that came with a request.
#[derive(Debug, Default)]
pub(super) struct Returned {
    /// The TUN driver's.
    pub(super) queues: Vec<OwnedFd>,
    /// How many others there were.
    pub(super) foreign: usize,
}

impl Peer {
    /// One request, and the descriptors that come with it. Those that it must not close go to `parked`.
    pub(super) fn receive(&self, parked: &mut Vec<OwnedFd>) -> Result<(HelperRequest, Returned), End> {
        let mut buffer = vec![0; HELPER_FRAME_MAX];
        let (outcome, returned) = if self.phase == Phase::Greeted && parked.len() < PARKED_MAX {
            let (outcome, fds) = fd::recv_keeping(&self.socket, &mut buffer);
            (outcome, Returned::sort(fds, parked))
        } else {
            (fd::recv_bare(&self.socket, &mut buffer), Returned::default())
        };
        let len = match outcome {
            Ok(len) => len,
            Err(RecvError::Io(_)) => return Err(End::InOrder),
            Err(error) => return Err(End::Violation(Violation::Unreadable(error))),
        };
        let request = match buffer.get(..len) {
            // A packet without bytes reads the same and ends the connection just as well.
            None | Some([]) => return Err(End::InOrder),
            Some(packet) => {
                helper::decode_request(packet).map_err(|error| End::Violation(Violation::Malformed(error)))?
            }
        };
        let (announced, came) = (announced(&request), returned.queues.len().saturating_add(returned.foreign));
        if announced != came {
            return Err(End::Violation(Violation::Descriptors { announced, came }));
        }
        Ok((request, returned))
    }

    /// One reply; `queues` go with it.
    pub(super) fn reply(&self, reply: &HelperReply, queues: &[BorrowedFd<'_>]) -> Result<(), End> {
        let Ok(packet) = helper::encode_reply(reply) else {
            // Every reply is far below the limit.
            return Err(End::Torn);
        };
        match fd::send(&self.socket, &packet, queues) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(End::Violation(Violation::RepliesUnread)),
            // It hung up before it could read this.
            Err(_) => Err(End::InOrder),
        }
    }
}

impl Returned {
    /// Parts the descriptors that may be closed from those that are kept for good.
    fn sort(fds: Vec<OwnedFd>, parked: &mut Vec<OwnedFd>) -> Self {
        let (queues, foreign): (Vec<_>, Vec<_>) = fds.into_iter().partition(|fd| tun::is_of_driver(fd.as_fd()));
        let returned = Self { queues, foreign: foreign.len() };
        parked.extend(foreign);
        returned
    }
}

/// How many descriptors a request comes with.
fn announced(request: &HelperRequest) -> usize {
    match request {
        HelperRequest::ReturnTun { queues } => usize::from(*queues),
        HelperRequest::Hello { .. }
        | HelperRequest::OpenTun { .. }
        | HelperRequest::SetAddresses { .. }
        | HelperRequest::ReplaceRoutes { .. }
        | HelperRequest::SetLink { .. }
        | HelperRequest::Release => 0,
    }
}
