//! Two endpoints on loopback, without relays: what members get, and what others can tell.

use std::{net::Ipv4Addr, time::Duration};

use iroh::{
    Endpoint, EndpointAddr, RelayMode,
    endpoint::{ConnectionError, presets},
};
use iroh_blobs::{
    get::fsm::{self, AtBlobContent, ConnectedNext, RequestCounters},
    protocol::ChunkRangesSeq,
};

use super::*;
use crate::{
    ledger::epoch::EpochKey,
    publish::{BlobRef, FetchError, blob, fetch},
};

const ROOM: RoomId = RoomId([1; 32]);
const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_member_gets_the_blob_that_the_record_names() {
    let (server, reader) = (Server::start().await, endpoint().await);
    for len in [10, 70_000] {
        let blob = blob(len);
        server.shelf.put(ROOM, &blob, [id(&reader)].into());
        assert_eq!(server.fetch(&reader, blob.reference()).await.unwrap(), blob.bytes());
    }
}

#[tokio::test]
async fn a_stranger_gets_one_answer_for_what_is_here_and_what_is_not() {
    let (server, stranger, member) = (Server::start().await, endpoint().await, endpoint().await);
    let here = blob(10);
    server.shelf.put(ROOM, &here, [id(&member)].into());
    let guessed = GetRequest::blob(Hash::from_bytes([5; 32]));
    let mut answers = Vec::new();
    for request in [GetRequest::blob(Hash::from_bytes(here.reference().hash)), guessed] {
        answers.push(server.ask(&stranger, request).await);
    }
    assert_eq!(answers[0], answers[1]);
    assert!(answers[0].is_err(), "{answers:?}");
    server.shelf.remove(ROOM);
    assert_eq!(server.ask(&stranger, GetRequest::blob(Hash::from_bytes([5; 32]))).await, answers[0]);
}

#[tokio::test]
async fn a_stranger_is_turned_away_before_it_asks_and_holds_no_place() {
    let (server, stranger, member) = (Server::start().await, endpoint().await, endpoint().await);
    server.shelf.put(ROOM, &blob(10), [id(&member)].into());
    let _held = server.shelf.readers.acquire_many(u32::try_from(READERS_MAX).unwrap()).await.unwrap();
    let connection = server.connect(&stranger).await.unwrap();
    assert_eq!(closed(&connection).await, Some(STRANGER));
}

#[tokio::test]
async fn a_member_of_one_network_cannot_tell_what_another_publishes() {
    let (server, reader, other) = (Server::start().await, endpoint().await, endpoint().await);
    let (own, foreign) = (blob(10), blob(11));
    server.shelf.put(ROOM, &own, [id(&reader)].into());
    server.shelf.put(RoomId([2; 32]), &foreign, [id(&other)].into());
    let foreign = server.ask(&reader, GetRequest::blob(Hash::from_bytes(foreign.reference().hash))).await;
    let guessed = server.ask(&reader, GetRequest::blob(Hash::from_bytes([5; 32]))).await;
    assert_eq!(foreign, guessed);
    assert!(foreign.is_err(), "{foreign:?}");
    assert!(server.fetch(&reader, own.reference()).await.is_ok());
}

#[tokio::test]
async fn hands_out_whole_blobs_and_answers_nothing_else() {
    let (server, reader) = (Server::start().await, endpoint().await);
    let blob = blob(70_000);
    server.shelf.put(ROOM, &blob, [id(&reader)].into());
    let hash = Hash::from_bytes(blob.reference().hash);
    let refused = server.ask(&reader, GetRequest::blob(Hash::from_bytes([5; 32]))).await;
    assert!(refused.is_err(), "{refused:?}");
    for request in [GetRequest::all(hash), GetRequest::new(hash, ChunkRangesSeq::verified_size())] {
        assert_eq!(server.ask(&reader, request).await, refused);
    }
    for bytes in [&b""[..], b"\xff", b"\x00", &[0; 100]] {
        let connection = server.connect(&reader).await.unwrap();
        let (mut writer, mut reader) = connection.open_bi().await.unwrap();
        writer.write_all(bytes).await.unwrap();
        writer.finish().unwrap();
        let answer = reader.read_to_end(1000).await;
        assert!(answer.is_err(), "{bytes:?}: {answer:?}");
    }
}

