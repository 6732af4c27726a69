//! Two endpoints on loopback, without relays: a former member and a member, and each of them with somebody who keeps to no
//! rule.

use std::{net::Ipv4Addr, time::Duration};

use iroh::{Endpoint, EndpointAddr, RelayMode, SecretKey, endpoint::presets};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

use super::*;
use crate::ledger::{self, Action, Inserted, InviteKey, SigningKey, VerifiedEntry};
use crate::{ident::UnixTime, mesh::join::JoinRequest};

type Served = JoinHandle<(Ledger, Vec<RoomId>)>;

/// A connection, and the endpoint that it ends with.
struct Line {
    connection: Connection,
    endpoint: Endpoint,
}

impl Line {
    async fn open(asker: u8, address: EndpointAddr) -> Self {
        let endpoint = endpoint(asker).await;
        let connection = timeout(SOON, endpoint.connect(address, alpn::JOIN)).await.unwrap().unwrap();
        Self { connection, endpoint }
    }

    /// Ends it, and waits for what the member did.
    async fn end(self, served: Served) -> (Ledger, Vec<RoomId>) {
        self.connection.close(VarInt::from_u32(close::DONE), b"done");
        let served = timeout(SOON, served).await.unwrap().unwrap();
        self.endpoint.close().await;
        served
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_put_out_while_it_was_away_is_told_by_what() {
    let (asleep, mut ledger) = (network(), network());
    mint(&mut ledger, 1, 600);
    let removal = act(&mut ledger, 1, Action::Remove { member: id(3) });
    let later = mint(&mut ledger, 1, 1);
    let (line, served) = meet(3, ledger).await;
    let Heard::Out(told) = tell(&line.connection, &asleep).await.unwrap() else { panic!("in") };
    assert_eq!((told.len(), told.last().map(Vec::as_slice)), (601, Some(removal.bytes())));
    assert!(!told.contains(&later[0].bytes().to_vec()));
    assert_eq!(line.end(served).await.1, [asleep.room()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_in_by_what_it_knows_is_taken_back() {
    let (mut senior, mut junior) = (network(), network());
    mint(&mut senior, 1, 600);
    let end = act(&mut senior, 1, Action::Remove { member: id(2) });
    act(&mut junior, 2, Action::Remove { member: id(1) });
    let (line, served) = meet(1, junior).await;
    assert_eq!(tell(&line.connection, &senior).await.unwrap(), Heard::Member);
    let (healed, _) = line.end(served).await;
    assert!(healed.contains(&end.id()) && healed.roster().is_member(&id(1)) && !healed.roster().is_member(&id(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_members_and_askers_for_other_networks_are_refused_in_the_same_words() {
    let (removed, _) = removed();
    let (elsewhere, _) = Ledger::found(&key(8), &key(3), name(), host(3), NOW);
    for (asker, asks) in [(9, &removed), (2, &removed), (3, &elsewhere), (9, &elsewhere)] {
        let (line, _served) = meet(asker, removed.clone()).await;
        let mut talk = Talk::open(&line.connection).await;
        talk.ask(asks.room(), &asks.heads()).await;
        assert!(matches!(talk.answer().await, Ok(JoinAnswer::Refused(JoinRefusal::Unknown))), "node {asker}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_former_member_that_floods_is_cut_off_and_nothing_is_kept() {
    let (ledger, mut theirs) = removed();
    let entries: Vec<Vec<u8>> =
        mint(&mut theirs, 3, ANSWER_ENTRIES_MAX + 1).iter().map(|entry| entry.bytes().to_vec()).collect();
    let mut forged = entries[0].clone();
    *forged.last_mut().unwrap() ^= 1;
    for entries in [entries, vec![forged]] {
        let (line, served) = meet(3, ledger.clone()).await;
        let mut talk = Talk::open(&line.connection).await;
        talk.ask(ledger.room(), &[]).await;
        assert!(matches!(talk.answer().await, Ok(JoinAnswer::Want { .. })));
        talk.say(&JoinRequest::Entries { entries, more: true }).await;
        assert!(talk.answer().await.is_err(), "answered");
        assert_eq!(line.end(served).await.0.len(), ledger.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_former_member_that_always_has_more_is_told_after_so_many_answers() {
    let (ledger, mut theirs) = removed();
    let entries = mint(&mut theirs, 3, 2 * HEARING_ANSWERS_MAX);
    let (line, _served) = meet(3, ledger.clone()).await;
    let mut talk = Talk::open(&line.connection).await;
    talk.ask(ledger.room(), &[]).await;
    let mut wants = 0;
    for entry in &entries {
        match talk.answer().await.unwrap() {
            JoinAnswer::Want { .. } => wants += 1,
            JoinAnswer::Out { entries, more } => {
                assert_eq!((entries.len(), more), (1, false));
                break;
            }
            other => panic!("{other:?}"),
        }
        talk.say(&JoinRequest::Entries { entries: vec![entry.bytes().to_vec()], more: true }).await;
    }
    assert_eq!(wants, HEARING_ANSWERS_MAX);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_asks_or_tells_without_end_is_left() {
    let ledger = network();
    let question = || JoinAnswer::Want { have: Vec::new(), ids: Vec::new() };
    let (line, _server) = meet_with(ledger.room(), question).await;
    let told = timeout(SOON, tell(&line.connection, &ledger)).await.unwrap();
    assert!(matches!(told, Err(MeshError::Violation("questions without end"))));

    let part = || JoinAnswer::Out { entries: vec![vec![7]], more: true };
    let (line, _server) = meet_with(ledger.room(), part).await;
    assert_eq!(tell(&line.connection, &ledger).await.unwrap(), Heard::Out(vec![vec![7]; HEARING_ANSWERS_MAX]));

    for nonsense in [
        || JoinAnswer::Waiting,
        || JoinAnswer::Want { have: vec![[0; 32]; HAVE_MAX + 1], ids: Vec::new() },
        || JoinAnswer::Want { have: Vec::new(), ids: vec![[0; 32]; IDS_MAX + 1] },
    ] {
        let (line, _server) = meet_with(ledger.room(), nonsense).await;
        assert!(matches!(tell(&line.connection, &ledger).await, Err(MeshError::Violation(_))));
    }
}

/// A conversation by hand.
struct Talk {
    tx: SendStream,
    rx: RecvStream,
}

impl Talk {
    async fn open(connection: &Connection) -> Self {
        let (tx, rx) = connection.open_bi().await.unwrap();
        Self { tx, rx }
    }

    async fn ask(&mut self, room: RoomId, heads: &[EntryId]) {
        let heads = heads.iter().map(|id| id.0).collect();
        self.say(&JoinRequest::Ask { room: room.0, by: Ground::HandIn { heads } }).await;
    }

    async fn say(&mut self, request: &JoinRequest) {
        stream::send::<{ 2 * ANSWER_MAX }, _>(&mut self.tx, request).await.unwrap();
    }

    async fn answer(&mut self) -> Result<JoinAnswer, MeshError> {
        timeout(SOON, stream::recv::<ANSWER_MAX, _>(&mut self.rx)).await.unwrap()
    }
}

/// Node `asker`, connected with a member that has `ledger`; the member's ledger afterwards, and the rooms asked for.
async fn meet(asker: u8, ledger: Ledger) -> (Line, Served) {
    let to = endpoint(100).await;
    let address = address(&to);
    let served = tokio::spawn(async move {
        let connection = to.accept().await.unwrap().accept().unwrap().await.unwrap();
        let (events, heard) = mpsc::channel(1);
        let reception = Reception::new(events);
        let (served, ()) = tokio::join!(service(heard, ledger), async move { reception.serve(connection).await });
        to.close().await;
        served
    });
    (Line::open(asker, address).await, served)
}

/// What the service does, without its judgement of who is heard: the conversation must not rest on that alone.
async fn service(mut events: mpsc::Receiver<MeshEvent>, mut ledger: Ledger) -> (Ledger, Vec<RoomId>) {
    let mut rooms = Vec::new();
    while let Some(event) = events.recv().await {
        match event {
            MeshEvent::HandInAsked { room, reply, .. } => {
                rooms.push(room);
                let known = room == ledger.room();
                reply.send(if known { Ok(Box::new(ledger.clone())) } else { Err(JoinRefusal::Unknown) }).unwrap();
            }
            MeshEvent::HandedIn { entries, reply, .. } => {
                for entry in entries {
                    assert!(matches!(ledger.insert(entry), Inserted::New { .. }));
                }
                reply.send(Ok(())).unwrap();
            }
            other => panic!("{other:?}"),
        }
    }
    (ledger, rooms)
}

/// A former member, connected with somebody who answers everything alike, without end.
async fn meet_with(room: RoomId, answer: fn() -> JoinAnswer) -> (Line, JoinHandle<()>) {
    let to = endpoint(100).await;
    let address = address(&to);
    let server = tokio::spawn(async move {
        let connection = to.accept().await.unwrap().accept().unwrap().await.unwrap();
        let (mut tx, mut rx) = connection.accept_bi().await.unwrap();
        let JoinRequest::Ask { room: asked, by: Ground::HandIn { .. } } =
            stream::recv::<ASK_MAX, _>(&mut rx).await.unwrap()
        else {
            panic!("no former member");
        };
        assert_eq!(asked, room.0);
        while stream::send::<ANSWER_MAX, _>(&mut tx, &answer()).await.is_ok() {}
    });
    (Line::open(3, address).await, server)
}

async fn endpoint(number: u8) -> Endpoint {
    Endpoint::builder(presets::Minimal)
        .relay_mode(RelayMode::Disabled)
        .bind_addr((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .secret_key(SecretKey::from_bytes(&[number; 32]))
        .alpns(vec![alpn::JOIN.to_vec()])
        .bind()
        .await
        .unwrap()
}

fn address(endpoint: &Endpoint) -> EndpointAddr {
    let sockets = endpoint.bound_sockets();
    let socket = sockets.iter().find(|socket| socket.is_ipv4()).unwrap();
    EndpointAddr::new(endpoint.id()).with_ip_addr((Ipv4Addr::LOCALHOST, socket.port()).into())
}

/// Nodes 1 to 3, all of them coordinators; 1 founded it and 3 is the most junior.
fn network() -> Ledger {
    let (mut ledger, _) = Ledger::found(&key(200), &key(1), name(), host(1), NOW);
    for number in [2, 3] {
        act(&mut ledger, 1, Action::Admit { member: id(number), hostname: host(number) });
        act(&mut ledger, 1, Action::Grant { member: id(number) });
    }
    ledger
}

/// The network with node 3 removed, and as it was.
fn removed() -> (Ledger, Ledger) {
    let (mut with, without) = (network(), network());
    act(&mut with, 1, Action::Remove { member: id(3) });
    (with, without)
}

fn mint(ledger: &mut Ledger, author: u8, count: usize) -> Vec<VerifiedEntry> {
    let invite = |number: usize| {
        let mut invite = [author; 32];
        invite[..8].copy_from_slice(&(ledger.len() + number).to_le_bytes());
        Action::MintInvite { invite: InviteKey(invite), uses: 1, expires: UnixTime(2 * NOW.0), hostname: None }
    };
    let actions: Vec<Action> = (0..count).map(invite).collect();
    actions.into_iter().map(|action| act(ledger, author, action)).collect()
}

fn act(ledger: &mut Ledger, author: u8, action: Action) -> VerifiedEntry {
    let entry = ledger.author(&key(author), action, NOW).unwrap();
    assert!(matches!(ledger.insert(entry.clone()), Inserted::New { .. }));
    ledger::verify(entry.bytes(), ledger.room()).unwrap()
}

/// Far longer than anything here takes.
const SOON: Duration = Duration::from_secs(20);
const NOW: UnixTime = UnixTime(1_700_000_000);

fn name() -> crate::ident::NetworkName {
    "home".parse().unwrap()
}

fn host(number: u8) -> crate::ident::Hostname {
    format!("node-{number}").parse().unwrap()
}

fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

fn id(number: u8) -> PeerId {
    PeerId(key(number).verifying_key().to_bytes())
}
