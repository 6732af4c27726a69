//! Which ports of which hosts answer: a server that echoes on many, and a client that asks many at once.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket},
    os::fd::OwnedFd,
    str::FromStr,
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket},
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net,
    task::JoinSet,
    time::{Instant, timeout, timeout_at},
};

use super::{ToolError, failed};

/// A lost packet, or a refusal that was not told because there were many, costs this; then twice as much, and so on.
const FIRST_ATTEMPT: Duration = Duration::from_millis(250);
const ATTEMPT_MAX: Duration = Duration::from_secs(1);
const WORD: &[u8] = b"ray-lab";
const MESSAGE_MAX: usize = 2048;

/// One question: does this answer?
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    pub protocol: Protocol,
    /// An echo goes to port 0.
    pub target: SocketAddr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    Tcp,
    Udp,
    Icmp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// What was sent came back.
    Answered,
    /// A reset, or a word that it is prohibited.
    Refused,
    /// Nothing came back in time.
    Silent,
    /// Something else; see the error.
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub cell: String,
    pub verdict: Verdict,
    /// Such as ECONNREFUSED.
    pub error: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub schema: String,
    /// In the order in which they were asked.
    pub cells: Vec<Told>,
}

/// Echoes on these ports of TCP and UDP, on every address, for ever.
pub fn serve(ports: &[u16], listening: impl FnOnce()) -> Result<(), ToolError> {
    let any = |port| SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    runtime()?.block_on(async {
        let mut servers = JoinSet::new();
        for port in ports {
            let what = || format!("listening on port {port}");
            let listener = TcpListener::bind(any(*port)).and_then(nonblocking_listener).map_err(failed(what()))?;
            let datagrams = UdpSocket::bind(any(*port)).and_then(nonblocking).map_err(failed(what()))?;
            servers.spawn(echo_streams(listener));
            servers.spawn(echo_datagrams(datagrams));
        }
        listening();
        while servers.join_next().await.is_some() {}
        Ok(())
    })
}

/// Asks all at once, each until it is answered or refused or `deadline` has passed.
pub fn ask(cells: &[Cell], deadline: Duration) -> Result<Report, ToolError> {
    runtime()?.block_on(async {
        let until = Instant::now() + deadline;
        let asked: Vec<_> = cells.iter().map(|cell| tokio::spawn(ask_one(*cell, until))).collect();
        let mut told = Vec::new();
        for (cell, task) in cells.iter().zip(asked) {
            let (verdict, error) = task.await.map_err(|error| ToolError::new(format!("asking {cell}: {error}")))?;
            told.push(Told { cell: cell.to_string(), verdict, error });
        }
        Ok(Report { schema: "ray.lab.reach/1".to_owned(), cells: told })
    })
}

/// The name of an error, such as `ECONNREFUSED`.
pub(super) fn name_of(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), |raw| format!("{:?}", Errno::from_raw(raw)))
}

async fn ask_one(cell: Cell, until: Instant) -> (Verdict, Option<String>) {
    let mut patience = FIRST_ATTEMPT;
    while Instant::now() < until {
        let attempt = async {
            match cell.protocol {
                Protocol::Tcp => ask_tcp(cell.target).await,
                Protocol::Udp => ask_datagram(udp_socket(cell.target)?, WORD).await,
                Protocol::Icmp => ask_datagram(echo_socket(cell.target)?, &echo_request(cell.target)).await,
            }
        };
        match timeout_at(until, timeout(patience, attempt)).await {
            Ok(Ok(Ok(()))) => return (Verdict::Answered, None),
            Ok(Ok(Err(error))) => return (judge(cell.protocol, &error), Some(name_of(&error))),
            // Once more, by another port of ours.
            Ok(Err(_)) | Err(_) => patience = (patience * 2).min(ATTEMPT_MAX),
        }
    }
    (Verdict::Silent, None)
}

fn judge(protocol: Protocol, error: &io::Error) -> Verdict {
    match (protocol, error.raw_os_error().map(Errno::from_raw)) {
        (Protocol::Tcp, Some(Errno::ECONNREFUSED)) => Verdict::Refused,
        // Prohibited, as IPv4, IPv6 and our own kernel tell it.
        (Protocol::Udp | Protocol::Icmp, Some(Errno::EHOSTUNREACH | Errno::EACCES | Errno::EPERM)) => Verdict::Refused,
        _ => Verdict::Failed,
    }
}

async fn ask_tcp(target: SocketAddr) -> io::Result<()> {
    let mut stream = net::TcpStream::connect(target).await?;
    stream.write_all(WORD).await?;
    let mut answer = [0; WORD.len()];
    stream.read_exact(&mut answer).await?;
    if answer == WORD { Ok(()) } else { Err(io::Error::other("the echo differs")) }
}

async fn ask_datagram(socket: UdpSocket, word: &[u8]) -> io::Result<()> {
    let socket = nonblocking(socket)?;
    socket.send(word).await?;
    let mut answer = [0; MESSAGE_MAX];
    let len = socket.recv(&mut answer).await?;
    // An echo's head comes back changed, and ours was completed by the kernel.
    let same = answer.get(..len).unwrap_or_default().ends_with(WORD);
    if same { Ok(()) } else { Err(io::Error::other("the echo differs")) }
}

