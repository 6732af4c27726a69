//! Binds the control socket and accepts callers, a bounded number at a time and for each uid.

use std::{
    collections::HashMap,
    fmt, fs, io,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use ray_ipc::cred::PeerCred;
use tokio::net::{UnixListener, UnixStream};

use super::{Actor, Operators, session};
use crate::service::Service;

/// Callers at once. Status watchers and scripts stay far below.
const CALLERS_MAX: usize = 128;
/// Callers of one uid, so that no user shuts the others out.
const CALLERS_PER_UID_MAX: usize = 32;

/// Why the engine cannot listen.
#[derive(Debug)]
pub enum ListenError {
    /// Another engine answers at the socket.
    Taken(PathBuf),
    /// Something that is no socket lies there.
    NotASocket(PathBuf),
    Io {
        path: PathBuf,
        cause: io::Error,
    },
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken(path) => write!(f, "listening at {}: another engine answers there", path.display()),
            Self::NotASocket(path) => write!(f, "listening at {}: something else lies there", path.display()),
            Self::Io { path, .. } => write!(f, "listening at {}", path.display()),
        }
    }
}

impl std::error::Error for ListenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { cause, .. } => Some(cause),
            Self::Taken(_) | Self::NotASocket(_) => None,
        }
    }
}

/// The bound socket. It vanishes from the file system when this is dropped.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    path: PathBuf,
}

impl Listener {
    /// Binds `path` for everybody to connect to; what a caller may do is decided per request.
    pub fn bind(path: &Path) -> Result<Self, ListenError> {
        let fail = |cause| ListenError::Io { path: path.to_owned(), cause };
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(fail(error)),
            Ok(meta) if !meta.file_type().is_socket() => return Err(ListenError::NotASocket(path.to_owned())),
            Ok(_) => {
                if std::os::unix::net::UnixStream::connect(path).is_ok() {
                    return Err(ListenError::Taken(path.to_owned()));
                }
                fs::remove_file(path).map_err(fail)?;
            }
        }
        let socket = UnixListener::bind(path).map_err(fail)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o666)).map_err(fail)?;
        Ok(Self { socket, path: path.to_owned() })
    }

    /// Serves callers for ever.
    pub async fn serve(&self, service: Service, operators: Operators) {
        let operators = Arc::new(operators);
        let callers = Arc::new(Callers::default());
        loop {
            match self.socket.accept().await {
                Ok((stream, _)) => admit(stream, &callers, &service, &operators),
                Err(error) => {
                    // Out of descriptors, most likely: callers end and give some back.
                    tracing::warn!(%error, "accepting a caller");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, path = %self.path.display(), "removing the control socket");
        }
    }
}

fn admit(stream: UnixStream, callers: &Arc<Callers>, service: &Service, operators: &Arc<Operators>) {
    let caller = match PeerCred::of(&stream) {
        Ok(caller) => caller,
        Err(error) => return tracing::warn!(%error, "asking the kernel who called"),
    };
    let Some(seat) = Callers::seat(callers, caller.uid, operators.actor(caller)) else {
        return tracing::warn!(uid = caller.uid, "turning a caller away: too many at once");
    };
    let (service, operators) = (service.clone(), operators.clone());
    tokio::spawn(async move {
        let _seat = seat;
        if let Err(error) = session::run(stream, &service, &operators).await {
            tracing::debug!(%error, uid = caller.uid, "a caller's session ended");
        }
    });
}

#[derive(Debug, Default)]
struct Callers {
    by_uid: Mutex<HashMap<u32, usize>>,
}

#[derive(Debug)]
struct Seat {
    callers: Arc<Callers>,
    uid: u32,
}

impl Callers {
    fn seat(callers: &Arc<Self>, uid: u32, actor: Actor) -> Option<Seat> {
        let mut by_uid = callers.by_uid.lock().ok()?;
        let total: usize = by_uid.values().sum();
        let mine = by_uid.entry(uid).or_default();
        // Who may change things is never shut out by those who look: one user can have many uids.
        if actor == Actor::Reader && (total >= CALLERS_MAX || *mine >= CALLERS_PER_UID_MAX) {
            return None;
        }
        *mine += 1;
        Some(Seat { callers: callers.clone(), uid })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Ok(mut by_uid) = self.callers.by_uid.lock() else { return };
        if let Some(count) = by_uid.get_mut(&self.uid) {
            *count -= 1;
            if *count == 0 {
                by_uid.remove(&self.uid);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_cannot_shut_the_others_out() {
        let callers = Arc::new(Callers::default());
        let reader = |uid| Callers::seat(&callers, uid, Actor::Reader);
        let seats: Vec<_> = (0..CALLERS_PER_UID_MAX + 5).filter_map(|_| reader(1000)).collect();
        assert_eq!(seats.len(), CALLERS_PER_UID_MAX);
        assert!(reader(1001).is_some());
        drop(seats);
        assert!(reader(1000).is_some());
    }

    #[test]
    fn many_readers_do_not_shut_out_who_may_change_things() {
        let callers = Arc::new(Callers::default());
        let seats: Vec<_> = (1000..3000).filter_map(|uid| Callers::seat(&callers, uid, Actor::Reader)).collect();
        assert_eq!(seats.len(), CALLERS_MAX);
        assert!(Callers::seat(&callers, 1, Actor::Operator).is_some());
        assert!(Callers::seat(&callers, 0, Actor::Root).is_some());
    }
}
