//! An engine that speaks the control protocol and says what the test tells it to.

use std::{
    collections::VecDeque,
    fs,
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    process,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
        mpsc::Receiver,
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use ray_ipc::control::{ClientHello, LENGTH_PREFIX, Message, Reply, Request, ServerHello, VERSION};

/// What the engine does after it has read the request.
pub(crate) enum Step {
    Reply(Reply),
    Raw(Vec<u8>),
    /// Holds the rest back until the test says so, or has lost interest.
    Gate(Receiver<()>),
    /// So many times a byte and a pause.
    Trickle {
        times: u32,
        pause: Duration,
    },
    Close,
}

/// A listening socket in a directory of its own, served by a thread until the drop.
pub(crate) struct FakeEngine {
    directory: Directory,
    socket: PathBuf,
    requests: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FakeEngine {
    /// Greets as it should and sends these replies.
    pub(crate) fn answering(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::playing(replies.into_iter().map(Step::Reply).collect())
    }

    pub(crate) fn playing(steps: Vec<Step>) -> Self {
        Self::greeting(Self::hello(), steps)
    }

    /// Answers each connection after the other with the next of these.
    pub(crate) fn conversing(answers: Vec<Vec<Reply>>) -> Self {
        Self::serving(Self::hello(), answers.into_iter().map(|answer| answer.into_iter().map(Step::Reply).collect()))
    }

    /// Greets with these bytes, then plays the steps to the first client that asks something.
    pub(crate) fn greeting(hello: Vec<u8>, steps: Vec<Step>) -> Self {
        Self::serving(hello, [steps])
    }

    fn hello() -> Vec<u8> {
        ServerHello { version: VERSION, engine_release: "0.1.0".into() }.to_frame().unwrap()
    }

    fn serving(hello: Vec<u8>, plays: impl IntoIterator<Item = Vec<Step>>) -> Self {
        let plays: VecDeque<Vec<Step>> = plays.into_iter().collect();
        let directory = Directory::make();
        let socket = directory.path().join("ray.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let (requests, stop) = (Arc::clone(&requests), Arc::clone(&stop));
            move || serve(&listener, &hello, plays, &requests, &stop)
        });
        Self { directory, socket, requests, stop, thread: Some(thread) }
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// A place for files of the test that goes away with the engine.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// What was asked until now.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for FakeEngine {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the accept.
        let _ = UnixStream::connect(&self.socket);
        if let Some(thread) = self.thread.take() {
            let served = thread.join();
            assert!(served.is_ok() || thread::panicking(), "the fake engine has panicked");
        }
    }
}

fn serve(
    listener: &UnixListener,
    hello: &[u8],
    mut plays: VecDeque<Vec<Step>>,
    requests: &Mutex<Vec<Request>>,
    stop: &AtomicBool,
) {
    for stream in listener.incoming() {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        // A client that goes away is nothing that the engine would fail of.
        let _ = converse(&mut stream.unwrap(), hello, &mut plays, requests);
    }
}

fn converse(
    stream: &mut UnixStream,
    hello: &[u8],
    plays: &mut VecDeque<Vec<Step>>,
    requests: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    let greeting = ClientHello::from_body(&read_frame(stream)?).unwrap();
    assert_eq!(greeting.version, VERSION);
    stream.write_all(hello)?;
    requests.lock().unwrap().push(Request::from_body(&read_frame(stream)?).unwrap());
    for step in plays.pop_front().unwrap_or_default() {
        match step {
            Step::Reply(reply) => stream.write_all(&reply.to_frame().unwrap())?,
            Step::Raw(bytes) => stream.write_all(&bytes)?,
            Step::Gate(gate) => drop(gate.recv()),
            Step::Trickle { times, pause } => {
                for _ in 0..times {
                    stream.write_all(&[0])?;
                    thread::sleep(pause);
                }
            }
            Step::Close => return Ok(()),
        }
    }
    // The client goes first, so that nothing it has to read is lost.
    stream.read_to_end(&mut Vec::new()).map(drop)
}

fn read_frame(stream: &mut UnixStream) -> std::io::Result<Vec<u8>> {
    let mut prefix = [0; LENGTH_PREFIX];
    stream.read_exact(&mut prefix)?;
    let mut body = vec![0; u32::from_le_bytes(prefix) as usize];
    stream.read_exact(&mut body)?;
    Ok(body)
}

/// A directory below the system's temporary one that is removed with the value.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn make() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("ray-cli-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::SeqCst));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
