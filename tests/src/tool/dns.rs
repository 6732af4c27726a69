//! One DNS question over UDP to a given server.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    process,
    time::{Duration, Instant},
};

use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE, rdata::RData};

use super::{ToolError, failed};

const PORT: u16 = 53;
const ATTEMPTS: u32 = 3;
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);
/// Answers are asked for without EDNS.
const ANSWER_LEN_MAX: usize = 512;

/// Record types that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    A,
    Aaaa,
    Ptr,
}

impl Kind {
    fn question(self) -> TYPE {
        match self {
            Self::A => TYPE::A,
            Self::Aaaa => TYPE::AAAA,
            Self::Ptr => TYPE::PTR,
        }
    }
}

/// What the server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub rcode: RCODE,
    /// The records of the asked type, as text.
    pub records: Vec<String>,
}

/// Asks `server` for records of `name`. For PTR the name may be an address.
pub fn resolve(name: &str, kind: Kind, server: IpAddr) -> Result<Answer, ToolError> {
    let name = match (kind, name.parse()) {
        (Kind::Ptr, Ok(address)) => reverse_name(address),
        _ => name.to_owned(),
    };
    let id = u16::try_from(process::id() & 0xffff).unwrap_or_default();
    let query = query(&name, kind, id)?;
    let what = || format!("asking {server} for {name}");

    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).map_err(failed(what()))?;
    socket.connect(SocketAddr::new(server, PORT)).map_err(failed(what()))?;
    for _ in 0..ATTEMPTS {
        socket.send(&query).map_err(failed(what()))?;
        if let Some(answer) = receive(&socket, id, kind).map_err(failed(what()))? {
            return Ok(answer);
        }
    }
    Err(ToolError::new(format!("{}: no answer", what())))
}

/// The addresses of `name`, IPv4 first.
pub fn addresses(name: &str, server: IpAddr) -> Result<Vec<IpAddr>, ToolError> {
    let mut addresses = Vec::new();
    for kind in [Kind::A, Kind::Aaaa] {
        addresses.extend(resolve(name, kind, server)?.records.iter().filter_map(|text| text.parse::<IpAddr>().ok()));
    }
    Ok(addresses)
}

fn query(name: &str, kind: Kind, id: u16) -> Result<Vec<u8>, ToolError> {
    let malformed = |_| ToolError::new(format!("{name:?} is not a DNS name"));
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let name = Name::new(name).map_err(malformed)?;
    packet.questions.push(Question::new(name, QTYPE::TYPE(kind.question()), QCLASS::CLASS(CLASS::IN), false));
    packet.build_bytes_vec().map_err(malformed)
}

fn receive(socket: &UdpSocket, id: u16, kind: Kind) -> io::Result<Option<Answer>> {
    let started = Instant::now();
    let mut buffer = [0; ANSWER_LEN_MAX];
    loop {
        let left = ATTEMPT_TIMEOUT.saturating_sub(started.elapsed());
        if left.is_zero() {
            return Ok(None);
        }
        socket.set_read_timeout(Some(left))?;
        let len = match socket.recv(&mut buffer) {
            Ok(len) => len,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => continue,
            Err(error) => return Err(error),
        };
        if let Some(answer) = read_answer(buffer.get(..len).unwrap_or_default(), id, kind) {
            return Ok(Some(answer));
        }
    }
}

fn read_answer(bytes: &[u8], id: u16, kind: Kind) -> Option<Answer> {
    let packet = Packet::parse(bytes).ok()?;
    if packet.id() != id || !packet.has_flags(PacketFlag::RESPONSE) {
        return None;
    }
    let text = |data: &RData<'_>| match (kind, data) {
        (Kind::A, RData::A(record)) => Some(Ipv4Addr::from(record.address).to_string()),
        (Kind::Aaaa, RData::AAAA(record)) => Some(Ipv6Addr::from(record.address).to_string()),
        (Kind::Ptr, RData::PTR(record)) => Some(record.0.to_string()),
        _ => None,
    };
    Some(Answer { rcode: packet.rcode(), records: packet.answers.iter().filter_map(|rr| text(&rr.rdata)).collect() })
}

fn reverse_name(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(v6) => {
            let nibbles = v6.octets().into_iter().rev().flat_map(|byte| [byte & 0xf, byte >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}.")).collect::<String>() + "ip6.arpa"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_reverse_names_of_both_families() {
        assert_eq!(reverse_name([100, 64, 1, 2].into()), "2.1.64.100.in-addr.arpa");
        let text = reverse_name("200::1".parse().unwrap());
        assert!(text.starts_with("1.0.0.") && text.ends_with("0.0.2.0.ip6.arpa"), "{text}");
    }

    #[test]
    fn refuses_an_answer_to_another_question() {
        let bytes = Packet::new_reply(5).build_bytes_vec().unwrap();
        assert_eq!(read_answer(&bytes, 6, Kind::A), None);
        assert_eq!(read_answer(&Packet::new_query(6).build_bytes_vec().unwrap(), 6, Kind::A), None);
        assert_eq!(read_answer(&bytes, 5, Kind::A).unwrap().rcode, RCODE::NoError);
    }
}
