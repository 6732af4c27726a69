//! One connection to `ray-names`: hello, requests with their answers, and reports in between.

use std::{
    fmt, io,
    os::{fd::AsRawFd, unix::net},
    path::Path,
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket},
};
use ray_ipc::{
    codec::CodecError,
    limits::NAMES_FRAME_MAX,
    names::{self, NamesReply, NamesRequest, Report},
};
use tokio::{net::UnixDatagram, time::timeout};

/// Some files and a few messages of the system bus.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a connection has ended, or there is none.
#[derive(Debug)]
pub(super) enum NamesError {
    /// Nobody answers at the socket, or we may not connect.
    Unreachable {
        path: String,
        cause: io::Error,
    },
    /// The program closed the connection.
    Closed,
    Receive(io::Error),
    Send(io::Error),
    Codec(CodecError),
    Silent,
    /// The program is of another release.
    Version {
        theirs: u16,
    },
    /// An answer of another kind than the request calls for.
    Unexpected,
    /// Nobody is left here who wants anything.
    Unwanted,
}

impl fmt::Display for NamesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { path, cause } => match cause.kind() {
                io::ErrorKind::NotFound => write!(f, "no socket at {path}"),
                io::ErrorKind::ConnectionRefused => write!(f, "nobody answers at {path}"),
                io::ErrorKind::PermissionDenied => write!(f, "not allowed to connect to {path}"),
                _ => write!(f, "connecting to {path}: {cause}"),
            },
            Self::Closed => f.write_str("ray-names closed the connection"),
            Self::Receive(cause) => write!(f, "hearing ray-names: {cause}"),
            Self::Send(cause) => write!(f, "asking ray-names: {cause}"),
            Self::Codec(cause) => write!(f, "talking to ray-names: {cause}"),
            Self::Silent => f.write_str("ray-names does not answer in time"),
            Self::Version { theirs } => {
                write!(f, "ray-names speaks protocol version {theirs}, this engine {}", names::VERSION)
            }
            Self::Unexpected => f.write_str("ray-names answered something else than was asked"),
            Self::Unwanted => f.write_str("the engine is shutting down"),
        }
    }
}

impl std::error::Error for NamesError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreachable { cause, .. } | Self::Receive(cause) | Self::Send(cause) => Some(cause),
            Self::Codec(cause) => Some(cause),
            Self::Closed | Self::Silent | Self::Version { .. } | Self::Unexpected | Self::Unwanted => None,
        }
    }
}

/// A connection that has exchanged hellos.
#[derive(Debug)]
pub(super) struct Link {
    socket: UnixDatagram,
}

impl Link {
    pub(super) async fn open(path: &Path) -> Result<Self, NamesError> {
        let unreachable =
            |errno: Errno| NamesError::Unreachable { path: path.display().to_string(), cause: errno.into() };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let raw = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None).map_err(unreachable)?;
        // A local connect is done at once, or refused while too many wait.
        connect(raw.as_raw_fd(), &UnixAddr::new(path).map_err(unreachable)?).map_err(unreachable)?;
        // Only converted: a SEQPACKET socket keeps the semantics of datagrams.
        let socket = UnixDatagram::from_std(net::UnixDatagram::from(raw)).map_err(NamesError::Send)?;
        let link = Self { socket };
        // A report may be on its way before the greeting is answered; the next look asks for it again.
        match link.ask(&NamesRequest::Hello { version: names::VERSION }, |_| {}).await? {
            NamesReply::Hello { version: names::VERSION } => Ok(link),
            NamesReply::Hello { version } => Err(NamesError::Version { theirs: version }),
            NamesReply::Done | NamesReply::Refused(_) | NamesReply::Failed { .. } | NamesReply::Report(_) => {
                Err(NamesError::Unexpected)
            }
        }
    }

    /// Asks, and gives each report that comes before the answer to `heard`. A look is answered by a report.
    pub(super) async fn ask(&self, request: &NamesRequest, heard: impl Fn(Report)) -> Result<NamesReply, NamesError> {
        let packet = names::encode_request(request).map_err(NamesError::Codec)?;
        let asking = async {
            let sent = self.socket.send(&packet).await.map_err(NamesError::Send)?;
            if sent != packet.len() {
                return Err(NamesError::Send(io::ErrorKind::WriteZero.into()));
            }
            loop {
                match self.receive().await? {
                    NamesReply::Report(report) if *request != NamesRequest::Look => heard(report),
                    reply => return Ok(reply),
                }
            }
        };
        timeout(ANSWER_TIMEOUT, asking).await.map_err(|_| NamesError::Silent)?
    }

    /// The next message. Nothing is lost where the wait for it is given up.
    pub(super) async fn receive(&self) -> Result<NamesReply, NamesError> {
        // One byte more than there may be, so that a longer message shows. Descriptors find no room and are closed.
        let mut buffer = [0u8; NAMES_FRAME_MAX + 1];
        match self.socket.recv(&mut buffer).await {
            Ok(0) => Err(NamesError::Closed),
            Ok(len) => names::decode_reply(buffer.get(..len).unwrap_or_default()).map_err(NamesError::Codec),
            // Closed with something of ours unread.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Err(NamesError::Closed),
            Err(error) => Err(NamesError::Receive(error)),
        }
    }
}
