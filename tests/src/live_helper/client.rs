//! The engine's end of the helper's socket, for well-behaved engines and others.

use std::{
    io,
    mem::ManuallyDrop,
    net::Shutdown,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::net::UnixDatagram,
    },
    path::Path,
};

use nix::{
    libc,
    sys::{
        socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket},
        wait::{WaitStatus, waitpid},
    },
    unistd::{ForkResult, fork},
};
use ray_ipc::{
    fd::{self, RecvError},
    helper::{self, HelperReply, HelperRequest, LinkState, Route, TunOpened, VERSION},
    limits::HELPER_FRAME_MAX,
};

use super::{
    PATIENCE,
    namespace::{become_user, on_a_thread},
};

/// What came back for one message.
#[derive(Debug)]
pub enum Answer {
    Reply(HelperReply, Vec<OwnedFd>),
    /// The helper closed the connection.
    Closed,
}

/// A connection to a helper.
#[derive(Debug)]
pub struct Client {
    socket: UnixDatagram,
}

impl Client {
    /// Connects with the credentials of `uid` and `gid`.
    pub fn connect_as(path: &Path, uid: u32, gid: u32) -> io::Result<Self> {
        on_a_thread(|| {
            become_user(uid, gid);
            Self::connect(path)
        })
    }

    /// A connection that a process of `uid` and `gid` made, gave away and died.
    pub fn outliving(path: &Path, uid: u32, gid: u32) -> Self {
        let (near, far) = UnixDatagram::pair().expect("a pair of sockets");
        // SAFETY: the child makes system calls and a few allocations, for which the C library readies itself at a fork,
        // and ends without running anything of this process's.
        match unsafe { fork() }.expect("forking") {
            ForkResult::Child => {
                become_user(uid, gid);
                // Not dropped, which would end the connection.
                let given = Self::connect(path)
                    .map(ManuallyDrop::new)
                    .and_then(|client| fd::send(&far, b"x", &[client.socket.as_fd()]));
                // SAFETY: ends the process, and nothing else.
                unsafe { libc::_exit(i32::from(given.is_err())) }
            }
            ForkResult::Parent { child } => {
                assert_eq!(waitpid(child, None), Ok(WaitStatus::Exited(child, 0)));
            }
        }
        let mut received = fd::recv(&near, &mut [0; 8]).expect("the connection");
        Self { socket: received.fds.pop().expect("a descriptor").into() }
    }

    /// Connects with the calling thread's credentials.
    pub fn connect(path: &Path) -> io::Result<Self> {
        let raw = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None)?;
        connect(raw.as_raw_fd(), &UnixAddr::new(path)?)?;
        let socket = UnixDatagram::from(raw);
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { socket })
    }

    /// Sends a request and reads its reply.
    pub fn ask(&self, request: &HelperRequest) -> Answer {
        self.ask_raw(&helper::encode_request(request).expect("an encodable request"))
    }

    /// Sends bytes and reads the reply to them.
    pub fn ask_raw(&self, packet: &[u8]) -> Answer {
        match self.send(packet, &[]) {
            Ok(()) => self.receive(),
            Err(error) if is_closed(&error) => Answer::Closed,
            Err(error) => panic!("sending to the helper: {error}"),
        }
    }

    /// Sends bytes with descriptors, and reads nothing.
    pub fn send(&self, packet: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        fd::send(&self.socket, packet, fds)
    }

    /// Makes sends fail where they would wait.
    pub fn set_nonblocking(&self) {
        self.socket.set_nonblocking(true).expect("setting the socket non-blocking");
    }

    /// Returns a device by these descriptors.
    pub fn return_tun(&self, queues: &[OwnedFd]) -> Answer {
        let request = HelperRequest::ReturnTun { queues: u8::try_from(queues.len()).expect("a few queues") };
        let fds: Vec<BorrowedFd<'_>> = queues.iter().map(AsFd::as_fd).collect();
        match self.send(&helper::encode_request(&request).expect("an encodable request"), &fds) {
            Ok(()) => self.receive(),
            Err(error) if is_closed(&error) => Answer::Closed,
            Err(error) => panic!("sending to the helper: {error}"),
        }
    }

    /// Reads one reply.
    pub fn receive(&self) -> Answer {
        let mut buffer = vec![0; HELPER_FRAME_MAX];
        match fd::recv(&self.socket, &mut buffer) {
            Ok(received) if received.len == 0 => Answer::Closed,
            Ok(received) => {
                let reply = helper::decode_reply(&buffer[..received.len]).expect("a reply");
                Answer::Reply(reply, received.fds)
            }
            Err(RecvError::Io(errno)) if is_closed(&errno.into()) => Answer::Closed,
            Err(error) => panic!("waiting for the helper: {error:?}"),
        }
    }

    /// Says hello.
    pub fn greet(&self) {
        let reply = self.reply(&HelperRequest::Hello { version: VERSION });
        assert_eq!(reply, HelperReply::Hello { version: VERSION });
    }

    /// Opens the device.
    pub fn open(&self, queues: u8) -> (TunOpened, Vec<OwnedFd>) {
        match self.ask(&HelperRequest::OpenTun { queues, mtu: 1280 }) {
            Answer::Reply(HelperReply::TunOpened(tun), fds) => (tun, fds),
            other => panic!("opening the device: {other:?}"),
        }
    }

    /// Asks for something that must be done.
    pub fn done(&self, request: &HelperRequest) {
        assert_eq!(self.reply(request), HelperReply::Done, "{request:?}");
    }

    /// From hello to a link that is up, with addresses and routes.
    pub fn bring_up(&self, queues: u8) -> (TunOpened, Vec<OwnedFd>) {
        self.greet();
        let opened = self.open(queues);
        self.done(&addresses("100.64.1.2", "200::1234"));
        self.done(&HelperRequest::SetLink { state: LinkState::Up });
        self.done(&HelperRequest::ReplaceRoutes { routes: vec![route("100.64.0.0", 10), route("200::", 7)] });
        opened
    }

    /// The reply to a request, which must come without descriptors.
    pub fn reply(&self, request: &HelperRequest) -> HelperReply {
        match self.ask(request) {
            Answer::Reply(reply, fds) if fds.is_empty() => reply,
            other => panic!("{request:?}: {other:?}"),
        }
    }
}

/// Ends the connection also where a process that is being started has inherited a copy.
impl Drop for Client {
    fn drop(&mut self) {
        // The helper may have closed it before.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

/// A request for these two addresses.
pub fn addresses(v4: &str, v6: &str) -> HelperRequest {
    HelperRequest::SetAddresses { v4: Some(v4.parse().expect("an address")), v6: v6.parse().expect("an address") }
}

/// One route of a request.
pub fn route(destination: &str, prefix: u8) -> Route {
    Route { destination: destination.parse().expect("an address"), prefix }
}

fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}