#[tokio::test]
async fn a_member_that_was_removed_gets_nothing_more() {
    let (server, reader, other) = (Server::start().await, endpoint().await, endpoint().await);
    let blob = blob(10);
    server.shelf.put(ROOM, &blob, [id(&reader), id(&other)].into());
    let connection = server.connect(&reader).await.unwrap();
    server.shelf.replace_readers(ROOM, [id(&other)].into());
    let request = GetRequest::blob(Hash::from_bytes(blob.reference().hash));
    assert!(begin(connection.clone(), request).await.is_err());
    assert_eq!(closed(&connection).await, Some(STRANGER));
    assert!(server.fetch(&reader, blob.reference()).await.is_err());
    assert!(server.fetch(&other, blob.reference()).await.is_ok());
}

#[tokio::test]
async fn a_member_that_is_removed_while_it_reads_is_cut_off() {
    let (server, reader) = (Server::start().await, endpoint().await);
    // More than the two ends' buffers hold, so that a reader that does not read keeps the transfer open.
    let blob = blob(20_000_000);
    server.shelf.put(ROOM, &blob, [id(&reader)].into());
    let connection = server.connect(&reader).await.unwrap();
    let request = GetRequest::blob(Hash::from_bytes(blob.reference().hash));
    let (_unread, len) = begin(connection.clone(), request).await.unwrap();
    assert_eq!(len, u64::from(blob.reference().len));
    server.shelf.replace_readers(ROOM, BTreeSet::new());
    assert_eq!(closed(&connection).await, Some(STRANGER));
}

#[tokio::test]
async fn a_new_blob_takes_the_place_of_the_last_one() {
    let (server, reader) = (Server::start().await, endpoint().await);
    let (old, new) = (blob(10), blob(11));
    server.shelf.put(ROOM, &old, [id(&reader)].into());
    server.shelf.put(ROOM, &new, [id(&reader)].into());
    assert_eq!(server.fetch(&reader, old.reference()).await, Err(FetchError::Refused));
    assert_eq!(server.fetch(&reader, new.reference()).await.unwrap(), new.bytes());
}

#[tokio::test]
async fn does_not_take_another_blob_or_another_length_for_the_one_it_asked_for() {
    let (server, reader) = (Server::start().await, endpoint().await);
    let blob = blob(10);
    server.shelf.put(ROOM, &blob, [id(&reader)].into());
    let reference = blob.reference();
    for len in [reference.len - 1, reference.len + 1] {
        assert_eq!(server.fetch(&reader, BlobRef { len, ..reference }).await, Err(FetchError::Corrupt));
    }
    let liar = Liar::start(Lie::Changed).await;
    assert_eq!(liar.fetch(&reader, reference).await, Err(FetchError::Corrupt));
}

#[tokio::test]
async fn an_endless_blob_is_not_begun_and_a_trickle_ends_at_the_deadline() {
    let reader = endpoint().await;
    let reference = blob(10).reference();
    let endless = Liar::start(Lie::Endless).await;
    assert_eq!(endless.fetch(&reader, reference).await, Err(FetchError::Corrupt));
    let silent = Liar::start(Lie::Silent).await;
    let connect = connect(&reader, silent.address.clone());
    assert_eq!(fetch(connect, reference, Duration::from_millis(300)).await, Err(FetchError::Timeout));
}

#[tokio::test]
async fn turns_away_whoever_is_one_too_many() {
    let (server, reader) = (Server::start().await, endpoint().await);
    let blob = blob(10);
    server.shelf.put(ROOM, &blob, [id(&reader)].into());
    let held = server.shelf.readers.acquire_many(u32::try_from(READERS_MAX).unwrap()).await.unwrap();
    assert!(server.fetch(&reader, blob.reference()).await.is_err());
    drop(held);
    assert!(server.fetch(&reader, blob.reference()).await.is_ok());
}

/// An endpoint that serves a shelf.
struct Server {
    shelf: Shelf,
    address: EndpointAddr,
}

