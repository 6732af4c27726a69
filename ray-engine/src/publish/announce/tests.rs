//! Pkarr relays of one thread each on loopback, a private DHT, and what a hostile relay can do.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::Mutex,
    time::Instant,
};

use iroh::{RelayMode, endpoint::presets};
use pkarr::dht::{DhtClient, DhtConfig};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::{ident::UnixTime, publish::record::sign};

const NOW: UnixTime = UnixTime(1_800_000_000);
const SEED: PeerId = PeerId([1; 32]);

#[tokio::test]
async fn what_is_published_is_found_at_every_relay() {
    let (first, second) = (Server::start(Way::Honest).await, Server::start(Way::Honest).await);
    let both = announcer(&[&first, &second], None).await;
    let receipt = both.publish(&draft(), &expected(0)).await.unwrap();
    assert_eq!((receipt.stored, receipt.failures), (2, vec![]));
    for server in [&first, &second] {
        let answers = announcer(&[server], None).await.look_up(&expected(0)).await;
        assert_eq!(answers.record.unwrap().unwrap(), Record { issued: receipt.issued, ..record() });
    }
}

#[tokio::test]
async fn takes_the_latest_answer_and_publishes_after_it() {
    let (old, new) = (Server::start(Way::Honest).await, Server::start(Way::Honest).await);
    old.keep(&packet(NOW.0 - 60));
    new.keep(&packet(NOW.0 + 60));
    let both = announcer(&[&old, &new], None).await;
    let known = both.look_up(&expected(0)).await.record.unwrap().unwrap();
    assert_eq!(known.issued.unix(), UnixTime(NOW.0 + 60));
    let receipt = both.publish(&draft(), &expected(0)).await.unwrap();
    assert_eq!((receipt.stored, receipt.issued), (2, Issued(known.issued.0 + 1)));
}

#[tokio::test]
async fn a_replayed_record_is_not_taken_and_does_not_hide_a_good_one() {
    let (replayed, good) = (Server::start(Way::Honest).await, Server::start(Way::Honest).await);
    replayed.keep(&packet(NOW.0 - 600));
    let floor = NOW.0 - 60;
    let one = announcer(&[&replayed], None).await.look_up(&expected(floor)).await;
    assert_eq!(one.record, Some(Err(RecordError::Superseded)));
    good.keep(&packet(NOW.0));
    let both = announcer(&[&good, &replayed], None).await.look_up(&expected(floor)).await;
    assert_eq!(both.record.unwrap().unwrap().issued.unix(), NOW);
}

#[tokio::test]
async fn hostile_relays_are_named_and_hide_nothing() {
    let honest = Server::start(Way::Honest).await;
    honest.keep(&packet(NOW.0));
    for way in [Way::Endless, Way::Garbage, Way::Forged, Way::Error, Way::Elsewhere(honest.address), Way::Closed] {
        let hostile = Server::start(way).await;
        let announcer = announcer(&[&hostile, &honest], None).await;
        let answers = announcer.look_up(&expected(0)).await;
        assert_eq!(answers.record.unwrap().unwrap().issued.unix(), NOW, "{way:?}");
        let names: Vec<_> = answers.failures.iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(names, [hostile.base()], "{way:?}");
        if let Way::Endless = way {
            assert!(matches!(answers.failures[..], [(_, Failure::Refused(_))]), "{:?}", answers.failures);
        }
        let receipt = announcer.publish(&draft(), &expected(0)).await.unwrap();
        assert_eq!(receipt.stored, if way.takes() { 2 } else { 1 }, "{way:?}");
    }
}

