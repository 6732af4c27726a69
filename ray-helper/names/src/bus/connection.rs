//! The socket of the system bus: login, calls that end in time, and signals.

use std::{
    collections::VecDeque,
    fmt,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, recv, send, socket},
    unistd::geteuid,
};

use super::{
    MESSAGE_MAX, Malformed,
    message::{self, Call, FIXED, Kind, Message},
    value::Value,
};

/// Where the system bus listens on every host.
pub const SYSTEM_BUS: &str = "/run/dbus/system_bus_socket";
/// The bus itself, as a program on it.
const BUS_NAME: &str = "org.freedesktop.DBus";
const BUS_PATH: &str = "/org/freedesktop/DBus";
/// How long the bus itself may take.
const BUS_DEADLINE: Duration = Duration::from_secs(2);
/// Longest line of the login.
const LINE_MAX: usize = 512;
/// Signals kept until somebody asks for them: of a program that comes and goes faster, the first ones say enough.
const SIGNALS_MAX: usize = 64;
/// Messages read at one go: a flood must not keep the caller.
const MESSAGES_AT_ONCE: usize = 256;
/// Longest words of another program that are handed on.
const WORDS_MAX: usize = 200;

/// Why the bus did not do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BusError {
    /// The socket failed, or the other end closed it.
    Socket(&'static str, Errno),
    /// Bytes that are none of the bus. The connection is of no further use.
    Malformed(Malformed),
    /// The other program said no: a name, and its words.
    Refused { name: String, words: String },
    /// No answer in time.
    TimedOut,
}

/// A connection to the bus.
#[derive(Debug)]
pub struct Bus {
    socket: OwnedFd,
    serial: u32,
    received: Vec<u8>,
    signals: VecDeque<Message>,
    /// Whether the connection has failed and must be made anew.
    broken: bool,
}

