//! What a DNS server may be sent by programs that mean no good: queries that break the format, and connections that say
//! nothing.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket},
    thread,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{ToolError, failed};

const PORT: u16 = 53;
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks at which connections have been ended.
const LOOK: Duration = Duration::from_millis(10);

/// What each hostile query was answered with; `None`: nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub schema: String,
    pub rcodes: BTreeMap<String, Option<u8>>,
}

/// Sends each hostile query once.
pub fn queries(server: IpAddr) -> Result<Report, ToolError> {
    let what = || format!("asking {server}");
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).map_err(failed(what()))?;
    socket.connect(SocketAddr::new(server, PORT)).map_err(failed(what()))?;
    socket.set_read_timeout(Some(PATIENCE)).map_err(failed(what()))?;
    let mut rcodes = BTreeMap::new();
    for (id, (name, mut query)) in (1u16..).zip(hostile()) {
        if let Some(place) = query.get_mut(..2) {
            place.copy_from_slice(&id.to_be_bytes());
        }
        socket.send(&query).map_err(failed(what()))?;
        let mut reply = [0; 2048];
        let rcode = match socket.recv(&mut reply) {
            Ok(4..) if reply[..2] == id.to_be_bytes() => Some(reply[3] & 0x0f),
            Ok(_) => return Err(ToolError::new(format!("{name}: the reply to another query"))),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => None,
            Err(error) => return Err(failed(what())(error)),
        };
        rcodes.insert(name.to_owned(), rcode);
    }
    Ok(Report { schema: "ray.lab.dns-abuse/1".to_owned(), rcodes })
}

/// Keeps `count` connections open, each with half a question, and makes anew those that the server ends, until `ended`.
pub fn connections(server: IpAddr, count: usize, ended: impl Fn() -> bool) -> Result<(), ToolError> {
    let mut held: Vec<TcpStream> = Vec::new();
    while !ended() {
        held.retain_mut(|stream| matches!(stream.read(&mut [0; 16]), Err(e) if e.kind() == io::ErrorKind::WouldBlock));
        while held.len() < count {
            let Ok(mut stream) = TcpStream::connect_timeout(&SocketAddr::new(server, PORT), PATIENCE) else { break };
            let half = stream.write_all(&[0, 40, 1, 2, 3]).and_then(|()| stream.set_nonblocking(true));
            half.map_err(failed("holding a connection"))?;
            held.push(stream);
        }
        thread::sleep(LOOK);
    }
    Ok(())
}

fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let header = |flags: u8, counts: [u8; 4]| {
        let [questions, answers, authorities, additional] = counts;
        vec![0, 0, flags, 0, 0, questions, 0, answers, 0, authorities, 0, additional]
    };
    let asked = |name: &[u8]| [&header(1, [1, 0, 0, 0])[..], name, &[0, 1, 0, 1]].concat();
    let label = |len: u8| [&[len][..], &vec![b'a'; len.into()]].concat();
    vec![
        ("control characters", asked(b"\x07esc\x1b[31\x03ray\x00")),
        ("a dot in a label", asked(b"\x07n2.home\x03ray\x00")),
        ("a label of 64 bytes", asked(&[&label(64)[..], b"\x03ray\x00"].concat())),
        ("a label of 255 bytes", asked(&[&label(255)[..], b"\x03ray\x00"].concat())),
        ("a name of 300 bytes", asked(&[label(60).repeat(5), b"\x03ray\x00".to_vec()].concat())),
        ("a pointer to itself", asked(&[0xc0, 12])),
        ("a pointer into the header", asked(&[0xc0, 0])),
        ("a pointer forwards", asked(&[0xc0, 14, 0xc0, 12])),
        ("no end of the name", [&header(1, [1, 0, 0, 0])[..], b"\x02n2"].concat()),
        ("no question", header(1, [0, 0, 0, 0])),
        ("two questions", [&header(1, [2, 0, 0, 0])[..], b"\x03ray\0\0\x01\0\x01\x03ray\0\0\x01\0\x01"].concat()),
        ("an answer in a query", [&header(1, [1, 1, 0, 0])[..], b"\x03ray\0\0\x01\0\x01"].concat()),
        ("records that are not there", [&header(1, [1, 0, 0, 255])[..], b"\x03ray\0\0\x01\0\x01"].concat()),
        ("something behind the end", asked(b"\x03ray\x00").into_iter().chain([0; 400]).collect()),
        ("an unknown operation", [&header(0x78, [1, 0, 0, 0])[..], b"\x03ray\0\0\x01\0\x01"].concat()),
        ("an update", [&header(0x28, [1, 0, 0, 0])[..], b"\x03ray\0\0\x06\0\x01"].concat()),
        ("a zone transfer", [&header(1, [1, 0, 0, 0])[..], b"\x03ray\0\0\xfc\0\x01"].concat()),
        ("another class", [&header(1, [1, 0, 0, 0])[..], b"\x07version\x04bind\0\0\x10\0\x03"].concat()),
        ("a reply", [&header(0x81, [1, 0, 0, 0])[..], b"\x03ray\0\0\x01\0\x01"].concat()),
        ("half a header", vec![0; 6]),
    ]
}
