//! Resolvers of a host on the loopback: good ones, dead ones, slow ones, and those who are none.

use std::{net::Ipv4Addr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UdpSocket},
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout},
};

use super::*;
use crate::dns::{Response, Transport, Zone, respond};

/// Within this, whoever waits for a lookup does not notice.
const SOON: Duration = Duration::from_millis(300);
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn refuses_at_once_while_nothing_is_forwarded() {
    let resolver = resolver(&[server(answers).await]);
    resolver.set_forwarding(false);
    assert_eq!(rcode(&resolver.ask(foreign("www.example.com"), drop).unwrap()), 5);
    assert_eq!(resolver.status().forwarded, 0);
}

#[tokio::test]
async fn fails_at_once_where_there_is_nobody_to_ask() {
    let resolver = resolver(&[]);
    assert_eq!(rcode(&resolver.ask(foreign("www.example.com"), drop).unwrap()), 2);
}

#[tokio::test]
async fn passes_a_question_on_and_the_answer_back() {
    let resolver = resolver(&[server(answers).await]);
    let reply = within(SOON, ask(&resolver, "www.example.com")).await;
    assert_eq!(reply[reply.len() - 4..], [192, 0, 2, 1]);
    assert_eq!(reply[..2], [0x12, 0x34]);
    let status = resolver.status();
    assert_eq!((status.forwarded, status.failed, status.upstreams[0].answers), (1, 0, true));
}

#[tokio::test]
async fn a_dead_first_resolver_costs_less_than_a_second_and_then_nothing() {
    let resolver = resolver(&[silent().await, server(answers).await]);
    let start = Instant::now();
    let (one, other) = tokio::join!(ask(&resolver, "www.example.com"), ask(&resolver, "www.example.org"));
    assert_eq!((rcode(&one), rcode(&other)), (0, 0));
    assert!(start.elapsed() < SECOND, "{:?}", start.elapsed());
    // It is waited for a while longer, to tell whether it is only slow.
    sleep(Duration::from_millis(2100)).await;
    assert!(!resolver.status().upstreams.iter().all(|upstream| upstream.answers));
    within(SOON, ask(&resolver, "www.example.net")).await;
}

#[tokio::test]
async fn a_resolver_that_is_not_there_costs_nothing() {
    let gone = server(answers).await;
    let closed = {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        socket.local_addr().unwrap()
    };
    let resolver = resolver(&[closed, gone]);
    assert_eq!(rcode(&within(SOON, ask(&resolver, "www.example.com")).await), 0);
}

#[tokio::test]
async fn a_slow_resolver_is_not_taken_for_a_dead_one() {
    let slow = server(|query| Act::Later(Duration::from_millis(900), answer_to(&query))).await;
    let resolver = resolver(&[slow, server(answers).await]);
    within(SECOND, ask(&resolver, "www.example.com")).await;
    sleep(Duration::from_millis(2100)).await;
    assert!(resolver.status().upstreams.iter().all(|upstream| upstream.answers));
}