#[tokio::test]
async fn a_relay_that_holds_a_later_record_says_so() {
    let server = Server::start(Way::Outrun).await;
    let receipt = announcer(&[&server], None).await.publish(&draft(), &expected(0)).await.unwrap();
    assert_eq!(receipt.failures, [(server.base(), Failure::Outrun)]);
    assert_eq!(receipt.stored, 0);
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_never_answers_is_waited_for_ten_seconds() {
    let silent = Server::start(Way::Silent).await;
    let announcer = announcer(&[&silent], None).await;
    let start = tokio::time::Instant::now();
    let answers = announcer.look_up(&expected(0)).await;
    assert_eq!(answers.failures, [(silent.base(), Failure::Timeout)]);
    assert!(start.elapsed() <= RELAY_TIMEOUT + Duration::from_secs(1));
}

#[tokio::test]
async fn an_empty_relay_has_no_record_and_no_failure() {
    let server = Server::start(Way::Honest).await;
    let answers = announcer(&[&server], None).await.look_up(&expected(0)).await;
    assert_eq!(answers, Answers { record: None, failures: vec![] });
}

#[tokio::test]
async fn https_begins_a_tls_handshake() {
    let server = Server::start(Way::Hello).await;
    let endpoint = endpoint().await;
    let relays = vec![format!("https://127.0.0.1:{}/pkarr", server.address.port())];
    let announcer = Announcer::new(&endpoint, &Places { relays, dht: None }).unwrap();
    let answers = announcer.look_up(&expected(0)).await;
    assert!(matches!(answers.failures[..], [(_, Failure::Unreachable(_))]), "{answers:?}");
    // The record type of a handshake.
    assert_eq!(*server.first_bytes.lock().unwrap(), [0x16]);
}

#[tokio::test]
async fn refuses_places_that_are_none() {
    let endpoint = endpoint().await;
    let try_places = |relays: &[&str], dht: Option<&[&str]>| {
        let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Announcer::new(&endpoint, &Places { relays: own(relays), dht: dht.map(own) }).map(|_| ())
    };
    for url in ["", "ftp://a/pkarr", "a", "file:///etc/passwd", "https://a/?key="] {
        assert_eq!(try_places(&[url], None), Err(PlaceError::Url(url.to_owned())));
    }
    for node in ["", "a", "a:", "a:0", ":1", "a:70000", "[::1]:1", "http://a:1"] {
        assert_eq!(try_places(&[], Some(&[node])), Err(PlaceError::Bootstrap(node.to_owned())));
    }
    assert_eq!(try_places(&["http://a"; RELAYS_MAX + 1], None), Err(PlaceError::TooMany));
    assert_eq!(try_places(&["https://dns.example/pkarr/"], Some(&["dht.example:6881", "192.0.2.1:1"])), Ok(()));
    assert!(Announcer::new(&endpoint, &Places::public()).unwrap().has_places());
    assert!(!Announcer::new(&endpoint, &Places::default()).unwrap().has_places());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dht_keeps_the_latest_record() {
    let nodes = dht(4).await;
    let announcer = announcer(&[], Some(&nodes)).await;
    assert_eq!(announcer.look_up(&expected(0)).await, Answers { record: None, failures: vec![] });
    let first = announcer.publish(&draft(), &expected(0)).await.unwrap();
    assert_eq!((first.stored, first.failures), (1, vec![]));
    let second = announcer.publish(&draft(), &expected(0)).await.unwrap();
    assert!(second.issued > first.issued);
    let known = announcer.look_up(&expected(0)).await.record.unwrap().unwrap();
    assert_eq!(known, Record { issued: second.issued, ..record() });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dht_that_does_not_answer_is_a_failure_and_hides_nothing() {
    let honest = Server::start(Way::Honest).await;
    honest.keep(&packet(NOW.0));
    let nobody = vec!["127.0.0.1:9".to_owned()];
    let endpoint = endpoint().await;
    let places = Places { relays: vec![honest.base()], dht: Some(nobody) };
    let start = Instant::now();
    let answers = Announcer::new(&endpoint, &places).unwrap().look_up(&expected(0)).await;
    assert!(answers.record.unwrap().is_ok());
    assert!(matches!(&answers.failures[..], [(name, _)] if name == "DHT"), "{:?}", answers.failures);
    assert!(start.elapsed() < DHT_TIMEOUT);
}

/// How a server answers.
#[derive(Debug, Clone, Copy)]
enum Way {
    Honest,
    /// A body without end.
    Endless,
    Garbage,
    /// A good record of another key.
    Forged,
    Error,
    /// A redirection.
    Elsewhere(SocketAddr),
    Closed,
    Outrun,
    Silent,
    /// Notes the first byte and hangs up.
    Hello,
}

impl Way {
    fn takes(self) -> bool {
        matches!(self, Self::Honest | Self::Endless | Self::Garbage | Self::Forged)
    }
}

/// The least of a pkarr relay.
struct Server {
    address: SocketAddr,
    records: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    first_bytes: Arc<Mutex<Vec<u8>>>,
}

impl Server {
    async fn start(way: Way) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (records, first_bytes) = (Arc::<Mutex<HashMap<_, _>>>::default(), Arc::<Mutex<Vec<u8>>>::default());
        let (kept, noted) = (Arc::clone(&records), Arc::clone(&first_bytes));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (kept, noted) = (Arc::clone(&kept), Arc::clone(&noted));
                // A client that hangs up ends its task.
                tokio::spawn(async move { answer(stream, way, &kept, &noted).await });
            }
        });
        Self { address, records, first_bytes }
    }

    fn base(&self) -> String {
        format!("http://{}/pkarr", self.address)
    }

    fn keep(&self, packet: &SignedPacket) {
        let path = format!("/pkarr/{}", packet.public_key().to_z32());
        self.records.lock().unwrap().insert(path, packet.to_relay_payload().to_vec());
    }
}