impl Server {
    async fn start() -> Self {
        let (shelf, endpoint) = (Shelf::default(), endpoint().await);
        let address = address(&endpoint);
        let serving = shelf.clone();
        tokio::spawn(async move {
            while let Some(incoming) = endpoint.accept().await {
                let shelf = serving.clone();
                tokio::spawn(async move { shelf.serve(incoming.await.unwrap()).await });
            }
        });
        Self { shelf, address }
    }

    async fn connect(&self, from: &Endpoint) -> Result<Connection, String> {
        connect(from, self.address.clone()).await
    }

    async fn fetch(&self, from: &Endpoint, blob: BlobRef) -> Result<Vec<u8>, FetchError> {
        fetch(self.connect(from), blob, SOON).await
    }

    /// How a request ends: with the length of a blob, or with what the other end says, word by word.
    async fn ask(&self, from: &Endpoint, request: GetRequest) -> Result<u64, String> {
        let connection = self.connect(from).await?;
        let ended = timeout(SOON, begin(connection.clone(), request)).await.expect("an answer");
        match ended {
            Ok((_, len)) => Ok(len),
            // A refused connection may be noticed at any step.
            Err(error) => Err(connection.close_reason().map_or(error, |closed| format!("{closed:?}"))),
        }
    }
}

/// The code that the other end closes the connection with.
async fn closed(connection: &Connection) -> Option<VarInt> {
    match timeout(SOON, connection.closed()).await.expect("the connection is closed") {
        ConnectionError::ApplicationClosed(close) => Some(close.error_code),
        _ => None,
    }
}

async fn begin(connection: Connection, request: GetRequest) -> Result<(AtBlobContent, u64), String> {
    let connected = fsm::start(connection, request, RequestCounters::default()).next().await;
    let next = connected.map_err(|error| error.to_string())?.next().await.map_err(|error| error.to_string())?;
    let ConnectedNext::StartRoot(root) = next else { panic!("the request asks for the first blob") };
    root.next().next().await.map_err(|error| error.to_string())
}

#[derive(Clone, Copy)]
enum Lie {
    Changed,
    Endless,
    Silent,
}

/// An endpoint that answers each request wrongly.
struct Liar {
    address: EndpointAddr,
}

impl Liar {
    async fn start(lie: Lie) -> Self {
        let endpoint = endpoint().await;
        let address = address(&endpoint);
        tokio::spawn(async move {
            while let Some(incoming) = endpoint.accept().await {
                let connection = incoming.await.unwrap();
                let (mut writer, mut reader) = connection.accept_bi().await.unwrap();
                let _ = reader.read_to_end(1000).await;
                let len = match lie {
                    Lie::Changed => u64::from(blob(10).reference().len),
                    Lie::Endless => u64::MAX,
                    Lie::Silent => pending().await,
                };
                let _ = writer.write_all(&len.to_le_bytes()).await;
                while writer.write_all(&[7; 4096]).await.is_ok() {}
            }
        });
        Self { address }
    }

    async fn fetch(&self, from: &Endpoint, blob: BlobRef) -> Result<Vec<u8>, FetchError> {
        fetch(connect(from, self.address.clone()), blob, SOON).await
    }
}

async fn connect(from: &Endpoint, to: EndpointAddr) -> Result<Connection, String> {
    from.connect(to, ALPN).await.map_err(|error| error.to_string())
}

async fn endpoint() -> Endpoint {
    Endpoint::builder(presets::Minimal)
        .relay_mode(RelayMode::Disabled)
        .bind_addr((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .alpns(vec![ALPN.to_vec()])
        .bind()
        .await
        .unwrap()
}

fn address(endpoint: &Endpoint) -> EndpointAddr {
    let mut address = EndpointAddr::new(endpoint.id());
    for socket in endpoint.bound_sockets().into_iter().filter(|socket| socket.is_ipv4()) {
        address = address.with_ip_addr((Ipv4Addr::LOCALHOST, socket.port()).into());
    }
    address
}

fn id(endpoint: &Endpoint) -> PeerId {
    PeerId(*endpoint.id().as_bytes())
}

fn blob(len: usize) -> Blob {
    let entry = vec![7; 1000];
    let entries = std::iter::repeat_n(&entry[..], len / 1000).chain([&entry[..len % 1000]]);
    blob::build(ROOM, entries, &EpochKey([1; 32])).unwrap()
}
