//! One question to one resolver: over UDP, and over TCP where the answer is too long or somebody else talks in between.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

use super::{random, upstream::Upstream};
use crate::dns::{Exchange, Heard};

/// How long a resolver is waited for, each way.
const PATIENCE: Duration = Duration::from_secs(2);
/// Datagrams that are not the answer, after which the way that nobody else can write to is taken.
const STRANGERS_MAX: u32 = 8;
/// Longest datagram that is read: more than was said to be taken.
const DATAGRAM_MAX: usize = 4096;

/// What came of it.
#[derive(Debug)]
pub(super) enum Outcome {
    Answer(Vec<u8>),
    /// The resolver cannot answer; what it says, where it said so with the question.
    Unable(Option<Vec<u8>>),
}

pub(super) async fn run(exchange: &Exchange, upstream: &Upstream) -> Outcome {
    let address = upstream.address();
    let heard = match timeout(PATIENCE, by_udp(exchange, address)).await {
        Ok(Ok(heard)) => heard,
        // Refused by its host, or no way there.
        Ok(Err(_)) | Err(_) => {
            upstream.missed();
            return Outcome::Unable(None);
        }
    };
    upstream.heard();
    match heard {
        Heard::Answer(answer) => Outcome::Answer(answer),
        Heard::Unable(words) => Outcome::Unable(words),
        Heard::Malformed => Outcome::Unable(None),
        Heard::Truncated(beginning) => match timeout(PATIENCE, by_tcp(exchange, address)).await {
            Ok(Ok(Heard::Answer(answer))) => Outcome::Answer(answer),
            // The client may try the same.
            _ => Outcome::Answer(beginning),
        },
        Heard::Other => match timeout(PATIENCE, by_tcp(exchange, address)).await {
            Ok(Ok(Heard::Answer(answer))) => Outcome::Answer(answer),
            Ok(Ok(Heard::Unable(words))) => Outcome::Unable(words),
            _ => Outcome::Unable(None),
        },
    }
}

/// Asks from a port of its own, so that who wants to answer instead has to guess it, and the id. [`Heard::Other`] where
/// somebody tries.
async fn by_udp(exchange: &Exchange, address: SocketAddr) -> io::Result<Heard> {
    let any = if address.is_ipv4() { IpAddr::from(Ipv4Addr::UNSPECIFIED) } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    // The kernel drops what others send.
    socket.connect(address).await?;
    let id = id();
    socket.send(&exchange.query(id)).await?;
    let mut buffer = vec![0; DATAGRAM_MAX];
    for _ in 0..STRANGERS_MAX {
        let len = socket.recv(&mut buffer).await?;
        match exchange.hear(id, buffer.get(..len).unwrap_or_default()) {
            Heard::Other => {}
            heard => return Ok(heard),
        }
    }
    Ok(Heard::Other)
}

async fn by_tcp(exchange: &Exchange, address: SocketAddr) -> io::Result<Heard> {
    let id = id();
    let query = exchange.query(id);
    let mut stream = TcpStream::connect(address).await?;
    let len = u16::try_from(query.len()).unwrap_or_default();
    stream.write_all(&[&len.to_be_bytes(), query.as_slice()].concat()).await?;
    let len = stream.read_u16().await?;
    let mut answer = vec![0; len.into()];
    stream.read_exact(&mut answer).await?;
    Ok(exchange.hear(id, &answer))
}

fn id() -> u16 {
    let [high, low, ..] = random().to_be_bytes();
    u16::from_be_bytes([high, low])
}