fn udp_socket(target: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = if target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(target)?;
    Ok(socket)
}

/// A socket for echoes, which learns of refusals, unlike a raw one.
fn echo_socket(target: SocketAddr) -> io::Result<UdpSocket> {
    let (family, protocol) = match target {
        SocketAddr::V4(_) => (AddressFamily::Inet, SockProtocol::Icmp),
        SocketAddr::V6(_) => (AddressFamily::Inet6, SockProtocol::IcmpV6),
    };
    let fd: OwnedFd = socket(family, SockType::Datagram, SockFlag::SOCK_CLOEXEC, protocol)?;
    let socket = UdpSocket::from(fd);
    socket.connect(target)?;
    Ok(socket)
}

/// The kernel fills identifier and checksum in.
fn echo_request(target: SocketAddr) -> Vec<u8> {
    let kind = if target.is_ipv4() { 8 } else { 128 };
    [&[kind, 0, 0, 0, 0, 0, 0, 1], WORD].concat()
}

async fn echo_streams(listener: net::TcpListener) {
    // Each client's troubles are its own.
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(echo_stream(stream));
        }
    }
}

async fn echo_stream(mut stream: net::TcpStream) -> io::Result<()> {
    let (mut from, mut to) = stream.split();
    tokio::io::copy(&mut from, &mut to).await?;
    to.shutdown().await
}

async fn echo_datagrams(socket: net::UdpSocket) {
    let mut buffer = [0; MESSAGE_MAX];
    loop {
        if let Ok((len, from)) = socket.recv_from(&mut buffer).await {
            // The client asks again.
            let _ = socket.send_to(buffer.get(..len).unwrap_or_default(), from).await;
        }
    }
}

fn nonblocking(socket: UdpSocket) -> io::Result<net::UdpSocket> {
    socket.set_nonblocking(true)?;
    net::UdpSocket::from_std(socket)
}

fn nonblocking_listener(listener: TcpListener) -> io::Result<net::TcpListener> {
    listener.set_nonblocking(true)?;
    net::TcpListener::from_std(listener)
}

fn runtime() -> Result<tokio::runtime::Runtime, ToolError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed("starting"))
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            Protocol::Tcp => write!(f, "tcp/{}", self.target),
            Protocol::Udp => write!(f, "udp/{}", self.target),
            Protocol::Icmp => write!(f, "icmp/{}", self.target.ip()),
        }
    }
}

impl FromStr for Cell {
    type Err = String;

    /// `tcp/100.64.0.2:22`, `udp/[200::2]:53`, `icmp/200::2`
    fn from_str(text: &str) -> Result<Self, String> {
        let malformed = || format!("{text:?} is none of tcp/ADDRESS:PORT, udp/ADDRESS:PORT, icmp/ADDRESS");
        let (protocol, target) = text.split_once('/').ok_or_else(malformed)?;
        let with_port = || target.parse().map_err(|_| malformed());
        Ok(match protocol {
            "tcp" => Self { protocol: Protocol::Tcp, target: with_port()? },
            "udp" => Self { protocol: Protocol::Udp, target: with_port()? },
            "icmp" => {
                let address: IpAddr = target.parse().map_err(|_| malformed())?;
                Self { protocol: Protocol::Icmp, target: (address, 0).into() }
            }
            _ => return Err(malformed()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_reads_back_as_it_is_shown() {
        for text in ["tcp/100.64.0.2:22", "udp/[200::2]:53", "icmp/100.64.0.2", "icmp/200::2"] {
            assert_eq!(text.parse::<Cell>().unwrap().to_string(), text);
        }
        for text in ["", "tcp", "tcp/100.64.0.2", "sctp/100.64.0.2:1", "icmp/100.64.0.2:1"] {
            assert!(text.parse::<Cell>().is_err(), "{text}");
        }
    }

    #[test]
    fn tells_an_answer_from_a_refusal_and_from_silence() {
        let quiet = UdpSocket::bind("127.0.0.1:0").unwrap();
        let open = TcpListener::bind("127.0.0.1:0").unwrap();
        let closed = {
            let socket = TcpListener::bind("127.0.0.1:0").unwrap();
            socket.local_addr().unwrap()
        };
        let (asked, silent) = (open.local_addr().unwrap(), quiet.local_addr().unwrap());
        std::thread::spawn(move || {
            let (stream, _) = open.accept().unwrap();
            io::copy(&mut &stream, &mut &stream).unwrap();
        });
        let cells = [format!("tcp/{asked}"), format!("tcp/{closed}"), format!("udp/{silent}")];
        let cells = cells.map(|text| text.parse().unwrap());
        let report = ask(&cells, Duration::from_millis(600)).unwrap();
        let verdicts: Vec<Verdict> = report.cells.iter().map(|told| told.verdict).collect();
        assert_eq!(verdicts, [Verdict::Answered, Verdict::Refused, Verdict::Silent]);
    }
}