impl Bus {
    /// Connects to the bus at `path`, logs in as the own user and gets a name.
    pub fn connect(path: &str) -> Result<Self, BusError> {
        let at = |step| move |errno| BusError::Socket(step, errno);
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None).map_err(at("making a socket"))?;
        let address = UnixAddr::new(path).map_err(at("naming the bus"))?;
        connect(socket.as_raw_fd(), &address).map_err(at("connecting to the system bus"))?;
        let mut bus = Self { socket, serial: 0, received: vec![], signals: VecDeque::new(), broken: false };
        let deadline = after(BUS_DEADLINE);
        bus.log_in(deadline)?;
        bus.call_bus("Hello", vec![])?;
        Ok(bus)
    }

    /// Whether this connection is of no further use.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Asks another program and waits for its answer.
    pub fn call(&mut self, call: &Call<'_>, patience: Duration) -> Result<Vec<Value>, BusError> {
        let answer = self.exchange(call, after(patience));
        self.broken |= matches!(answer, Err(BusError::Socket(..) | BusError::Malformed(_)));
        answer
    }

    /// Asks the bus itself.
    pub fn call_bus(&mut self, member: &str, body: Vec<Value>) -> Result<Vec<Value>, BusError> {
        let call = Call { destination: BUS_NAME, path: BUS_PATH, interface: BUS_NAME, member, body };
        self.call(&call, BUS_DEADLINE)
    }

    /// Asks for signals that match a rule.
    pub fn subscribe(&mut self, rule: &str) -> Result<(), BusError> {
        self.call_bus("AddMatch", vec![Value::text(rule)]).map(drop)
    }

    /// Who has a well-known name: a connection's own name. `None` where the program does not run.
    pub fn owner(&mut self, name: &str) -> Result<Option<String>, BusError> {
        match self.call_bus("GetNameOwner", vec![Value::text(name)]) {
            Ok(values) => Ok(values.first().and_then(Value::as_text).map(str::to_owned)),
            Err(BusError::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The bus's own signals that have come in. Does not wait.
    pub fn signals(&mut self) -> Result<Vec<Message>, BusError> {
        for _ in 0..MESSAGES_AT_ONCE {
            match self.receive(Instant::now()) {
                Ok(message) => self.keep(message),
                Err(BusError::TimedOut) => break,
                Err(error) => {
                    self.broken = true;
                    return Err(error);
                }
            }
        }
        Ok(self.signals.drain(..).collect())
    }

    /// Whether signals have come in during a call. They make the socket readable no more.
    pub fn has_signals(&self) -> bool {
        !self.signals.is_empty()
    }

    fn exchange(&mut self, call: &Call<'_>, deadline: Instant) -> Result<Vec<Value>, BusError> {
        self.serial = self.serial.checked_add(1).unwrap_or(1);
        let serial = self.serial;
        let bytes = call.encode(serial).map_err(BusError::Malformed)?;
        self.send(&bytes, deadline)?;
        loop {
            let message = self.receive(deadline)?;
            match message.kind {
                Kind::Return if message.answers == Some(serial) => return Ok(message.body),
                Kind::Error if message.answers == Some(serial) => return Err(refused(message)),
                Kind::Return | Kind::Error | Kind::Call | Kind::Signal | Kind::Other => self.keep(message),
            }
            // Reading waits only where there is nothing to read.
            if Instant::now() >= deadline {
                return Err(BusError::TimedOut);
            }
        }
    }

    /// The bus's own signals are kept. Those of others anybody may send, and as many as he likes; late answers and calls
    /// are nothing to us.
    fn keep(&mut self, message: Message) {
        let genuine = message.kind == Kind::Signal && message.sender.as_deref() == Some(BUS_NAME);
        if genuine && self.signals.len() < SIGNALS_MAX {
            self.signals.push_back(message);
        }
    }

    fn log_in(&mut self, deadline: Instant) -> Result<(), BusError> {
        let uid: String = geteuid().to_string().bytes().map(|digit| format!("{digit:02x}")).collect();
        self.send(format!("\0AUTH EXTERNAL {uid}\r\n").as_bytes(), deadline)?;
        let line = loop {
            if let Some(end) = self.received.windows(2).position(|window| window == b"\r\n") {
                break self.received.drain(..end.saturating_add(2)).collect::<Vec<u8>>();
            }
            if self.received.len() > LINE_MAX {
                return Err(BusError::Malformed(Malformed("a login without end")));
            }
            self.fill(deadline)?;
        };
        if !line.starts_with(b"OK ") {
            let words = in_words(&String::from_utf8_lossy(&line));
            return Err(BusError::Refused { name: "login".to_owned(), words });
        }
        self.send(b"BEGIN\r\n", deadline)
    }

    fn send(&mut self, mut bytes: &[u8], deadline: Instant) -> Result<(), BusError> {
        while !bytes.is_empty() {
            match send(self.socket.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL) {
                Ok(sent) => bytes = bytes.get(sent..).unwrap_or_default(),
                Err(Errno::EAGAIN) => self.wait(PollFlags::POLLOUT, deadline)?,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(BusError::Socket("writing to the system bus", errno)),
            }
        }
        Ok(())
    }

    fn receive(&mut self, deadline: Instant) -> Result<Message, BusError> {
        loop {
            if let Some(head) = self.received.first_chunk::<FIXED>() {
                let length = message::length(head).map_err(BusError::Malformed)?;
                if self.received.len() >= length {
                    let message = message::decode(self.received.get(..length).unwrap_or_default());
                    self.received.drain(..length);
                    return message.map_err(BusError::Malformed);
                }
            }
            self.fill(deadline)?;
        }
    }

    /// Reads what is there, or waits for it.
    fn fill(&mut self, deadline: Instant) -> Result<(), BusError> {
        const STEP: usize = 8 * 1024;
        let mut buffer = [0; STEP];
        loop {
            match recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                Ok(0) => return Err(BusError::Socket("reading from the system bus", Errno::ECONNRESET)),
                Ok(count) => {
                    debug_assert!(self.received.len() <= MESSAGE_MAX, "a whole message is taken out before");
                    self.received.extend_from_slice(buffer.get(..count).unwrap_or_default());
                    return Ok(());
                }
                Err(Errno::EAGAIN) => self.wait(PollFlags::POLLIN, deadline)?,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(BusError::Socket("reading from the system bus", errno)),
            }
        }
    }

    fn wait(&self, events: PollFlags, deadline: Instant) -> Result<(), BusError> {
        let left = deadline.saturating_duration_since(Instant::now());
        // Upwards: a wait of zero milliseconds would be a busy one.
        let milliseconds = u16::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u16::MAX);
        match poll(&mut [PollFd::new(self.socket.as_fd(), events)], PollTimeout::from(milliseconds)) {
            Ok(0) if left <= Duration::from_millis(milliseconds.into()) => Err(BusError::TimedOut),
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(BusError::Socket("waiting for the system bus", errno)),
        }
    }
}

impl AsFd for Bus {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl fmt::Display for BusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(step, errno) => write!(f, "{step}: {}", errno.desc()),
            Self::Malformed(Malformed(what)) => write!(f, "the system bus sent {what}"),
            Self::Refused { name, words } => write!(f, "{name}: {words}"),
            Self::TimedOut => f.write_str("no answer on the system bus in time"),
        }
    }
}

fn after(patience: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(patience).unwrap_or(now)
}

fn refused(message: Message) -> BusError {
    let words = message.body.first().and_then(Value::as_text).unwrap_or_default();
    BusError::Refused {
        name: in_words(message.error.as_deref().unwrap_or("an error without a name")),
        words: in_words(words),
    }
}

/// Words of another program: a line of bounded length for a log or a screen.
fn in_words(text: &str) -> String {
    text.chars().take(WORDS_MAX).map(|character| if character.is_control() { ' ' } else { character }).collect()
}
