//! The records of a test's public names, and the answer to each question about them.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
    time::Duration,
};

use simple_dns::{
    CLASS, Name, OPCODE, Packet, PacketFlag, QTYPE, Question, RCODE, ResourceRecord, SimpleDnsError, TYPE,
    rdata::{A, AAAA, CNAME, OPT, PTR, RData, SOA, TXT},
};

/// Long enough for a test to see that an answer is kept, short enough that it does not outlive the test.
const TTL_S: u32 = 5;
/// What a client without EDNS takes.
const UDP_LEN_MAX: usize = 512;
/// The size that an answer with EDNS names as its own.
const EDNS_LEN_MAX: u16 = 1232;
/// Links of a chain of aliases that are followed.
const CHAIN_MAX: usize = 8;

/// One entry: `NAME TYPE VALUE`, such as `www.example.test A 192.0.2.80`. Of type DELAY, the value is the milliseconds
/// that each answer about the name is held back; of type SILENT, there is none, and nothing is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    name: String,
    value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    V4(Ipv4Addr),
    V6(Ipv6Addr),
    Pointer(String),
    Alias(String),
    Text(String),
    Delay(Duration),
    Silent,
}

impl FromStr for Entry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.splitn(3, ' ');
        let (name, kind) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let value = words.next().unwrap_or_default();
        let wrong = || format!("{text:?} is no NAME TYPE VALUE");
        let value = match kind {
            "A" => Value::V4(value.parse().map_err(|_| wrong())?),
            "AAAA" => Value::V6(value.parse().map_err(|_| wrong())?),
            "PTR" => Value::Pointer(value.to_owned()),
            "CNAME" => Value::Alias(value.to_owned()),
            "TXT" => Value::Text(value.to_owned()),
            "DELAY" => Value::Delay(Duration::from_millis(value.parse().map_err(|_| wrong())?)),
            "SILENT" => Value::Silent,
            _ => return Err(wrong()),
        };
        Ok(Self { name: folded(name), value })
    }
}

/// All entries by name.
#[derive(Debug, Default)]
pub struct Zone {
    names: BTreeMap<String, Vec<Value>>,
}

/// What is to be sent, and when.
#[derive(Debug)]
pub struct Reply {
    pub bytes: Vec<u8>,
    pub delay: Duration,
    /// The question: name and type.
    pub asked: String,
}

impl Zone {
    pub fn new(entries: Vec<Entry>) -> Self {
        let mut zone = Self::default();
        for entry in entries {
            zone.names.entry(entry.name).or_default().push(entry.value);
        }
        zone
    }

    /// The answer to a question, over a stream or as a datagram; nothing to what is none. The question comes with it.
    pub fn answer(&self, query: &[u8], stream: bool) -> Option<Reply> {
        let query = Packet::parse(query).ok()?;
        let question = query.questions.first()?.clone().into_owned();
        if query.has_flags(PacketFlag::RESPONSE) || query.opcode() != OPCODE::StandardQuery {
            return None;
        }
        let name = folded(&question.qname.to_string());
        let asked = format!("{name} {}", type_name(question.qtype));
        let values = self.names.get(&name).map(Vec::as_slice).unwrap_or_default();
        if values.contains(&Value::Silent) {
            return Some(Reply { bytes: Vec::new(), delay: Duration::ZERO, asked });
        }
        let delay = values.iter().find_map(|value| match value {
            Value::Delay(delay) => Some(*delay),
            _ => None,
        });
        let bytes = self.build(&query, &question, &name, stream).ok()?;
        Some(Reply { bytes, delay: delay.unwrap_or_default(), asked })
    }

    fn build(
        &self,
        query: &Packet<'_>,
        question: &Question<'_>,
        name: &str,
        stream: bool,
    ) -> Result<Vec<u8>, SimpleDnsError> {
        let mut reply = Packet::new_reply(query.id());
        reply.set_flags(PacketFlag::AUTHORITATIVE_ANSWER | PacketFlag::RECURSION_AVAILABLE);
        if query.has_flags(PacketFlag::RECURSION_DESIRED) {
            reply.set_flags(PacketFlag::RECURSION_DESIRED);
        }
        reply.questions.push(question.clone());
        // A question without EDNS is answered without.
        let mut len_max = UDP_LEN_MAX;
        if let Some(opt) = query.opt() {
            len_max = usize::from(opt.udp_packet_size).max(UDP_LEN_MAX);
            *reply.opt_mut() = Some(OPT { opt_codes: vec![], udp_packet_size: EDNS_LEN_MAX, version: 0 });
        }
        let (records, known) = self.records(name, question.qtype);
        if !known {
            *reply.rcode_mut() = RCODE::NameError;
        }
        if records.is_empty() {
            reply.name_servers.push(start_of_authority()?);
        }
        reply.answers = records;
        let bytes = reply.build_bytes_vec()?;
        if stream || bytes.len() <= len_max {
            return Ok(bytes);
        }
        reply.answers.clear();
        reply.set_flags(PacketFlag::TRUNCATION);
        reply.build_bytes_vec()
    }

