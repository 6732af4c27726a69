//! Looks a name up as programs do that bring their own resolver, such as Go's: reads `/etc/resolv.conf` by itself, asks
//! each server in turn over UDP and TCP, and knows no other source.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket},
    process,
    time::Duration,
};

use serde::Serialize;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE, rdata::RData};

use super::super::{ToolError, failed};

const PATH: &str = "/etc/resolv.conf";
const PORT: u16 = 53;
/// What is read of an answer over UDP.
const ANSWER_LEN_MAX: usize = 1232;
const SERVERS_MAX: usize = 3;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub servers: Vec<IpAddr>,
    pub search: Vec<String>,
    pub ndots: usize,
    pub timeout: Duration,
    pub attempts: u32,
}

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct Found {
    pub addresses: BTreeSet<IpAddr>,
    /// Whether somebody said that there is no such name.
    pub missing: bool,
}

/// The addresses of `name`.
pub fn look_up(name: &str) -> Result<Found, ToolError> {
    let text = fs::read_to_string(PATH).map_err(failed(format!("reading {PATH}")))?;
    let settings = Settings::parse(&text);
    let mut found = Found { addresses: BTreeSet::new(), missing: false };
    let mut last = None;
    for name in settings.names(name) {
        for kind in [TYPE::A, TYPE::AAAA] {
            match exchange(&settings, &name, kind) {
                Ok((RCODE::NameError, _)) => found.missing = true,
                Ok((_, addresses)) => found.addresses.extend(addresses),
                Err(error) => last = Some(error),
            }
        }
        if !found.addresses.is_empty() {
            found.missing = false;
            return Ok(found);
        }
    }
    match last {
        Some(error) if !found.missing => Err(error),
        _ => Ok(found),
    }
}

impl Settings {
    /// What Go takes from the file.
    pub fn parse(text: &str) -> Self {
        let mut settings =
            Self { servers: vec![], search: vec![], ndots: 1, timeout: Duration::from_secs(5), attempts: 2 };
        for line in text.lines().filter(|line| !line.starts_with(['#', ';'])) {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") if settings.servers.len() < SERVERS_MAX => {
                    settings.servers.extend(words.next().and_then(|word| word.parse::<IpAddr>().ok()));
                }
                Some("search" | "domain") => settings.search = words.map(str::to_owned).collect(),
                Some("options") => words.for_each(|word| settings.set(word)),
                _ => {}
            }
        }
        if settings.servers.is_empty() {
            settings.servers.push(Ipv4Addr::LOCALHOST.into());
        }
        settings
    }

    fn set(&mut self, option: &str) {
        let Some((key, value)) = option.split_once(':') else { return };
        let Ok(value) = value.parse::<u32>() else { return };
        match key {
            "ndots" => self.ndots = usize::try_from(value.min(15)).unwrap_or(1),
            "timeout" => self.timeout = Duration::from_secs(value.max(1).into()),
            "attempts" => self.attempts = value.max(1),
            _ => {}
        }
    }

    /// The names that are asked for, in their order.
    fn names(&self, name: &str) -> Vec<String> {
        if let Some(rooted) = name.strip_suffix('.') {
            return vec![rooted.to_owned()];
        }
        let searched = self.search.iter().map(|domain| format!("{name}.{}", domain.trim_end_matches('.')));
        let own = std::iter::once(name.to_owned());
        match name.matches('.').count() >= self.ndots {
            true => own.chain(searched).collect(),
            false => searched.chain(own).collect(),
        }
    }
}

fn exchange(settings: &Settings, name: &str, kind: TYPE) -> Result<(RCODE, Vec<IpAddr>), ToolError> {
    let what = || format!("asking for {name}");
    let id = u16::try_from(process::id() & 0xffff).unwrap_or_default();
    let query = query(name, kind, id).ok_or_else(|| ToolError::new(format!("{name:?} is no name")))?;
    let mut last = ToolError::new(format!("{}: there is no server", what()));
    for _ in 0..settings.attempts {
        for server in &settings.servers {
            match ask(SocketAddr::new(*server, PORT), &query, settings.timeout) {
                Ok(bytes) => match read(&bytes, id) {
                    // What another server might know better.
                    Some((RCODE::ServerFailure | RCODE::Refused, _)) | None => {
                        last = ToolError::new(format!("{}: {server} knows nothing", what()));
                    }
                    Some(answer) => return Ok(answer),
                },
                Err(error) => last = failed(format!("{} at {server}", what()))(error),
            }
        }
    }
    Err(last)
}

fn query(name: &str, kind: TYPE, id: u16) -> Option<Vec<u8>> {
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    packet.questions.push(Question::new(Name::new(name).ok()?, QTYPE::TYPE(kind), QCLASS::CLASS(CLASS::IN), false));
    packet.build_bytes_vec().ok()
}

/// The answer, over TCP where it was cut.
fn ask(server: SocketAddr, query: &[u8], timeout: Duration) -> io::Result<Vec<u8>> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(timeout))?;
    socket.send(query)?;
    let mut answer = vec![0; ANSWER_LEN_MAX];
    let len = socket.recv(&mut answer)?;
    answer.truncate(len);
    let is_cut = Packet::parse(&answer).is_ok_and(|packet| packet.has_flags(PacketFlag::TRUNCATION));
    if !is_cut {
        return Ok(answer);
    }
    let mut stream = TcpStream::connect_timeout(&server, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    let len = u16::try_from(query.len()).map_err(io::Error::other)?;
    stream.write_all(&[len.to_be_bytes().as_slice(), query].concat())?;
    let mut len = [0; 2];
    stream.read_exact(&mut len)?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(len))];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

fn read(bytes: &[u8], id: u16) -> Option<(RCODE, Vec<IpAddr>)> {
    let packet = Packet::parse(bytes).ok().filter(|packet| packet.id() == id)?;
    let address = |data: &RData<'_>| match data {
        RData::A(record) => Some(Ipv4Addr::from(record.address).into()),
        RData::AAAA(record) => Some(Ipv6Addr::from(record.address).into()),
        _ => None,
    };
    Some((packet.rcode(), packet.answers.iter().filter_map(|rr| address(&rr.rdata)).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_file_as_a_program_without_the_c_library_does() {
        let text = "# nameserver 192.0.2.9\nnameserver 192.0.2.1\nnameserver 2001:db8::1\nnameserver 192.0.2.2\n\
                    nameserver 192.0.2.3\nsearch a.test b.test\noptions timeout:1 ndots:2 rotate\n";
        let settings = Settings::parse(text);
        assert_eq!(settings.servers.len(), SERVERS_MAX);
        assert_eq!((settings.timeout, settings.ndots, settings.attempts), (Duration::from_secs(1), 2, 2));
        assert_eq!(settings.names("host"), ["host.a.test", "host.b.test", "host"]);
        assert_eq!(settings.names("www.host.test")[0], "www.host.test");
        assert_eq!(settings.names("host."), ["host"]);
        assert_eq!(Settings::parse("").servers, [IpAddr::from(Ipv4Addr::LOCALHOST)]);
    }
}
