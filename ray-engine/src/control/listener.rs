//! Binds the control socket and accepts callers, a bounded number at a time and for each uid.

use std::{
    collections::HashMap,
    fmt, fs, io,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use ray_ipc::control::Level;
use tokio::net::{UnixListener, UnixStream};

use super::{Access, Caller, session};
use crate::service::Service;

/// Callers of one level at once. Status watchers and scripts stay far below. Each level has places of its own, so that those
/// who may do less never shut out those who may do more: one person can have the uids of a whole range.
const CALLERS_PER_LEVEL_MAX: usize = 128;
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
    pub async fn serve(&self, service: Service, access: Access) {
        let access = Arc::new(access);
        let callers = Arc::new(Callers::default());
        loop {
            match self.socket.accept().await {
                Ok((stream, _)) => admit(stream, &callers, &service, &access),
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

fn admit(stream: UnixStream, callers: &Arc<Callers>, service: &Service, access: &Arc<Access>) {
    let caller = match Caller::of(&stream) {
        Ok(caller) => caller,
        Err(error) => return tracing::warn!(%error, "asking the kernel who called"),
    };
    let uid = caller.uid;
    let Some(seat) = Callers::seat(callers, uid, access.judge(&caller).level) else {
        return tracing::debug!(uid, "turning a caller away: too many at once");
    };
    let (service, access) = (service.clone(), access.clone());
    tokio::spawn(async move {
        let _seat = seat;
        if let Err(error) = session::run(stream, &caller, &service, &access).await {
            tracing::debug!(%error, uid, "a caller's session ended");
        }
    });
}

/// Who is being served.
#[derive(Debug, Default)]
struct Callers {
    taken: Mutex<HashMap<(Level, u32), usize>>,
}

#[derive(Debug)]
struct Seat {
    callers: Arc<Callers>,
    place: (Level, u32),
}

impl Callers {
    /// A place for one more caller. Root always gets one: it could take them all anyway.
    fn seat(callers: &Arc<Self>, uid: u32, level: Level) -> Option<Seat> {
        let mut taken = callers.taken.lock().ok()?;
        let of_level: usize = taken.iter().filter(|((other, _), _)| *other == level).map(|(_, count)| count).sum();
        let place = (level, uid);
        let mine = taken.get(&place).copied().unwrap_or(0);
        if uid != 0 && (of_level >= CALLERS_PER_LEVEL_MAX || mine >= CALLERS_PER_UID_MAX) {
            return None;
        }
        taken.insert(place, mine + 1);
        Some(Seat { callers: callers.clone(), place })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Ok(mut taken) = self.callers.taken.lock() else { return };
        if let Some(count) = taken.get_mut(&self.place) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.place);
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
        for level in Level::ALL {
            let seat = |uid| Callers::seat(&callers, uid, level);
            let seats: Vec<_> = (0..CALLERS_PER_UID_MAX + 5).filter_map(|_| seat(1000)).collect();
            assert_eq!(seats.len(), CALLERS_PER_UID_MAX, "{level:?}");
            assert!(seat(1001).is_some(), "{level:?}");
            drop(seats);
            assert!(seat(1000).is_some(), "{level:?}");
        }
        assert!(callers.taken.lock().unwrap().is_empty(), "a caller that has gone leaves nothing behind");
    }

    #[test]
    fn many_callers_do_not_shut_out_who_may_do_more_and_never_root() {
        let callers = Arc::new(Callers::default());
        let mut seats = Vec::new();
        for level in Level::ALL {
            let uids = 1000..3000;
            let taken: Vec<_> = uids.filter_map(|uid| Callers::seat(&callers, uid, level)).collect();
            assert_eq!(taken.len(), CALLERS_PER_LEVEL_MAX, "{level:?} finds its own places");
            seats.push(taken);
        }
        let root: Vec<_> = (0..100).filter_map(|_| Callers::seat(&callers, 0, Level::Admin)).collect();
        assert_eq!(root.len(), 100);
    }
}