    /// The records of a name, with those of what it is an alias of; and whether the last name exists.
    fn records(&self, name: &str, kind: QTYPE) -> (Vec<ResourceRecord<'static>>, bool) {
        let mut records = Vec::new();
        let mut name = name.to_owned();
        for _ in 0..CHAIN_MAX {
            let Some(values) = self.names.get(&name) else { return (records, is_parent(&self.names, &name)) };
            records.extend(values.iter().filter_map(|value| record(&name, value)).filter(|rr| rr.match_qtype(kind)));
            let alias = values.iter().find_map(|value| match value {
                Value::Alias(target) => Some(target.clone()),
                _ => None,
            });
            match alias {
                Some(target) if kind != QTYPE::TYPE(TYPE::CNAME) => {
                    records.extend(values.iter().filter_map(|value| record(&name, value)));
                    name = target;
                }
                _ => break,
            }
        }
        (records, true)
    }
}

/// A name exists when one below it does.
fn is_parent(names: &BTreeMap<String, Vec<Value>>, name: &str) -> bool {
    let suffix = format!(".{name}");
    names.keys().any(|known| known.ends_with(&suffix))
}

fn record(name: &str, value: &Value) -> Option<ResourceRecord<'static>> {
    let of = |text: &str| Name::new(text).ok().map(Name::into_owned);
    let data = match value {
        Value::V4(address) => RData::A(A::from(*address)),
        Value::V6(address) => RData::AAAA(AAAA::from(*address)),
        Value::Pointer(target) => RData::PTR(PTR(of(target)?)),
        Value::Alias(target) => RData::CNAME(CNAME(of(target)?)),
        Value::Text(text) => {
            let mut txt = TXT::new();
            for part in text.as_bytes().chunks(255) {
                txt.add_string(std::str::from_utf8(part).ok()?).ok()?;
            }
            RData::TXT(txt.into_owned())
        }
        Value::Delay(_) | Value::Silent => return None,
    };
    Some(ResourceRecord::new(of(name)?, CLASS::IN, TTL_S, data))
}

fn start_of_authority() -> Result<ResourceRecord<'static>, SimpleDnsError> {
    let name = |text: &'static str| Name::new(text);
    let soa = SOA {
        mname: name("ns.test")?,
        rname: name("admin.test")?,
        serial: 1,
        refresh: 3600,
        retry: 600,
        expire: 86400,
        minimum: TTL_S,
    };
    Ok(ResourceRecord::new(name("")?, CLASS::IN, TTL_S, RData::SOA(soa)))
}

fn type_name(kind: QTYPE) -> String {
    match kind {
        QTYPE::TYPE(kind) => format!("{kind:?}").to_ascii_uppercase(),
        other => format!("{other:?}"),
    }
}

fn folded(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use simple_dns::QCLASS;

    use super::*;

    #[test]
    fn answers_what_is_there_what_lacks_a_family_and_what_is_not() {
        let zone = zone(&["www.example.test A 192.0.2.80", "alias.test CNAME www.example.test"]);
        let found = ask(&zone, "WWW.example.test", TYPE::A, false);
        assert_eq!((found.rcode, found.answers, found.truncated), (RCODE::NoError, 1, false));
        assert_eq!(ask(&zone, "alias.test", TYPE::A, false).answers, 2);
        let nodata = ask(&zone, "www.example.test", TYPE::AAAA, false);
        assert_eq!((nodata.rcode, nodata.answers), (RCODE::NoError, 0));
        assert_eq!(ask(&zone, "example.test", TYPE::A, false).rcode, RCODE::NoError);
        assert_eq!(ask(&zone, "other.test", TYPE::A, false).rcode, RCODE::NameError);
    }

    #[test]
    fn cuts_what_is_too_long_for_a_datagram_and_sends_it_whole_over_a_stream() {
        let entries: Vec<String> = (0..60).map(|number| format!("many.test A 192.0.2.{number}")).collect();
        let zone = zone(&entries.iter().map(String::as_str).collect::<Vec<_>>());
        let datagram = ask(&zone, "many.test", TYPE::A, false);
        assert_eq!((datagram.answers, datagram.truncated), (0, true));
        assert_eq!(ask(&zone, "many.test", TYPE::A, true).answers, 60);
    }

    #[test]
    fn refuses_an_entry_that_is_none() {
        for text in ["", "www.test", "www.test A", "www.test A ::1", "www.test MX mail.test", "x DELAY soon"] {
            assert!(text.parse::<Entry>().is_err(), "{text:?}");
        }
    }

    struct Seen {
        rcode: RCODE,
        answers: usize,
        truncated: bool,
    }

    fn zone(entries: &[&str]) -> Zone {
        Zone::new(entries.iter().map(|entry| entry.parse().unwrap()).collect())
    }

    fn ask(zone: &Zone, name: &str, kind: TYPE, stream: bool) -> Seen {
        let mut query = Packet::new_query(7);
        query.questions.push(Question::new(
            Name::new(name).unwrap(),
            QTYPE::TYPE(kind),
            QCLASS::CLASS(CLASS::IN),
            false,
        ));
        let bytes = zone.answer(&query.build_bytes_vec().unwrap(), stream).unwrap().bytes;
        let reply = Packet::parse(&bytes).unwrap();
        assert_eq!((reply.id(), reply.questions.len()), (7, 1));
        Seen { rcode: reply.rcode(), answers: reply.answers.len(), truncated: reply.has_flags(PacketFlag::TRUNCATION) }
    }
}
