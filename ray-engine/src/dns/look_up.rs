//! What a name means here, said for people: the same judgement as a query's, with what stands behind it.

use std::net::IpAddr;

use simple_dns::{ResourceRecord, rdata::RData};

use super::{
    answer::{Finding, judge},
    message::Query,
    zone::{TOP, Zone},
};

const QTYPE_PTR: u16 = 12;

/// What a name means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookUp {
    pub outcome: Outcome,
    pub records: Vec<Record>,
    /// The full name that a short one stands for.
    pub name: Option<String>,
    /// Full names that it could stand for as well: the name is ambiguous.
    pub others: Vec<String>,
    /// The short name is an alias of this host's own.
    pub alias: bool,
}

/// One record, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub kind: u16,
    pub data: String,
    pub ttl_s: u32,
}

/// How a question ends here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Found,
    /// The name exists, and has nothing of that type.
    NoData,
    /// The name would be ours, and does not exist.
    Missing,
    /// The name is not ours: another resolver is asked, or nobody.
    Foreign,
    /// Not a name that DNS could carry.
    NotAName,
}

/// Looks a name up as a query for it would be. An address stands for its reverse name.
pub fn look_up(zone: &Zone, name: &str, qtype: u16) -> LookUp {
    let written = match name.parse::<IpAddr>() {
        Ok(address) if qtype == QTYPE_PTR => reverse_name(address),
        Ok(_) | Err(_) => name.trim_end_matches('.').to_ascii_lowercase(),
    };
    let mut found =
        LookUp { outcome: Outcome::NotAName, records: Vec::new(), name: None, others: Vec::new(), alias: false };
    let Some(query) = Query::of(&written, qtype) else { return found };
    found.outcome = match judge(zone, &query) {
        Finding::NotOurs => Outcome::Foreign,
        Finding::Missing { .. } => Outcome::Missing,
        Finding::Found { records, .. } if records.is_empty() => Outcome::NoData,
        Finding::Found { records, .. } => {
            found.records = records.iter().filter_map(|record| show(record)).collect();
            Outcome::Found
        }
    };
    if let Some(meaning) = zone.meaning(&written) {
        found.name = Some(meaning.full.clone());
        found.others.clone_from(&meaning.others);
        found.alias = meaning.alias;
    } else if written.ends_with(TOP) && matches!(found.outcome, Outcome::Found | Outcome::NoData) {
        found.name = Some(written);
    }
    found
}

fn show(record: &ResourceRecord<'_>) -> Option<Record> {
    let (kind, data) = match &record.rdata {
        RData::A(v4) => (1, IpAddr::from(v4.address.to_be_bytes()).to_string()),
        RData::AAAA(v6) => (28, IpAddr::from(v6.address.to_be_bytes()).to_string()),
        RData::PTR(pointer) => (QTYPE_PTR, pointer.0.to_string()),
        RData::SOA(soa) => {
            let times = [soa.refresh, soa.retry, soa.expire].map(|time| time.to_string()).join(" ");
            (6, format!("{} {} {} {times} {}", soa.mname, soa.rname, soa.serial, soa.minimum))
        }
        // No other is in a zone of ours.
        _ => return None,
    };
    Some(Record { kind, data, ttl_s: record.ttl })
}

fn reverse_name(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(v6) => {
            let halves = v6.octets().into_iter().rev().flat_map(|byte| [byte & 0x0f, byte >> 4]);
            halves.map(|half| format!("{half:x}.")).collect::<String>() + "ip6.arpa"
        }
    }
}

#[cfg(test)]
mod tests;
