//! Tests of the keeping of names: a program at the other end of the socket that does as a script says.

use std::{
    fs,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::net::{UnixDatagram, UnixListener},
    },
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
};

use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket};
use ray_ipc::{
    limits::NAMES_FRAME_MAX,
    names::{self, Backend, NamesRefusal, State},
};

use super::*;
use crate::host::{Shape, Tun};

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn looks_first_and_asks_when_the_tunnel_is_up() {
    let stage = Stage::new(orderly);
    stage.control.want(Some(names_wanted()));
    stage.sees(&[hello(), NamesRequest::Look]);
    stage.quiet(Duration::from_millis(200));
    stage.tunnel.send_replace(up());
    stage.sees(&[NamesRequest::ReplaceDns(wanted())]);
    stage.becomes(|state| state.holds() && state.missing.is_none()).await;
    let told = stage.told.lock().unwrap().clone();
    assert_eq!(told.first(), Some(&(vec!["192.0.2.53:53".parse().unwrap()], true)), "before anything was changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn lets_go_at_once_when_the_tunnel_is_taken_down_or_names_are_off() {
    for end in [Stage::lower as fn(&Stage), |stage| stage.control.want(None)] {
        let stage = Stage::running().await;
        end(&stage);
        stage.sees(&[NamesRequest::Release]);
        stage.becomes(|state| !state.holds()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_tunnel_that_is_set_up_anew_keeps_its_names_for_a_moment_and_no_longer() {
    let stage = Stage::running().await;
    stage.tunnel.send_replace(TunnelState::Starting);
    stage.quiet(GRACE / 3);
    stage.tunnel.send_replace(up());
    stage.quiet(GRACE * 2);
    stage.tunnel.send_replace(TunnelState::Starting);
    stage.sees(&[NamesRequest::Release]);
    stage.tunnel.send_replace(up());
    stage.sees(&[NamesRequest::ReplaceDns(wanted())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn another_wish_is_asked_for_once() {
    let stage = Stage::running().await;
    stage.control.want(Some(names_wanted()));
    stage.quiet(Duration::from_millis(100));
    let searched = NamesWanted { search: vec!["home".to_owned()], ..names_wanted() };
    stage.control.want(Some(searched));
    stage.sees(&[NamesRequest::ReplaceDns(Wanted { search: vec!["home".to_owned()], ..wanted() })]);
    stage.tunnel.send_replace(TunnelState::Up(Tun { v4: None, ..tun() }));
    stage.sees(&[NamesRequest::ReplaceDns(Wanted { search: vec!["home".to_owned()], v4: false, ..wanted() })]);
    stage.quiet(Duration::from_millis(100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn takes_reports_at_any_time() {
    let stage = Stage::new(|request| match request {
        NamesRequest::Hello { .. } => orderly(request),
        NamesRequest::Look => vec![NamesReply::Report(report(State::Unset))],
        NamesRequest::ReplaceDns(_) | NamesRequest::Release => {
            vec![NamesReply::Report(report(State::Waiting)), NamesReply::Done, NamesReply::Report(report(State::Set))]
        }
    });
    stage.control.want(Some(names_wanted()));
    stage.tunnel.send_replace(up());
    stage.becomes(NamesState::is_set).await;
    stage.push(&NamesReply::Report(report(State::StoodDown)));
    stage.becomes(|state| state.report.as_ref().is_some_and(|report| report.state == State::StoodDown)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_program_that_has_started_anew_is_asked_again() {
    let stage = Stage::running().await;
    stage.hang_up();
    stage.becomes(|state| state.missing.as_deref() == Some("ray-names closed the connection")).await;
    stage.sees(&[hello(), NamesRequest::Look, NamesRequest::ReplaceDns(wanted())]);
    stage.becomes(|state| state.holds() && state.missing.is_none()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_program_that_is_absent_is_missed_and_found_when_it_comes() {
    let mut stage = Stage::absent();
    stage.control.want(Some(names_wanted()));
    stage.tunnel.send_replace(up());
    let why = format!("no socket at {}", stage.path.display());
    stage.becomes(|state| state.missing.as_ref() == Some(&why)).await;
    stage.serve(orderly);
    stage.sees(&[hello(), NamesRequest::Look, NamesRequest::ReplaceDns(wanted())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_refusal_is_told_and_not_asked_for_again() {
    let stage = Stage::new(|request| match request {
        NamesRequest::ReplaceDns(_) => vec![NamesReply::Refused(NamesRefusal::FullForbidden)],
        _ => orderly(request),
    });
    stage.control.want(Some(NamesWanted { mode: Mode::Full, ..names_wanted() }));
    stage.tunnel.send_replace(up());
    stage.sees(&[hello(), NamesRequest::Look, NamesRequest::ReplaceDns(Wanted { mode: Mode::Full, ..wanted() })]);
    stage.becomes(|state| state.trouble.as_ref().is_some_and(|why| why.contains("names.toml"))).await;
    assert!(!stage.control.state().borrow().holds());
    stage.quiet(Duration::from_millis(200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nonsense_ends_the_connection_and_nothing_else() {
    for nonsense in [NamesReply::Done, NamesReply::Hello { version: names::VERSION }] {
        let stage = Stage::running().await;
        stage.push(&nonsense);
        stage.becomes(|state| state.missing.as_ref().is_some_and(|why| why.contains("something else"))).await;
        stage.becomes(|state| state.holds() && state.missing.is_none()).await;
    }
    let stage = Stage::new(|_| vec![NamesReply::Hello { version: 77 }]);
    stage.becomes(|state| state.missing.as_ref().is_some_and(|why| why.contains("version 77"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn closing_lets_go_first_and_no_wish_counts_after_it() {
    let stage = Stage::running().await;
    stage.control.close().await;
    stage.sees(&[NamesRequest::Release]);
    assert!(!stage.control.state().borrow().holds());
    stage.control.want(Some(NamesWanted { mode: Mode::Full, ..names_wanted() }));
    stage.quiet(Duration::from_millis(200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn closing_does_not_wait_for_a_program_that_is_stuck() {
    let stage = Stage::new(|request| match request {
        NamesRequest::Release => Vec::new(),
        _ => orderly(request),
    });
    stage.control.want(Some(names_wanted()));
    stage.tunnel.send_replace(up());
    stage.becomes(NamesState::holds).await;
    let began = Instant::now();
    stage.control.close().await;
    assert!(began.elapsed() < RELEASE_TIMEOUT * 2);
}

/// A names program that does as the script says, and a keeper that talks to it.
struct Stage {
    path: PathBuf,
    control: NamesControl,
    tunnel: watch::Sender<TunnelState>,
    told: Arc<Mutex<Vec<Told>>>,
    requests: Mutex<mpsc::Receiver<NamesRequest>>,
    seen: mpsc::Sender<NamesRequest>,
    peer: Arc<Mutex<Option<UnixDatagram>>>,
}

/// What was said of a report: the host's resolvers, and whether all questions may come.
type Told = (Vec<SocketAddr>, bool);
type Script = fn(&NamesRequest) -> Vec<NamesReply>;

impl Stage {
    fn new(script: Script) -> Self {
        let mut stage = Self::absent();
        stage.serve(script);
        stage
    }

    fn absent() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("ray-names-{}-{}.sock", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        let (tunnel, tunnel_state) = watch::channel(TunnelState::Starting);
        let told = Arc::new(Mutex::new(Vec::new()));
        let telling = told.clone();
        let on_report: OnReport =
            Box::new(move |upstreams, all| telling.lock().unwrap().push((upstreams.to_vec(), all)));
        let control = NamesControl::start(&path, tunnel_state, on_report);
        let (seen, requests) = mpsc::channel();
        Self { path, control, tunnel, told, requests: Mutex::new(requests), seen, peer: Arc::default() }
    }

    /// One that has asked for names and has them.
    async fn running() -> Self {
        let stage = Self::new(orderly);
        stage.control.want(Some(names_wanted()));
        stage.tunnel.send_replace(up());
        stage.sees(&[hello(), NamesRequest::Look, NamesRequest::ReplaceDns(wanted())]);
        stage.becomes(NamesState::holds).await;
        stage
    }

    fn serve(&mut self, script: Script) {
        let listener = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None).unwrap();
        bind(listener.as_raw_fd(), &UnixAddr::new(&self.path).unwrap()).unwrap();
        listen(&listener, Backlog::new(4).unwrap()).unwrap();
        let (seen, peer) = (self.seen.clone(), self.peer.clone());
        thread::spawn(move || {
            // Only converted: a SEQPACKET socket keeps the semantics of datagrams.
            let listener = UnixListener::from(listener);
            while let Ok((connection, _)) = listener.accept() {
                let connection = UnixDatagram::from(OwnedFd::from(connection));
                *peer.lock().unwrap() = Some(connection.try_clone().unwrap());
                let mut buffer = [0; NAMES_FRAME_MAX];
                while let Ok(len @ 1..) = connection.recv(&mut buffer) {
                    let request = names::decode_request(&buffer[..len]).unwrap();
                    let replies = script(&request);
                    if seen.send(request).is_err() {
                        return;
                    }
                    for reply in replies {
                        let _ = connection.send(&names::encode_reply(&reply).unwrap());
                    }
                }
            }
        });
    }

    fn push(&self, reply: &NamesReply) {
        self.peer.lock().unwrap().as_ref().unwrap().send(&names::encode_reply(reply).unwrap()).unwrap();
    }

    fn hang_up(&self) {
        self.peer.lock().unwrap().as_ref().unwrap().shutdown(std::net::Shutdown::Both).unwrap();
    }

    fn lower(&self) {
        self.tunnel.send_replace(TunnelState::Down);
    }

    /// The next requests are exactly these.
    fn sees(&self, requests: &[NamesRequest]) {
        tokio::task::block_in_place(|| {
            for request in requests {
                assert_eq!(self.requests.lock().unwrap().recv_timeout(PATIENCE).as_ref(), Ok(request));
            }
        });
    }

    /// Nothing is asked for so long.
    fn quiet(&self, time: Duration) {
        let next = tokio::task::block_in_place(|| self.requests.lock().unwrap().recv_timeout(time));
        assert_eq!(next, Err(mpsc::RecvTimeoutError::Timeout));
    }

    async fn becomes(&self, like: impl Fn(&NamesState) -> bool) {
        let mut state = self.control.state();
        let waited = timeout(PATIENCE, state.wait_for(|state| like(state))).await.map(drop);
        assert!(waited.is_ok(), "{:?}", self.control.state().borrow());
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn orderly(request: &NamesRequest) -> Vec<NamesReply> {
    vec![match request {
        NamesRequest::Hello { version } => NamesReply::Hello { version: *version },
        NamesRequest::ReplaceDns(_) | NamesRequest::Release => NamesReply::Done,
        NamesRequest::Look => NamesReply::Report(report(State::Unset)),
    }]
}

fn report(state: State) -> Report {
    Report {
        backend: Backend::File,
        why: "nobody else keeps it".to_owned(),
        state,
        set: Vec::new(),
        conflicts: Vec::new(),
        upstreams: vec!["192.0.2.53:53".parse().unwrap()],
        search: Vec::new(),
    }
}

fn hello() -> NamesRequest {
    NamesRequest::Hello { version: names::VERSION }
}

fn names_wanted() -> NamesWanted {
    NamesWanted { mode: Mode::Names, search: Vec::new() }
}

fn wanted() -> Wanted {
    Wanted { mode: Mode::Names, v4: true, search: Vec::new() }
}

fn up() -> TunnelState {
    TunnelState::Up(tun())
}

fn tun() -> Tun {
    Tun {
        ifname: "ray0".to_owned(),
        mtu: 1400,
        queues: 1,
        offload: true,
        v4: Some("100.64.0.1".parse().unwrap()),
        v6: "200::1".parse().unwrap(),
        outside: Vec::new(),
        shape: Shape { mtu: 1400, queues: 1, offload: true },
        unattended: None,
    }
}
