//! A client's connection to a running supervisor.

use std::{
    os::{
        fd::{AsRawFd, BorrowedFd, OwnedFd},
        unix::net::UnixDatagram,
    },
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::socket::{AddressFamily, SockFlag, SockType, connect, socket},
    unistd::getuid,
};
use ray_ipc::cred::PeerCred;

use super::{
    LabError,
    protocol::{self, Reply, Request},
};

/// Longest that a supervisor takes to answer: the start of a node's processes is bounded well below.
const REPLY_TIMEOUT: Duration = Duration::from_secs(90);

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: UnixDatagram,
    /// The supervisor's outer process, in the host's PID namespace.
    pub(crate) pid: i32,
}

impl Connection {
    /// Connects to the lab `name` of the calling user.
    pub(crate) fn open(name: &str) -> Result<Self, LabError> {
        let uid = getuid().as_raw();
        let socket = match dial(uid, name) {
            Ok(socket) => socket,
            Err(Errno::ECONNREFUSED) => {
                let hint = (uid != 0 && !matches!(dial(0, name), Err(Errno::ECONNREFUSED)))
                    .then(|| "root has a lab of that name: use sudo".to_owned());
                return Err(LabError::NotRunning { name: name.to_owned(), hint });
            }
            Err(errno) => return Err(LabError::io(format!("connecting to lab {name}"))(errno.into())),
        };
        let peer = PeerCred::of(&socket).map_err(|errno| LabError::io("asking who runs the lab")(errno.into()))?;
        // Any user can bind an abstract name first; what we send there may be our terminal.
        if peer.uid != uid {
            return Err(LabError::Refused(format!("lab {name} belongs to uid {}, not to {uid}", peer.uid)));
        }
        Ok(Self { socket: UnixDatagram::from(socket), pid: peer.pid })
    }

    /// Sends one request and waits for its reply.
    pub(crate) fn ask(&self, request: &Request) -> Result<(Reply, Vec<OwnedFd>), LabError> {
        self.send(request, &[])?;
        self.socket.set_read_timeout(Some(REPLY_TIMEOUT)).map_err(LabError::io("bounding the wait for the lab"))?;
        self.recv()?.ok_or_else(|| LabError::Refused("the lab ended before it answered".to_owned()))
    }

    pub(crate) fn send(&self, request: &Request, fds: &[BorrowedFd<'_>]) -> Result<(), LabError> {
        protocol::send(&self.socket, request, fds).map_err(LabError::io("asking the lab"))
    }

    /// The next message; `None` when the supervisor has gone.
    pub(crate) fn recv(&self) -> Result<Option<(Reply, Vec<OwnedFd>)>, LabError> {
        protocol::recv(&self.socket).map_err(LabError::io("waiting for the lab's answer"))
    }

    pub(crate) fn socket(&self) -> &UnixDatagram {
        &self.socket
    }
}

fn dial(uid: u32, name: &str) -> nix::Result<OwnedFd> {
    let socket = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None)?;
    connect(socket.as_raw_fd(), &protocol::address(uid, name)?)?;
    Ok(socket)
}