#[tokio::test]
async fn where_one_cannot_answer_the_next_is_asked() {
    for rcode_theirs in [2, 4, 5] {
        let unable = server(move |query| Act::Now(with_rcode(&query, rcode_theirs))).await;
        let resolver = resolver(&[unable, server(answers).await]);
        assert_eq!(rcode(&within(SOON, ask(&resolver, "www.example.com")).await), 0, "{rcode_theirs}");
    }
    // Where none can, what the first has said is said.
    let refuses = server(|query| Act::Now(with_rcode(&query, 5))).await;
    let fails = server(|query| Act::Now(with_rcode(&query, 2))).await;
    let resolver = resolver(&[refuses, fails]);
    assert_eq!(rcode(&within(SOON, ask(&resolver, "www.example.com")).await), 5);
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_an_answer() {
    let denies = server(|query| Act::Now(with_rcode(&query, 3))).await;
    let resolver = resolver(&[denies, server(answers).await]);
    assert_eq!(rcode(&within(SOON, ask(&resolver, "www.example.com")).await), 3);
}

#[tokio::test]
async fn a_question_that_is_lost_is_asked_again() {
    let mut first = true;
    let lossy =
        server(move |query| if std::mem::take(&mut first) { Act::Nothing } else { Act::Now(answer_to(&query)) }).await;
    let resolver = resolver(&[lossy]);
    assert_eq!(rcode(&within(2 * SECOND, ask(&resolver, "www.example.com")).await), 0);
}

#[tokio::test]
async fn gives_up_where_nobody_answers() {
    let resolver = resolver(&[silent().await, silent().await]);
    let reply = within(5 * SECOND, ask(&resolver, "www.example.com")).await;
    assert_eq!((rcode(&reply), resolver.status().failed), (2, 1));
}

#[tokio::test]
async fn a_truncated_answer_is_fetched_over_tcp() {
    let long = |query: Vec<u8>| many_answers(&query, 100);
    let address = server_with_tcp(|query| Act::Now(truncated(&query)), long).await;
    let resolver = resolver(&[address]);
    let whole = within(SOON, by_tcp(&resolver, "www.example.com")).await;
    assert_eq!(whole.len(), 12 + 21 + 1600);
    let cut = within(SOON, ask(&resolver, "www.example.com")).await;
    assert_eq!((cut[2] & 0x02, cut.len()), (0x02, 12 + 21), "as much as the client takes, and that it is not all");
}

#[tokio::test]
async fn spoofed_replies_are_not_taken() {
    let (truth, address) = listening().await;
    let resolver = resolver(&[address]);
    let asked = tokio::spawn({
        let resolver = resolver.clone();
        async move { ask(&resolver, "www.example.com").await }
    });
    let (query, client) = heard(&truth).await;
    let spoofed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut reply = answer_to(&query);
        let last = reply.len() - 1;
        reply[last] = 66;
        change(&mut reply);
        reply
    };
    // Who knows the port, but not our id or question.
    truth.send_to(&spoofed(&|reply| reply[0] ^= 1), client).await.unwrap();
    truth.send_to(&spoofed(&|reply| reply[13] = b'x'), client).await.unwrap();
    truth.send_to(&spoofed(&|reply| reply[2] = 0), client).await.unwrap();
    // Who knows everything, but is somebody else.
    let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    stranger.send_to(&spoofed(&|_| {}), client).await.unwrap();
    truth.send_to(&answer_to(&query), client).await.unwrap();
    let reply = within(SOON, async { asked.await.unwrap() }).await;
    assert_eq!(reply[reply.len() - 1], 1, "the true one");
    // Who is late.
    let late = truth.send_to(&spoofed(&|_| {}), client).await;
    assert!(late.is_ok() && resolver.flights().is_empty());
}

#[tokio::test]
async fn a_flood_of_spoofed_replies_has_the_question_asked_over_tcp() {
    let guesses = |query: Vec<u8>| {
        let guess = |n: u8| {
            let mut reply = answer_to(&query);
            reply[1] ^= n;
            reply
        };
        Act::Many((1..=20).map(guess).collect())
    };
    let address = server_with_tcp(guesses, |query| answer_to(&query)).await;
    let resolver = resolver(&[address]);
    assert_eq!(rcode(&within(SOON, ask(&resolver, "www.example.com")).await), 0);
}

#[tokio::test]
async fn each_question_has_a_port_and_an_id_of_its_own() {
    let (socket, address) = listening().await;
    let resolver = resolver(&[address]);
    let (mut ids, mut ports, mut spellings) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..8 {
        let name = format!("www{n}.example.com");
        assert_eq!(resolver.ask(foreign(&name), drop), None);
        let (query, client) = heard(&socket).await;
        ids.push([query[0], query[1]]);
        ports.push(client.port());
        spellings.push(query[12..].iter().filter(|byte| byte.is_ascii_uppercase()).count());
    }
    for list in [&mut ports, &mut ids.iter().map(|id| u16::from_be_bytes(*id)).collect()] {
        list.sort_unstable();
        list.dedup();
        assert!(list.len() >= 7, "{list:?}");
    }
    assert!(spellings.iter().any(|upper| *upper > 0));
}

#[tokio::test]
async fn what_is_asked_by_many_at_once_is_asked_once() {
    let (socket, address) = listening().await;
    let resolver = resolver(&[address]);
    let (sender, mut replies) = mpsc::unbounded_channel();
    for _ in 0..100 {
        let sender = sender.clone();
        assert_eq!(resolver.ask(foreign("www.example.com"), move |reply| sender.send(reply).unwrap()), None);
    }
    let (query, client) = heard(&socket).await;
    socket.send_to(&answer_to(&query), client).await.unwrap();
    for _ in 0..100 {
        let reply = within(SOON, async { replies.recv().await.unwrap() }).await;
        assert_eq!(rcode(&reply), 0);
    }
    assert!(timeout(Duration::from_millis(50), heard(&socket)).await.is_err(), "a second question");
}

