//! A blocking connection to the engine: who is there, which version, one question, bounded answers before a deadline.

use std::{
    fmt, io,
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use ray_ipc::{
    codec::CodecError,
    control::{self, ClientHello, ErrorCode, LENGTH_PREFIX, Message, Reply, Request, ServerHello},
};

use crate::{
    error::Failure,
    server::{self, Distrust},
};

/// For verbs that the engine answers out of its own state.
pub(crate) const SIMPLE_BUDGET: Duration = Duration::from_secs(10);
/// Release of this program.
pub(crate) const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// A connection past the hello.
#[derive(Debug)]
pub(crate) struct Client {
    stream: UnixStream,
    deadline: Deadline,
}

impl Client {
    /// Connects, checks who listens, and agrees on the version. All that follows must end within `budget` from here.
    pub(crate) fn connect(socket: &Path, budget: Duration) -> Result<Self, ClientError> {
        let deadline = Deadline::after(budget);
        let stream = open(socket, budget)?;
        server::check(socket, &stream)
            .map_err(|distrust| ClientError::Distrusted { socket: socket.to_owned(), distrust })?;
        let mut client = Self { stream, deadline };
        client.hello()?;
        Ok(client)
    }

    /// One question with one answer.
    pub(crate) fn ask(&mut self, request: &Request) -> Result<Reply, ClientError> {
        self.send(request)?;
        self.receive()
    }

    pub(crate) fn send(&mut self, request: &Request) -> Result<(), ClientError> {
        let frame = request.to_frame().map_err(ClientError::Request)?;
        self.write(&frame)
    }

    pub(crate) fn receive(&mut self) -> Result<Reply, ClientError> {
        self.receive_before(self.deadline)
    }

    /// The next answer of a stream, which must come within `patience` as well as before the deadline.
    pub(crate) fn receive_within(&mut self, patience: Duration) -> Result<Reply, ClientError> {
        self.receive_before(self.deadline.min(Deadline::after(patience)))
    }

    /// The next answer of a stream without an end: it may take any time to begin, and then as long as any other.
    pub(crate) fn receive_whenever(&mut self, patience: Duration) -> Result<Reply, ClientError> {
        let mut prefix = [0; LENGTH_PREFIX];
        let (first, rest) = prefix.split_at_mut(1);
        self.read_exact(first, Deadline::NEVER)?;
        let deadline = Deadline::after(patience);
        self.read_exact(rest, deadline)?;
        let body = self.read_body(prefix, Reply::MAX, deadline)?;
        Reply::from_body(&body).map_err(ClientError::Malformed)
    }

    /// Another handle of the connection, to close it while an answer is waited for.
    pub(crate) fn handle(&self) -> io::Result<UnixStream> {
        self.stream.try_clone()
    }

    fn receive_before(&mut self, deadline: Deadline) -> Result<Reply, ClientError> {
        let body = self.read_frame(Reply::MAX, deadline)?;
        Reply::from_body(&body).map_err(ClientError::Malformed)
    }

    fn hello(&mut self) -> Result<(), ClientError> {
        let frame = ClientHello { version: control::VERSION }.to_frame().map_err(ClientError::Request)?;
        self.write(&frame)?;
        let body = self.read_frame(ServerHello::MAX, self.deadline)?;
        check_hello(&body)
    }

    fn read_frame(&mut self, max: usize, deadline: Deadline) -> Result<Vec<u8>, ClientError> {
        let mut prefix = [0; LENGTH_PREFIX];
        self.read_exact(&mut prefix, deadline)?;
        self.read_body(prefix, max, deadline)
    }

    fn read_body(
        &mut self,
        prefix: [u8; LENGTH_PREFIX],
        max: usize,
        deadline: Deadline,
    ) -> Result<Vec<u8>, ClientError> {
        let length = usize::try_from(u32::from_le_bytes(prefix)).unwrap_or(usize::MAX);
        if length > max {
            return Err(ClientError::Oversize { length, max });
        }
        let mut body = vec![0; length];
        self.read_exact(&mut body, deadline)?;
        Ok(body)
    }

    fn read_exact(&mut self, buffer: &mut [u8], deadline: Deadline) -> Result<(), ClientError> {
        let mut rest = buffer;
        while !rest.is_empty() {
            self.stream.set_read_timeout(deadline.remaining()?).map_err(ClientError::Io)?;
            match self.stream.read(rest) {
                Ok(0) => return Err(ClientError::Closed),
                Ok(count) => rest = rest.get_mut(count..).unwrap_or_default(),
                Err(error) => interrupted_or(error, deadline)?,
            }
        }
        Ok(())
    }

    fn write(&mut self, frame: &[u8]) -> Result<(), ClientError> {
        let mut rest = frame;
        while !rest.is_empty() {
            self.stream.set_write_timeout(self.deadline.remaining()?).map_err(ClientError::Io)?;
            match self.stream.write(rest) {
                Ok(0) => return Err(ClientError::Closed),
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(error) => interrupted_or(error, self.deadline)?,
            }
        }
        Ok(())
    }
}

/// A point in time, and the patience that it came from, for the message.
#[derive(Debug, Clone, Copy)]
struct Deadline {
    /// Absent = any time will do.
    at: Option<Instant>,
    budget: Duration,
}

impl Deadline {
    const NEVER: Self = Self { at: None, budget: Duration::MAX };

    fn after(budget: Duration) -> Self {
        let start = Instant::now();
        Self { at: Some(start.checked_add(budget).unwrap_or(start)), budget }
    }

    fn min(self, other: Self) -> Self {
        let is_earlier = other.at.is_some_and(|at| self.at.is_none_or(|own| at < own));
        if is_earlier { other } else { self }
    }

    /// Time left, if it is limited; none left is a timeout.
    fn remaining(self) -> Result<Option<Duration>, ClientError> {
        let left = self.at.map(|at| at.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) { Err(ClientError::Timeout(self.budget)) } else { Ok(left) }
    }
}

fn interrupted_or(error: io::Error, deadline: Deadline) -> Result<(), ClientError> {
    match error.kind() {
        io::ErrorKind::Interrupted => Ok(()),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Err(ClientError::Timeout(deadline.budget)),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Err(ClientError::Closed),
        _ => Err(ClientError::Io(error)),
    }
}

/// Connects. A listener whose queue is full blocks a unix connect without end, so it happens on a thread of its own.
fn open(socket: &Path, budget: Duration) -> Result<UnixStream, ClientError> {
    let (sender, receiver) = mpsc::channel();
    let path = socket.to_owned();
    let connect = move || {
        // The receiver is gone after a timeout; the process ends then.
        let _ = sender.send(UnixStream::connect(path));
    };
    thread::Builder::new().name("connect".into()).spawn(connect).map_err(ClientError::Io)?;
    match receiver.recv_timeout(budget) {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(cause)) => Err(ClientError::Connect { socket: socket.to_owned(), cause }),
        Err(_) => Err(ClientError::Timeout(budget)),
    }
}

