//! A service manager as small as can be: it hears `sd_notify` messages, and stores descriptors.

use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixDatagram},
    path::PathBuf,
};

use nix::unistd::mkdtemp;
use ray_ipc::fd;

use super::{Launch, set_mode};

/// What a manager hears and holds.
#[derive(Debug)]
pub struct ServiceManager {
    socket: UnixDatagram,
    directory: PathBuf,
    heard: Vec<String>,
    store: Vec<(String, OwnedFd)>,
}

impl ServiceManager {
    pub fn new() -> Self {
        let directory = mkdtemp(&std::env::temp_dir().join("ray-manager-XXXXXX")).expect("making a directory");
        set_mode(&directory, 0o755);
        let socket = UnixDatagram::bind(directory.join("notify")).expect("binding the manager's socket");
        socket.set_nonblocking(true).expect("setting the socket non-blocking");
        Self { socket, directory, heard: Vec::new(), store: Vec::new() }
    }

    /// How a service of this manager starts: with what it has stored.
    pub fn launch(&mut self) -> Launch {
        self.listen();
        let listed =
            self.store.iter().map(|(name, fd)| (name.clone(), fd.try_clone().expect("a descriptor"))).collect();
        let path = self.directory.join("notify").display().to_string();
        Launch { env: vec![("NOTIFY_SOCKET".to_owned(), path)], listed, undo: false }
    }

    /// Whether a service has said this.
    pub fn has_heard(&mut self, line: &str) -> bool {
        self.listen();
        self.heard.iter().any(|message| message.lines().any(|said| said == line))
    }

    /// The names of what is stored.
    pub fn stored(&mut self) -> Vec<String> {
        self.listen();
        self.store.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Stores something that no service has asked it to.
    pub fn put(&mut self, name: &str, fd: OwnedFd) {
        self.store.push((name.to_owned(), fd));
    }

    /// Lets go of everything, as after a full stop.
    pub fn clear(&mut self) {
        self.listen();
        self.store.clear();
    }

    fn listen(&mut self) {
        let mut buffer = vec![0; 4096];
        loop {
            let received = match fd::recv(&self.socket, &mut buffer) {
                Ok(received) => received,
                Err(fd::RecvError::Io(errno)) if io::Error::from(errno).kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => panic!("hearing a service: {error}"),
            };
            let message = String::from_utf8(buffer[..received.len].to_vec()).expect("text");
            let value = |key: &str| message.lines().find_map(|line| line.strip_prefix(key)).map(str::to_owned);
            if let Some(name) = value("FDNAME=") {
                if value("FDSTORE=").is_some() {
                    for fd in received.fds {
                        self.store.push((name.clone(), fd));
                    }
                } else if value("FDSTOREREMOVE=").is_some() {
                    self.store.retain(|(stored, _)| *stored != name);
                }
            }
            self.heard.push(message);
        }
    }
}

impl Default for ServiceManager {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for ServiceManager {
    fn drop(&mut self) {
        // A directory that stays is in nobody's way.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