#[tokio::test]
async fn a_question_that_comes_back_to_us_fails_at_once() {
    let (socket, address) = listening().await;
    let resolver = resolver(&[address, server(answers).await]);
    let asked = tokio::spawn({
        let resolver = resolver.clone();
        async move { ask(&resolver, "www.example.com").await }
    });
    // A resolver that has us for its own asks us what we asked it, with an id of its own.
    let (mut query, client) = heard(&socket).await;
    query[..2].copy_from_slice(&[5, 5]);
    let Response::Foreign(again) = respond(&Zone::default(), &query, Transport::Udp) else { panic!("{query:?}") };
    let failure = resolver.ask(again, drop).unwrap();
    assert_eq!((rcode(&failure), resolver.status().loops), (2, 1));
    socket.send_to(&failure, client).await.unwrap();
    // It passes our failure on, under our own id no more; whoever asked first has an answer from the next one.
    assert_eq!(rcode(&within(SECOND, async { asked.await.unwrap() }).await), 0);
}

#[tokio::test]
async fn a_loop_through_a_resolver_that_spells_anew_goes_round_once() {
    let (socket, address) = listening().await;
    let resolver = resolver(&[address, server(answers).await]);
    let (sender, mut replies) = mpsc::unbounded_channel();
    let first = sender.clone();
    assert_eq!(resolver.ask(foreign("www.example.com"), move |reply| first.send(reply).unwrap()), None);
    heard(&socket).await;
    for _ in 0..10 {
        let sender = sender.clone();
        assert_eq!(resolver.ask(foreign("www.example.com"), move |reply| sender.send(reply).unwrap()), None);
    }
    assert!(timeout(Duration::from_millis(200), heard(&socket)).await.is_err(), "it is asked again");
    for _ in 0..11 {
        assert_eq!(rcode(&within(SECOND, async { replies.recv().await.unwrap() }).await), 0);
    }
}

#[tokio::test]
async fn a_flood_of_questions_is_bounded_and_the_rest_fails_at_once() {
    let resolver = resolver(&[silent().await]);
    let failed = (0..1000).filter(|n| resolver.ask(foreign(&format!("host{n}.example.com")), drop).is_some()).count();
    assert_eq!(failed, 1000 - 128);
    assert_eq!(resolver.status().overflows, 872);
    // Also of one question.
    let waiting = (0..2000).filter(|_| resolver.ask(foreign("host0.example.com"), drop).is_none()).count();
    assert_eq!(waiting, 1024 - 128);
}

#[tokio::test]
async fn never_asks_itself_nor_a_member() {
    let live = Arc::new(Live::default());
    let member: IpAddr = "100.64.0.2".parse().unwrap();
    live.replace(Snapshot {
        own_v4: Some([100, 64, 0, 1].into()),
        own_v6: "200::1".parse().unwrap(),
        routes: [(member, crate::ident::PeerId([7; 32]))].into_iter().collect(),
        ..Snapshot::default()
    });
    let resolver = Arc::new(Resolver::new(live));
    let ours = ["100.100.100.53", "200::53", "100.64.0.1", "200::1", "100.64.0.2", "0.0.0.0", "::ffff:100.100.100.53"];
    let at_53 = |address: &str| SocketAddr::new(address.parse().unwrap(), 53);
    resolver.replace_upstreams(ours.map(at_53).to_vec());
    resolver.set_forwarding(true);
    assert_eq!(resolver.upstreams(), []);
    assert_eq!(rcode(&resolver.ask(foreign("www.example.com"), drop).unwrap()), 2);
    // A provider's own, numbered as the mesh is.
    resolver.replace_upstreams(["100.100.2.136", "192.0.2.1"].map(at_53).to_vec());
    assert_eq!(resolver.upstreams().len(), 2);
}

#[tokio::test]
async fn keeps_what_it_knows_of_resolvers_that_stay_and_takes_eight() {
    let resolver = resolver(&[]);
    let many: Vec<SocketAddr> = (1..=20).map(|n| SocketAddr::new([192, 0, 2, n].into(), 53)).collect();
    resolver.replace_upstreams(many.clone());
    assert_eq!(resolver.upstreams(), many[..8]);
    resolver.policy.load().upstreams.in_order().next().unwrap().missed();
    assert_eq!(resolver.upstreams()[7], many[0], "asked last");
    resolver.replace_upstreams([many[0], many[1], many[0]].to_vec());
    assert_eq!(resolver.upstreams(), [many[1], many[0]]);
}

#[tokio::test]
async fn a_malformed_answer_is_not_handed_on() {
    let loops = server(|query| {
        let mut reply = answer_to(&query);
        let owner_at = reply.len() - 16;
        let offset = u8::try_from(owner_at).unwrap();
        reply[owner_at + 1] = offset;
        Act::Now(reply)
    })
    .await;
    let resolver = resolver(&[loops]);
    assert_eq!(rcode(&within(5 * SECOND, ask(&resolver, "www.example.com")).await), 2);
}

