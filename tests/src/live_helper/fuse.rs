//! A file on a FUSE mount whose daemon lets it be opened, and answers nothing after that.

use std::{
    fs::{self, File},
    io::{Read, Write},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd},
        unix::fs::OpenOptionsExt,
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use nix::{
    libc,
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};

use super::{POLL_PAUSE, namespace::on_a_thread, temporary_directory};

/// Requests of the kernel, by number.
const OPEN: u32 = 14;
const INIT: u32 = 26;
/// What comes before each request.
const HEADER_LEN: usize = 40;
/// More than any request that comes here needs, as the kernel wants it.
const REQUEST_MAX: usize = 64 * 1024;

/// An open file whose `stat` and `close` wait until this goes away.
#[derive(Debug)]
pub struct SilentFile {
    file: Option<File>,
    directory: PathBuf,
    stop: Arc<AtomicBool>,
    daemon: Option<JoinHandle<()>>,
}

impl SilentFile {
    /// Mounts it in a namespace that goes away at once, and opens it.
    ///
    /// # Panics
    /// Where that is not permitted.
    pub fn open() -> Self {
        let connection =
            File::options().read(true).write(true).custom_flags(libc::O_NONBLOCK).open("/dev/fuse").expect("/dev/fuse");
        let (directory, stop) = (temporary_directory(), Arc::new(AtomicBool::new(false)));
        let path = directory.join("file");
        fs::write(&path, "").expect("making the file to mount on");
        // The root of the mount is the file itself, so that no name is ever looked up. Anybody may use it.
        let data = format!("fd={},rootmode=100000,user_id=0,group_id=0,allow_other", connection.as_raw_fd());
        let (daemon, file) = on_a_thread(|| {
            unshare(CloneFlags::CLONE_NEWNS).expect("making a mount namespace");
            let none = None::<&str>;
            mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).expect("keeping mounts private");
            let flags = MsFlags::MS_NODEV | MsFlags::MS_NOSUID;
            mount(Some("silent"), &path, Some("fuse"), flags, Some(data.as_str())).expect("mounting");
            let until = Arc::clone(&stop);
            (thread::spawn(move || serve(connection, &until)), open_inside(&path))
        });
        Self { file: Some(file), directory, stop, daemon: Some(daemon) }
    }
}

impl AsFd for SilentFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_ref().expect("it is there until the end").as_fd()
    }
}

/// Ends the connection first: whoever waits for an answer gets an error.
impl Drop for SilentFile {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.daemon.take().map(JoinHandle::join);
        drop(self.file.take());
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn open_inside(path: &Path) -> File {
    File::options().read(true).write(true).open(path).expect("opening the file")
}

fn serve(mut connection: File, stop: &AtomicBool) {
    let mut request = vec![0; REQUEST_MAX];
    while !stop.load(Ordering::Relaxed) {
        let Ok(len) = connection.read(&mut request) else {
            thread::sleep(POLL_PAUSE);
            continue;
        };
        assert!(len >= HEADER_LEN);
        let body = match u32::from_ne_bytes(request[4..8].try_into().expect("four bytes")) {
            INIT => init_reply(),
            // A handle without flags.
            OPEN => vec![0; 16],
            _ => continue,
        };
        let mut reply = u32::try_from(16 + body.len()).expect("a small reply").to_ne_bytes().to_vec();
        reply.extend(0i32.to_ne_bytes());
        reply.extend(&request[8..16]);
        reply.extend(body);
        connection.write_all(&reply).expect("answering the kernel");
    }
}

/// Version 7.31, without any feature.
fn init_reply() -> Vec<u8> {
    let mut body: Vec<u8> = [7u32, 31, 0, 0, 0, 4096].into_iter().flat_map(u32::to_ne_bytes).collect();
    body.resize(64, 0);
    body
}