fn check_hello(body: &[u8]) -> Result<(), ClientError> {
    match ServerHello::from_body(body) {
        Ok(hello) if hello.version == control::VERSION => Ok(()),
        Ok(hello) => Err(ClientError::Version { engine: hello.version, release: Some(hello.engine_release) }),
        // The version comes first in every hello, so that it can be told even where the rest has changed.
        Err(error) => match body {
            [low, high, ..] if u16::from_le_bytes([*low, *high]) != control::VERSION => {
                Err(ClientError::Version { engine: u16::from_le_bytes([*low, *high]), release: None })
            }
            _ => Err(ClientError::Malformed(error)),
        },
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum ClientError {
    Connect {
        socket: PathBuf,
        cause: io::Error,
    },
    /// Who listens may not be the engine.
    Distrusted {
        socket: PathBuf,
        distrust: Distrust,
    },
    Version {
        engine: u16,
        release: Option<String>,
    },
    Timeout(Duration),
    Closed,
    Oversize {
        length: usize,
        max: usize,
    },
    Malformed(CodecError),
    /// The request does not fit a frame.
    Request(CodecError),
    Io(io::Error),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { socket, cause } => match cause.kind() {
                io::ErrorKind::NotFound => write!(f, "the engine is not running: no socket at {}", socket.display()),
                io::ErrorKind::ConnectionRefused => {
                    write!(f, "the engine is not running: nobody listens at {}", socket.display())
                }
                _ => write!(f, "connecting to the engine at {}", socket.display()),
            },
            Self::Distrusted { socket, distrust } => {
                write!(f, "trusting the engine at {}", socket.display())?;
                match distrust {
                    Distrust::Impostor { server, owner } => {
                        write!(f, ": uid {server} listens, but uid {owner} owns it")
                    }
                    Distrust::Exposed { directory } => {
                        write!(f, ": anybody could have put it into {}", directory.display())
                    }
                    Distrust::Unknown(_) => Ok(()),
                }
            }
            Self::Version { engine, release } => {
                let release = release.as_deref().unwrap_or("of an unknown release");
                let own = control::VERSION;
                write!(f, "the engine {release} speaks control protocol {engine}, this ray {RELEASE} speaks {own}")
            }
            Self::Timeout(budget) => write!(f, "waiting for the engine: no answer within {} s", budget.as_secs_f64()),
            Self::Closed => f.write_str("waiting for the engine: it closed the connection"),
            Self::Oversize { length, max } => {
                write!(f, "reading the engine's answer: it announces {length} bytes, {max} are allowed")
            }
            Self::Malformed(_) => f.write_str("reading the engine's answer"),
            Self::Request(_) => f.write_str("sending the request: an argument is too long"),
            Self::Io(_) => f.write_str("talking to the engine"),
        }
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connect { cause, .. }
            | Self::Io(cause)
            | Self::Distrusted { distrust: Distrust::Unknown(cause), .. } => Some(cause),
            Self::Malformed(cause) | Self::Request(cause) => Some(cause),
            Self::Distrusted { .. }
            | Self::Version { .. }
            | Self::Timeout(_)
            | Self::Closed
            | Self::Oversize { .. } => None,
        }
    }
}