async fn answer(
    mut stream: TcpStream,
    way: Way,
    kept: &Mutex<HashMap<String, Vec<u8>>>,
    noted: &Mutex<Vec<u8>>,
) -> Option<()> {
    if matches!(way, Way::Hello) {
        let first = stream.read_u8().await.ok()?;
        *noted.lock().unwrap() = vec![first];
        return None;
    }
    let mut request = Vec::new();
    let (head, body) = loop {
        request.push(stream.read_u8().await.ok()?);
        if request.ends_with(b"\r\n\r\n") {
            let head = String::from_utf8(std::mem::take(&mut request)).ok()?;
            let len = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let mut body = vec![0; len.unwrap_or(0)];
            stream.read_exact(&mut body).await.ok()?;
            break (head, body);
        }
    };
    let mut words = head.split(' ');
    let (method, path) = (words.next()?, words.next()?.to_owned());
    let forged = sign(&record(), Cover::Open, &SigningKey::from_bytes(&[8; 32]))?.to_relay_payload().to_vec();
    let (status, body) = match (way, method) {
        (Way::Silent, _) => std::future::pending().await,
        (Way::Closed, _) => return None,
        (Way::Error, _) => ("500 Oops".to_owned(), vec![]),
        (Way::Elsewhere(to), _) => (format!("307 There\r\nlocation: http://{to}{path}"), vec![]),
        (Way::Outrun, "PUT") => ("409 Conflict".to_owned(), vec![]),
        (_, "PUT") => {
            kept.lock().unwrap().insert(path, body);
            ("204 Fine".to_owned(), vec![])
        }
        (Way::Garbage, _) => ("200 OK".to_owned(), vec![7; 200]),
        (Way::Forged, _) => ("200 OK".to_owned(), forged),
        (Way::Endless, _) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
            while stream.write_all(&[7; 4096]).await.is_ok() {}
            return None;
        }
        _ => match kept.lock().unwrap().get(&path) {
            Some(payload) => ("200 OK".to_owned(), payload.clone()),
            None => ("404 None".to_owned(), vec![]),
        },
    };
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), &body].concat()).await.ok()
}

/// Nodes of a DHT of their own.
struct Nodes {
    bootstrap: Vec<String>,
    _nodes: Vec<DhtClient>,
}

async fn dht(count: usize) -> Nodes {
    let (mut bootstrap, mut nodes) = (Vec::<SocketAddrV4>::new(), Vec::new());
    for _ in 0..count {
        let mut config = DhtConfig::default();
        config.bootstrap = Some(bootstrap.clone());
        config.bind_address = Some(Ipv4Addr::LOCALHOST);
        config.port = Some(0);
        config.server_mode = true;
        let node = tokio::task::spawn_blocking(|| DhtClient::build(config)).await.unwrap().unwrap();
        let port = node.info().await.local_addr().port();
        bootstrap.push(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port));
        nodes.push(node);
    }
    Nodes { bootstrap: bootstrap.iter().map(ToString::to_string).collect(), _nodes: nodes }
}

async fn announcer(servers: &[&Server], dht: Option<&Nodes>) -> Announcer {
    let relays = servers.iter().map(|server| server.base()).collect();
    let dht = dht.map(|nodes| nodes.bootstrap.clone());
    Announcer::new(&endpoint().await, &Places { relays, dht }).unwrap()
}

async fn endpoint() -> Endpoint {
    let builder = Endpoint::builder(presets::Minimal).relay_mode(RelayMode::Disabled);
    builder.bind_addr((Ipv4Addr::LOCALHOST, 0)).unwrap().bind().await.unwrap()
}

fn packet(issued_s: u64) -> SignedPacket {
    sign(&Record { issued: Issued(issued_s * 1_000_000), ..record() }, Cover::Open, &network()).unwrap()
}

fn draft() -> Draft<'static> {
    // Leaked: a draft borrows its key.
    let network_key = Box::leak(Box::new(network()));
    Draft { blob: None, seeds: &[SEED], cover: Cover::Open, network_key }
}

fn record() -> Record {
    Record { issued: Issued(NOW.0 * 1_000_000), blob: None, seeds: Some(vec![SEED]) }
}

fn expected(floor_s: u64) -> Expected<'static> {
    let discovery = network().verifying_key().to_bytes();
    Expected { discovery, now: NOW, floor: Issued(floor_s * 1_000_000), epochs: &[] }
}

fn network() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}