/// What a server does with a query.
enum Act {
    Now(Vec<u8>),
    Many(Vec<Vec<u8>>),
    Later(Duration, Vec<u8>),
    Nothing,
}

fn answers(query: Vec<u8>) -> Act {
    Act::Now(answer_to(&query))
}

fn resolver(upstreams: &[SocketAddr]) -> Arc<Resolver> {
    let resolver = Arc::new(Resolver::default());
    resolver.replace_upstreams(upstreams.to_vec());
    resolver.set_forwarding(true);
    resolver
}

async fn ask(resolver: &Arc<Resolver>, name: &str) -> Vec<u8> {
    wait_for(resolver, foreign(name)).await
}

async fn by_tcp(resolver: &Arc<Resolver>, name: &str) -> Vec<u8> {
    match respond(&Zone::default(), &query(name), Transport::Tcp) {
        Response::Foreign(foreign) => wait_for(resolver, foreign).await,
        other => panic!("{other:?}"),
    }
}

async fn wait_for(resolver: &Arc<Resolver>, foreign: Foreign) -> Vec<u8> {
    let (sender, reply) = oneshot::channel();
    match resolver.ask(foreign, move |reply| sender.send(reply).unwrap()) {
        Some(reply) => reply,
        None => reply.await.unwrap(),
    }
}

async fn within<T>(time: Duration, future: impl Future<Output = T>) -> T {
    timeout(time, future).await.unwrap_or_else(|_| panic!("it took longer than {time:?}"))
}

async fn listening() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

async fn heard(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 512];
    let (len, client) = socket.recv_from(&mut buffer).await.unwrap();
    (buffer[..len].to_vec(), client)
}

async fn silent() -> SocketAddr {
    server(|_| Act::Nothing).await
}

async fn server(act: impl FnMut(Vec<u8>) -> Act + Send + 'static) -> SocketAddr {
    let (socket, address) = listening().await;
    serve(socket, act);
    address
}

async fn server_with_tcp(
    act: impl FnMut(Vec<u8>) -> Act + Send + 'static,
    by_tcp: impl Fn(Vec<u8>) -> Vec<u8> + Send + 'static,
) -> SocketAddr {
    let (socket, address) = listening().await;
    let listener = TcpListener::bind(address).await.unwrap();
    serve(socket, act);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut query = vec![0; stream.read_u16().await.unwrap().into()];
            stream.read_exact(&mut query).await.unwrap();
            let reply = by_tcp(query);
            stream.write_u16(u16::try_from(reply.len()).unwrap()).await.unwrap();
            stream.write_all(&reply).await.unwrap();
        }
    });
    address
}

fn serve(socket: UdpSocket, mut act: impl FnMut(Vec<u8>) -> Act + Send + 'static) {
    let socket = Arc::new(socket);
    tokio::spawn(async move {
        loop {
            let (query, client) = heard(&socket).await;
            match act(query) {
                Act::Now(reply) => drop(socket.send_to(&reply, client).await),
                Act::Many(replies) => {
                    for reply in replies {
                        let _ = socket.send_to(&reply, client).await;
                    }
                }
                Act::Later(time, reply) => {
                    let socket = socket.clone();
                    tokio::spawn(async move {
                        sleep(time).await;
                        let _ = socket.send_to(&reply, client).await;
                    });
                }
                Act::Nothing => {}
            }
        }
    });
}

fn foreign(name: &str) -> Foreign {
    match respond(&Zone::default(), &query(name), Transport::Udp) {
        Response::Foreign(foreign) => foreign,
        other => panic!("{other:?}"),
    }
}

fn query(name: &str) -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.extend_from_slice(&[0, 0, 1, 0, 1]);
    bytes
}

fn answer_to(query: &[u8]) -> Vec<u8> {
    many_answers(query, 1)
}

fn many_answers(query: &[u8], records: u8) -> Vec<u8> {
    let mut reply = with_rcode(query, 0);
    reply[7] = records;
    for n in 1..=records {
        reply.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, n]);
    }
    reply
}

fn truncated(query: &[u8]) -> Vec<u8> {
    let mut reply = with_rcode(query, 0);
    reply[2] |= 0x02;
    reply
}

fn with_rcode(query: &[u8], rcode: u8) -> Vec<u8> {
    let mut reply = query.to_vec();
    reply[2] |= 0x80;
    reply[3] = 0x80 | rcode;
    reply
}

fn rcode(reply: &[u8]) -> u8 {
    reply[3] & 0x0f
}
