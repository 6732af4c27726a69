//! The one connection: a request in, replies and reports out, and how it ends.

use std::{
    fmt, io,
    os::{fd::OwnedFd, unix::net::UnixDatagram},
};

use ray_ipc::{
    codec::CodecError,
    fd::{self, RecvError},
    limits::NAMES_FRAME_MAX,
    names::{self, NamesReply, NamesRequest},
};

/// What a peer may never do. Each closes the connection and undoes what is there.
#[derive(Debug)]
pub enum Violation {
    /// Something before the hello, or a second hello.
    OutOfPhase,
    /// Not exactly one request: an unknown tag, short, or with bytes left over.
    Malformed(CodecError),
    /// Longer than the frame limit, or with a descriptor.
    Unreadable(RecvError),
    /// The peer does not read what it is told.
    RepliesUnread,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfPhase => f.write_str("a request that is out of its phase"),
            Self::Malformed(cause) => write!(f, "a message that is no request ({cause})"),
            Self::Unreadable(cause) => write!(f, "a message that cannot be received ({cause})"),
            Self::RepliesUnread => f.write_str("requests without reading the replies"),
        }
    }
}

/// How a connection ends.
#[derive(Debug)]
pub(super) enum End {
    /// The peer hung up, or was told that it speaks another version.
    InOrder,
    Violation(Violation),
}

/// The one connection.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) socket: UnixDatagram,
    /// Readable when the engine has died. Its end of the socket may live on in a process that it gave a copy to.
    pub(super) process: Option<OwnedFd>,
    pub(super) is_greeted: bool,
    /// Has been told how things are, and is told of each change from then on.
    pub(super) is_told: bool,
}

impl Peer {
    /// One request. No descriptor ever comes with one.
    pub(super) fn receive(&self) -> Result<NamesRequest, End> {
        let mut buffer = vec![0; NAMES_FRAME_MAX];
        let len = match fd::recv_bare(&self.socket, &mut buffer) {
            Ok(len) => len,
            Err(RecvError::Io(_)) => return Err(End::InOrder),
            Err(error) => return Err(End::Violation(Violation::Unreadable(error))),
        };
        let request = match buffer.get(..len) {
            // A packet without bytes reads the same and ends the connection just as well.
            None | Some([]) => return Err(End::InOrder),
            Some(packet) => {
                names::decode_request(packet).map_err(|error| End::Violation(Violation::Malformed(error)))?
            }
        };
        if matches!(request, NamesRequest::Hello { .. }) == self.is_greeted {
            return Err(End::Violation(Violation::OutOfPhase));
        }
        Ok(request)
    }

    /// One reply or report.
    pub(super) fn send(&self, reply: &NamesReply) -> Result<(), End> {
        // Every reply is far below the limit; one that is not is as good as none.
        let Ok(packet) = names::encode_reply(reply) else { return Err(End::InOrder) };
        match fd::send(&self.socket, &packet, &[]) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(End::Violation(Violation::RepliesUnread)),
            // It hung up before it could read this.
            Err(_) => Err(End::InOrder),
        }
    }
}
