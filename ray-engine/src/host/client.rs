//! The engine's end of the helper protocol: one method a request, each answered before the next is sent.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::net::UnixDatagram,
    },
    path::Path,
    time::Duration,
};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use ray_ipc::{
    fd::{self, Received},
    helper::{self, HelperReply, HelperRequest, LinkState, Route, TunOpened},
    limits::HELPER_FRAME_MAX,
};

use super::HostError;

/// The helper answers from memory or after a few netlink calls.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection to the helper that has exchanged hellos.
#[derive(Debug)]
pub struct Client {
    socket: UnixDatagram,
}

/// An open device: what it is, and its queues in order.
#[derive(Debug)]
pub struct OpenedTun {
    pub tun: TunOpened,
    pub queues: Vec<OwnedFd>,
}

impl Client {
    /// Connects and exchanges hellos.
    pub fn connect(path: &Path) -> Result<Self, HostError> {
        let unreachable = |cause: std::io::Error| HostError::Unreachable { path: path.display().to_string(), cause };
        let raw = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None)
            .map_err(|errno| unreachable(errno.into()))?;
        let address = UnixAddr::new(path).map_err(|errno| unreachable(errno.into()))?;
        connect(raw.as_raw_fd(), &address).map_err(|errno| unreachable(errno.into()))?;
        let socket = UnixDatagram::from(raw);
        socket.set_read_timeout(Some(ANSWER_TIMEOUT)).map_err(unreachable)?;
        socket.set_write_timeout(Some(ANSWER_TIMEOUT)).map_err(unreachable)?;

        let client = Self { socket };
        match client.ask(&HelperRequest::Hello { version: helper::VERSION })? {
            (HelperReply::Hello { version: helper::VERSION }, _) => Ok(client),
            (HelperReply::Hello { version }, _) => Err(HostError::Version { helper: version }),
            (other, _) => Err(unexpected(other)),
        }
    }

    /// Opens the device, or takes over the one that an earlier engine left.
    pub fn open_tun(&self, queues: u8, mtu: u16) -> Result<OpenedTun, HostError> {
        match self.ask(&HelperRequest::OpenTun { queues, mtu })? {
            (HelperReply::TunOpened(tun), fds) if fds.len() == usize::from(tun.queues) => {
                Ok(OpenedTun { tun, queues: fds })
            }
            (other, _) => Err(unexpected(other)),
        }
    }

    /// Hands the device that these queues belong to back to a helper that does not know it.
    pub fn return_tun(&self, queues: &[BorrowedFd<'_>]) -> Result<(), HostError> {
        // More than the protocol allows were never handed out.
        let request = HelperRequest::ReturnTun { queues: u8::try_from(queues.len()).unwrap_or(u8::MAX) };
        match self.ask_with(&request, queues)? {
            (HelperReply::Done, _) => Ok(()),
            (other, _) => Err(unexpected(other)),
        }
    }

    pub fn set_addresses(&self, v4: Option<Ipv4Addr>, v6: Ipv6Addr) -> Result<(), HostError> {
        self.done(&HelperRequest::SetAddresses { v4, v6 })
    }

    pub fn replace_routes(&self, routes: Vec<Route>) -> Result<(), HostError> {
        self.done(&HelperRequest::ReplaceRoutes { routes })
    }

    pub fn set_link(&self, state: LinkState) -> Result<(), HostError> {
        self.done(&HelperRequest::SetLink { state })
    }

    pub fn release(&self) -> Result<(), HostError> {
        self.done(&HelperRequest::Release)
    }

    fn done(&self, request: &HelperRequest) -> Result<(), HostError> {
        match self.ask(request)? {
            (HelperReply::Done, _) => Ok(()),
            (other, _) => Err(unexpected(other)),
        }
    }

    fn ask(&self, request: &HelperRequest) -> Result<(HelperReply, Vec<OwnedFd>), HostError> {
        self.ask_with(request, &[])
    }

    fn ask_with(
        &self,
        request: &HelperRequest,
        queues: &[BorrowedFd<'_>],
    ) -> Result<(HelperReply, Vec<OwnedFd>), HostError> {
        let packet = helper::encode_request(request).map_err(HostError::Codec)?;
        fd::send(&self.socket, &packet, queues).map_err(HostError::Send)?;
        let mut buffer = vec![0u8; HELPER_FRAME_MAX];
        let Received { len, fds } = fd::recv(&self.socket, &mut buffer).map_err(HostError::Lost)?;
        if len == 0 {
            return Err(HostError::Lost(fd::RecvError::Io(nix::errno::Errno::ECONNRESET)));
        }
        let reply = helper::decode_reply(buffer.get(..len).unwrap_or_default()).map_err(HostError::Codec)?;
        Ok((reply, fds))
    }
}

/// For waiting: the helper says nothing unasked, so a readable socket means that it is gone.
impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn unexpected(reply: HelperReply) -> HostError {
    match reply {
        HelperReply::Refused(refusal) => HostError::Refused(refusal),
        HelperReply::Failed { step, errno } => HostError::Failed { step, errno },
        HelperReply::Hello { .. } | HelperReply::TunOpened(_) | HelperReply::Done => HostError::Unexpected,
    }
}
