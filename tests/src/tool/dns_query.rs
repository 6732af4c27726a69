//! Asks a DNS server as a program would, over UDP or TCP, and tells everything about the reply.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket},
    process,
    time::{Duration, Instant},
};

use serde::Serialize;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, ResourceRecord, TYPE, rdata::RData};

use super::{ToolError, failed};

const PORT: u16 = 53;
const REPLY_MAX: usize = 65_535;

/// What is asked, and how.
#[derive(Debug, Clone)]
pub struct Query {
    pub name: String,
    /// As a number.
    pub kind: u16,
    pub server: IpAddr,
    pub tcp: bool,
    /// The size that the client takes over UDP; without it, it speaks no EDNS.
    pub edns: Option<u16>,
    /// How often the same is asked, over TCP all at once in one connection.
    pub times: u16,
    pub timeout: Duration,
}

/// A reply as it came.
#[derive(Debug, Clone, Serialize)]
pub struct Reply {
    pub schema: &'static str,
    /// As a number: 0 is no error, 3 no such name.
    pub rcode: u16,
    pub authoritative: bool,
    pub truncated: bool,
    pub recursion: bool,
    pub edns: bool,
    pub answers: Vec<Record>,
    pub authority: Vec<Record>,
    pub bytes: usize,
    /// Of the slowest, where several were asked.
    pub took_ms: f64,
    /// How many were answered like the first.
    pub same: u16,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    pub name: String,
    pub kind: u16,
    pub ttl: u32,
    pub data: String,
}

/// Asks once, without trying again.
pub fn ask(query: &Query) -> Result<Reply, ToolError> {
    let what = format!("asking {} for {}", query.server, query.name);
    let bytes = build(query)?;
    let started = Instant::now();
    let replies = if query.tcp { by_tcp(query, &bytes) } else { by_udp(query, &bytes) };
    let replies = replies.map_err(failed(what.clone()))?;
    let Some((first, _)) = replies.first() else { return Err(ToolError::new(format!("{what}: nothing was asked"))) };
    let took = replies.iter().map(|(_, at)| at.duration_since(started)).max().unwrap_or_default();
    let same = replies.iter().filter(|(reply, _)| reply == first).count();
    let mut reply = read(first).ok_or_else(|| ToolError::new(format!("{what}: the reply is no DNS message")))?;
    (reply.took_ms, reply.same) = (took.as_secs_f64() * 1e3, u16::try_from(same).unwrap_or(u16::MAX));
    Ok(reply)
}

fn build(query: &Query) -> Result<Vec<u8>, ToolError> {
    let malformed = |_| ToolError::new(format!("{:?} is not a DNS name", query.name));
    let mut packet = Packet::new_query(u16::try_from(process::id() & 0xffff).unwrap_or_default());
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let name = Name::new(&query.name).map_err(malformed)?;
    let kind = QTYPE::TYPE(TYPE::from(query.kind));
    packet.questions.push(Question::new(name, kind, QCLASS::CLASS(CLASS::IN), false));
    let mut bytes = packet.build_bytes_vec().map_err(malformed)?;
    if let Some(size) = query.edns {
        if let Some(additional) = bytes.get_mut(11) {
            *additional = 1;
        }
        let [high, low] = size.to_be_bytes();
        bytes.extend_from_slice(&[0, 0, 41, high, low, 0, 0, 0, 0, 0, 0]);
    }
    Ok(bytes)
}

type Replies = Vec<(Vec<u8>, Instant)>;

fn by_udp(query: &Query, bytes: &[u8]) -> io::Result<Replies> {
    let any: IpAddr = if query.server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(SocketAddr::new(query.server, PORT))?;
    socket.set_read_timeout(Some(query.timeout))?;
    let mut buffer = vec![0; REPLY_MAX];
    let mut replies = Replies::new();
    for _ in 0..query.times {
        socket.send(bytes)?;
        let len = socket.recv(&mut buffer)?;
        replies.push((buffer.get(..len).unwrap_or_default().to_vec(), Instant::now()));
    }
    Ok(replies)
}

fn by_tcp(query: &Query, bytes: &[u8]) -> io::Result<Replies> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::new(query.server, PORT), query.timeout)?;
    stream.set_read_timeout(Some(query.timeout))?;
    let len = u16::try_from(bytes.len()).unwrap_or_default();
    let framed = [&len.to_be_bytes(), bytes].concat();
    stream.write_all(&framed.repeat(query.times.into()))?;
    let mut replies = Replies::new();
    for _ in 0..query.times {
        let mut len = [0; 2];
        stream.read_exact(&mut len)?;
        let mut reply = vec![0; u16::from_be_bytes(len).into()];
        stream.read_exact(&mut reply)?;
        replies.push((reply, Instant::now()));
    }
    Ok(replies)
}

fn read(bytes: &[u8]) -> Option<Reply> {
    let packet = Packet::parse(bytes).ok()?;
    let records = |records: &[ResourceRecord<'_>]| records.iter().map(record).collect();
    Some(Reply {
        schema: "ray.lab.dns-query/1",
        rcode: u16::from(*bytes.get(3)? & 0x0f),
        authoritative: packet.has_flags(PacketFlag::AUTHORITATIVE_ANSWER),
        truncated: packet.has_flags(PacketFlag::TRUNCATION),
        recursion: packet.has_flags(PacketFlag::RECURSION_AVAILABLE),
        edns: packet.opt().is_some(),
        answers: records(&packet.answers),
        authority: records(&packet.name_servers),
        bytes: bytes.len(),
        took_ms: 0.0,
        same: 0,
    })
}

fn record(record: &ResourceRecord<'_>) -> Record {
    let data = match &record.rdata {
        RData::A(v4) => Ipv4Addr::from(v4.address).to_string(),
        RData::AAAA(v6) => Ipv6Addr::from(v6.address).to_string(),
        RData::PTR(pointer) => pointer.0.to_string(),
        RData::SOA(soa) => format!("{} {} {}", soa.mname, soa.serial, soa.minimum),
        other => format!("{other:?}"),
    };
    Record { name: record.name.to_string(), kind: u16::from(record.rdata.type_code()), ttl: record.ttl, data }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_part_of_a_reply() {
        let mut bytes = vec![0, 7, 0x87, 0x83, 0, 1, 0, 1, 0, 0, 0, 1];
        bytes.extend_from_slice(b"\x03nas\x03ray\x00\x00\x01\x00\x01");
        bytes.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 100, 64, 0, 2]);
        bytes.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
        let reply = read(&bytes).unwrap();
        assert_eq!((reply.rcode, reply.bytes), (3, bytes.len()));
        assert!(reply.authoritative && reply.truncated && reply.recursion && reply.edns);
        let record = Record { name: "nas.ray".to_owned(), kind: 1, ttl: 60, data: "100.64.0.2".to_owned() };
        assert_eq!(reply.answers, [record]);
    }
}
