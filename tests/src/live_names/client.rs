//! The engine's end of the socket of `ray-names`, for well-behaved engines and others.

use std::{
    collections::VecDeque,
    io,
    net::Shutdown,
    os::{
        fd::{AsFd, AsRawFd},
        unix::net::UnixDatagram,
    },
    path::Path,
    time::Duration,
};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use ray_ipc::{
    fd::{self, RecvError},
    limits::NAMES_FRAME_MAX,
    names::{self as protocol, Mode, NamesReply, NamesRequest, Report, State, VERSION, Wanted},
};

use super::PATIENCE;
use crate::live_helper::namespace::{become_user, on_a_thread};

/// A connection.
#[derive(Debug)]
pub struct Client {
    socket: UnixDatagram,
    /// Reports that came while something else was waited for.
    reports: VecDeque<Report>,
}

/// The usual wish.
pub fn names() -> Wanted {
    Wanted { mode: Mode::Names, v4: true, search: Vec::new() }
}

/// The usual wish, with search domains.
pub fn search(networks: &[&str]) -> Wanted {
    Wanted { search: networks.iter().map(|name| (*name).to_owned()).collect(), ..names() }
}

impl Client {
    /// Connects with the credentials of `uid` and `gid`.
    pub fn connect_as(path: &Path, uid: u32, gid: u32) -> io::Result<Self> {
        on_a_thread(|| {
            become_user(uid, gid);
            let raw = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None)?;
            connect(raw.as_raw_fd(), &UnixAddr::new(path)?)?;
            let socket = UnixDatagram::from(raw);
            socket.set_read_timeout(Some(PATIENCE))?;
            socket.set_write_timeout(Some(PATIENCE))?;
            Ok(Self { socket, reports: VecDeque::new() })
        })
    }

    /// Sends bytes, whatever they mean. Whether somebody was there to take them.
    pub fn send_raw(&self, bytes: &[u8]) -> bool {
        fd::send(&self.socket, bytes, &[]).is_ok()
    }

    /// Sends bytes with a descriptor.
    pub fn send_with_descriptor(&self, bytes: &[u8]) -> bool {
        fd::send(&self.socket, bytes, &[self.socket.as_fd()]).is_ok()
    }

    pub fn send(&self, request: &NamesRequest) -> bool {
        self.send_raw(&protocol::encode_request(request).expect("an encodable request"))
    }

    /// The next message; `None` where the connection was closed.
    pub fn receive(&self) -> Option<NamesReply> {
        let mut buffer = vec![0; NAMES_FRAME_MAX];
        match fd::recv(&self.socket, &mut buffer) {
            Ok(received) if received.len == 0 => None,
            Ok(received) => Some(protocol::decode_reply(&buffer[..received.len]).expect("a reply")),
            Err(RecvError::Io(errno)) if io::Error::from(errno).kind() == io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("waiting for ray-names: {error:?}"),
        }
    }

    /// The reply to a request; reports that come before it are kept.
    pub fn ask(&mut self, request: &NamesRequest) -> Option<NamesReply> {
        if !self.send(request) {
            return None;
        }
        loop {
            match self.receive()? {
                NamesReply::Report(report) if *request != NamesRequest::Look => self.reports.push_back(report),
                reply => return Some(reply),
            }
        }
    }

    /// Says hello.
    pub fn greet(mut self) -> Self {
        let reply = self.ask(&NamesRequest::Hello { version: VERSION });
        assert_eq!(reply, Some(NamesReply::Hello { version: VERSION }));
        self
    }

    /// Asks for something that must be done.
    pub fn set(&mut self, wanted: Wanted) {
        assert_eq!(self.ask(&NamesRequest::ReplaceDns(wanted)), Some(NamesReply::Done));
    }

    pub fn release(&mut self) {
        assert_eq!(self.ask(&NamesRequest::Release), Some(NamesReply::Done));
    }

    pub fn look(&mut self) -> Report {
        match self.ask(&NamesRequest::Look) {
            Some(NamesReply::Report(report)) => report,
            other => panic!("a look: {other:?}"),
        }
    }

    /// The next report, which must come unasked.
    pub fn report(&mut self) -> Report {
        if let Some(report) = self.reports.pop_front() {
            return report;
        }
        match self.receive() {
            Some(NamesReply::Report(report)) => report,
            other => panic!("no report: {other:?}"),
        }
    }

    /// The next report of this state.
    pub fn report_of(&mut self, state: State) -> Report {
        self.report_where(|report| report.state == state)
    }

    /// The next report that is so.
    pub fn report_where(&mut self, holds: impl Fn(&Report) -> bool) -> Report {
        loop {
            let report = self.report();
            if holds(&report) {
                return report;
            }
        }
    }

    /// Whether nothing comes for a while.
    pub fn is_quiet(&self, pause: Duration) -> bool {
        self.socket.set_read_timeout(Some(pause)).expect("setting a timeout");
        let got = fd::recv(&self.socket, &mut [0; NAMES_FRAME_MAX]);
        self.socket.set_read_timeout(Some(PATIENCE)).expect("setting a timeout");
        matches!(got, Err(RecvError::Io(errno)) if errno == nix::errno::Errno::EAGAIN)
    }
}

/// Ends the connection also where a process that is being started has inherited a copy.
impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}
