//! A privileged program's socket: made for the engine's group, answered to the engine's uid only.

use std::{
    error::Error,
    fmt, fs, io,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::{
            fs::{FileTypeExt, MetadataExt, PermissionsExt, chown},
            net::{UnixDatagram, UnixListener},
        },
    },
    path::{Path, PathBuf},
    time::Instant,
};

use nix::{
    errno::Errno,
    sys::{
        socket::{
            AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, connect, getsockopt, listen, socket,
            sockopt::PeerPidfd,
        },
        stat::{Mode, umask},
    },
};
use ray_ipc::cred::PeerCred;

use crate::{
    account::Account,
    log::PeerLog,
    trust::{self, TrustError},
};

/// Engines that wait while another is served or a pause lasts; there is never more than one in good order.
const BACKLOG: i32 = 4;
const MODE: u32 = 0o660;

/// Why a program cannot listen.
#[derive(Debug)]
pub enum ListenError {
    Directory(TrustError),
    /// Something stands at the path that is not a socket of root's.
    NotOurs {
        path: PathBuf,
    },
    /// Another process of the same program answers at the path.
    Occupied {
        path: PathBuf,
    },
    Io {
        step: &'static str,
        path: PathBuf,
        cause: io::Error,
    },
}

impl ListenError {
    /// What the administrator can do.
    pub fn hint(&self) -> String {
        match self {
            Self::Directory(cause) => cause.hint(),
            Self::NotOurs { path } => format!("look what {} is, and remove it", path.display()),
            Self::Occupied { .. } => "stop the other one first; one serves the whole host".into(),
            Self::Io { cause, .. } if cause.kind() == io::ErrorKind::PermissionDenied => {
                "start it as root: it gives the socket to the engine's group, then drops what that takes".into()
            }
            Self::Io { path, .. } => format!("check the directory of {}", path.display()),
        }
    }
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(_) => f.write_str("checking the socket's directory"),
            Self::NotOurs { path } => write!(f, "listening at {}: not a socket of root's stands there", path.display()),
            Self::Occupied { path } => write!(f, "listening at {}: another one answers there", path.display()),
            Self::Io { step, path, .. } => write!(f, "{step} {}", path.display()),
        }
    }
}

impl Error for ListenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Directory(cause) => Some(cause),
            Self::Io { cause, .. } => Some(cause),
            Self::NotOurs { .. } | Self::Occupied { .. } => None,
        }
    }
}

/// The engine, connected.
#[derive(Debug)]
pub struct Caller {
    pub socket: UnixDatagram,
    /// The process that connected; `None` where the kernel does not tell (before Linux 6.5).
    pub process: Option<OwnedFd>,
}

/// Who knocked.
enum Knock {
    Engine(Caller),
    /// Somebody else, whose connection is closed already.
    Stranger(PeerCred),
}

/// The listening socket. Its path goes away with it.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    path: PathBuf,
    engine: Account,
}

impl Listener {
    /// Listens at `path`, which only `engine`'s group may reach.
    pub fn bind(path: &Path, engine: Account) -> Result<Self, ListenError> {
        trust::check_directory_of(path).map_err(ListenError::Directory)?;
        remove_stale(path)?;
        let fault = |step| move |errno: Errno| ListenError::Io { step, path: path.to_owned(), cause: errno.into() };
        let address = UnixAddr::new(path).map_err(fault("naming the socket"))?;
        let socket = seqpacket().map_err(fault("making the socket"))?;
        // Nobody may connect before the socket has its owner and group.
        let former = umask(Mode::from_bits_truncate(0o177));
        let bound = bind(socket.as_raw_fd(), &address);
        umask(former);
        bound.map_err(fault("binding"))?;
        // From here on the path is ours, and dropping this removes it.
        let listener = Self { socket: UnixListener::from(socket), path: path.to_owned(), engine };
        listener.hand_to_group().map_err(|cause| ListenError::Io {
            step: "giving the engine's group access to",
            path: path.to_owned(),
            cause,
        })?;
        let backlog = Backlog::new(BACKLOG).map_err(fault("listening at"))?;
        listen(&listener.socket, backlog).map_err(fault("listening at"))?;
        Ok(listener)
    }

    /// Takes one waiting connection, and closes it unless it is the engine's and no other of it `is_served`.
    pub fn admit(&self, is_served: bool, log: &mut PeerLog, now: Instant) -> Option<Caller> {
        match self.accept() {
            Ok(Some(Knock::Engine(caller))) if !is_served => return Some(caller),
            Ok(Some(Knock::Engine(_))) => log.line(now, format_args!("closed a second connection of the engine")),
            Ok(Some(Knock::Stranger(cred))) => {
                log.line(now, format_args!("closed a connection of uid {} (pid {})", cred.uid, cred.pid));
            }
            Ok(None) => {}
            Err(error) => log.line(now, format_args!("accepting a connection: {error}")),
        }
        None
    }

    /// Takes one waiting connection; `None` where it went away again.
    fn accept(&self) -> io::Result<Option<Knock>> {
        let connection = match self.socket.accept() {
            // Only converted: a SEQPACKET socket keeps std's datagram semantics, not those of its streams.
            Ok((stream, _)) => UnixDatagram::from(OwnedFd::from(stream)),
            Err(error) => {
                return match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionAborted => Ok(None),
                    _ => Err(error),
                };
            }
        };
        let cred = PeerCred::of(&connection)?;
        if cred.uid != self.engine.uid {
            return Ok(Some(Knock::Stranger(cred)));
        }
        // An engine that does not read its replies must not stop the helper.
        connection.set_nonblocking(true)?;
        let process = getsockopt(&connection, PeerPidfd).ok();
        Ok(Some(Knock::Engine(Caller { socket: connection, process })))
    }

    fn hand_to_group(&self) -> io::Result<()> {
        chown(&self.path, Some(0), Some(self.engine.gid))?;
        fs::set_permissions(&self.path, fs::Permissions::from_mode(MODE))
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Nothing depends on it: the next start removes what is left.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether a process of the same program serves at `path`.
pub fn is_served(path: &Path) -> Result<bool, ListenError> {
    Ok(look(path)? == Place::Occupied)
}

/// What stands where the socket shall be.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Empty,
    NotOurs,
    Stale,
    Occupied,
}

/// Removes a socket that a dead process left.
fn remove_stale(path: &Path) -> Result<(), ListenError> {
    match look(path)? {
        Place::Empty => Ok(()),
        Place::NotOurs => Err(ListenError::NotOurs { path: path.to_owned() }),
        Place::Stale => fs::remove_file(path).map_err(|cause| ListenError::Io {
            step: "removing the stale socket",
            path: path.to_owned(),
            cause,
        }),
        Place::Occupied => Err(ListenError::Occupied { path: path.to_owned() }),
    }
}

fn look(path: &Path) -> Result<Place, ListenError> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Place::Empty),
        other => other.map_err(|cause| ListenError::Io { step: "looking at", path: path.to_owned(), cause })?,
    };
    if !metadata.file_type().is_socket() || metadata.uid() != 0 {
        return Ok(Place::NotOurs);
    }
    Ok(match answers(path) {
        Err(Errno::ECONNREFUSED) => Place::Stale,
        Ok(()) | Err(_) => Place::Occupied,
    })
}

fn answers(path: &Path) -> Result<(), Errno> {
    connect(seqpacket()?.as_raw_fd(), &UnixAddr::new(path)?)
}

fn seqpacket() -> Result<OwnedFd, Errno> {
    socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, None)
}