impl ClientError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Connect { cause, .. } => match cause.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ErrorCode::NotRunning,
                io::ErrorKind::PermissionDenied => ErrorCode::NotPermitted,
                io::ErrorKind::InvalidInput => ErrorCode::Usage,
                _ => ErrorCode::Other,
            },
            Self::Distrusted { distrust: Distrust::Impostor { .. } | Distrust::Exposed { .. }, .. } => {
                ErrorCode::Refused
            }
            Self::Timeout(_) => ErrorCode::Timeout,
            Self::Request(_) => ErrorCode::Usage,
            Self::Distrusted { distrust: Distrust::Unknown(_), .. }
            | Self::Version { .. }
            | Self::Closed
            | Self::Oversize { .. }
            | Self::Malformed(_)
            | Self::Io(_) => ErrorCode::Other,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Connect { socket, .. } => match self.code() {
                ErrorCode::NotRunning => Some(
                    "start it: systemctl start rayfish-engine, or run `cargo demo` from a source checkout".to_owned(),
                ),
                ErrorCode::NotPermitted => {
                    let path = socket.display();
                    Some(format!("the socket is open to every user by default; see `namei -l {path}`, or ask root"))
                }
                ErrorCode::Other | ErrorCode::Usage | ErrorCode::Timeout | ErrorCode::NotFound | ErrorCode::Refused => {
                    None
                }
            },
            Self::Distrusted { .. } => Some("somebody may be posing as the engine; ask the administrator".to_owned()),
            Self::Version { engine, .. } if *engine < control::VERSION => {
                Some("the engine is older: upgrade it, then systemctl restart rayfish-engine".to_owned())
            }
            Self::Version { .. } => Some("this ray is older: upgrade it to the engine's release".to_owned()),
            Self::Timeout(_) | Self::Closed => Some("see what it says: journalctl -u rayfish-engine".to_owned()),
            Self::Oversize { .. } | Self::Malformed(_) => {
                Some("ray and the engine should come from the same release; restart the engine".to_owned())
            }
            Self::Request(_) | Self::Io(_) => None,
        }
    }

    /// Whether the message already says what the cause would.
    fn tells_cause(&self) -> bool {
        self.code() == ErrorCode::NotRunning
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let failure = Self { hint: error.hint(), ..Self::new(error.code(), error.to_string()) };
        if error.tells_cause() {
            return failure;
        }
        match error {
            ClientError::Connect { cause, .. }
            | ClientError::Io(cause)
            | ClientError::Distrusted { distrust: Distrust::Unknown(cause), .. } => failure.caused_by(cause),
            ClientError::Malformed(cause) | ClientError::Request(cause) => failure.caused_by(cause),
            ClientError::Distrusted { .. }
            | ClientError::Version { .. }
            | ClientError::Timeout(_)
            | ClientError::Closed
            | ClientError::Oversize { .. } => failure,
        }
    }
}
