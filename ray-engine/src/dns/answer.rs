//! From a query to a reply: who is asked, what exists, what it says.

use simple_dns::{
    CLASS, Name, RCODE, ResourceRecord, TYPE,
    rdata::{PTR, RData, SOA},
};

use super::{
    foreign::Foreign,
    message::{Head, Query, Transport},
    reverse::{self, Reverse},
    zone::{Node, TOP, Zone},
};

/// Who asks is on this host, so that asking again costs next to nothing, and whoever keeps answers shows a change within a
/// second.
const TTL_S: u32 = 1;
/// Someone who waits for a host to join asks again and again.
const NEGATIVE_TTL_S: u32 = 1;

const CLASS_IN: u16 = 1;
const QTYPE_ANY: u16 = 255;
const QTYPE_AXFR: u16 = 252;
const QTYPE_IXFR: u16 = 251;

/// What to do about a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// This is the reply.
    Reply(Vec<u8>),
    /// It asks for a name that is not ours.
    Foreign(Foreign),
    /// Too short to hold an id, or a reply itself.
    Silence,
}

/// Answers `query` where that is ours to do.
pub fn respond(zone: &Zone, query: &[u8], transport: Transport) -> Response {
    let Some(head) = Head::read(query) else { return Response::Silence };
    let reply = |reply: Option<Vec<u8>>| reply.map_or(Response::Silence, Response::Reply);
    if !head.is_standard_query() {
        return reply(head.reject(RCODE::NotImplemented));
    }
    let Ok(query) = Query::read(&head, query, transport) else {
        return reply(head.reject(RCODE::FormatError));
    };
    let bare = |rcode| reply(query.reply(&head, rcode, false, Vec::new(), None));
    if query.is_of_unknown_version() {
        return bare(RCODE::NoError);
    }
    if query.qclass != CLASS_IN || query.qtype == QTYPE_AXFR || query.qtype == QTYPE_IXFR {
        return bare(RCODE::Refused);
    }
    match judge(zone, &query) {
        Finding::NotOurs => Response::Foreign(Foreign::new(&head, &query)),
        Finding::Missing { apex } => {
            reply(query.reply(&head, RCODE::NameError, true, Vec::new(), Some(soa(&query, apex))))
        }
        Finding::Found { apex, records } => {
            let authority = records.is_empty().then(|| soa(&query, apex));
            reply(query.reply(&head, RCODE::NoError, true, records, authority))
        }
    }
}

/// The reply to a `query` over UDP of a resolver that asks no other, or `None` where it is not worth one.
pub fn answer(zone: &Zone, query: &[u8]) -> Option<Vec<u8>> {
    match respond(zone, query, Transport::Udp) {
        Response::Reply(reply) => Some(reply),
        Response::Foreign(foreign) => Some(foreign.refusal()),
        Response::Silence => None,
    }
}

/// `apex` counts the labels of the zone that speaks.
pub(super) enum Finding<'a> {
    NotOurs,
    Missing { apex: usize },
    Found { apex: usize, records: Vec<ResourceRecord<'a>> },
}

pub(super) fn judge<'a>(zone: &'a Zone, query: &Query<'a>) -> Finding<'a> {
    let ours = query.labels.last().is_some_and(|label| label.eq_ignore_ascii_case(TOP.as_bytes()));
    let Some(labels) = readable(&query.labels) else {
        // A label that no host name can be.
        return if ours { Finding::Missing { apex: 1 } } else { Finding::NotOurs };
    };
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    if ours {
        return match zone.node(&labels.join(".")) {
            None => Finding::Missing { apex: 1 },
            Some(node) => Finding::Found { apex: 1, records: forward_records(query, node) },
        };
    }
    match reverse::read(&labels) {
        None => Finding::NotOurs,
        Some((Reverse::Impossible, apex)) => Finding::Missing { apex },
        Some((Reverse::Partial(prefix), apex)) => {
            // The zone's own name exists even where nobody has an address.
            if labels.len() == apex || zone.has_below(&prefix) {
                Finding::Found { apex, records: apex_records(query, apex) }
            } else {
                Finding::Missing { apex }
            }
        }
        Some((Reverse::Address(address), apex)) => match zone.owner(address) {
            None => Finding::Missing { apex },
            Some(owner) => Finding::Found { apex, records: pointer_records(query, owner) },
        },
    }
}

/// The labels in lower case, if each consists of the characters that host names and service names have. A dot inside
/// a label must not pass: it would be taken for two.
fn readable(labels: &[&[u8]]) -> Option<Vec<String>> {
    labels
        .iter()
        .map(|label| {
            let plain = label.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
            plain.then(|| String::from_utf8_lossy(label).to_ascii_lowercase())
        })
        .collect()
}

fn forward_records<'a>(query: &Query<'a>, node: &Node) -> Vec<ResourceRecord<'a>> {
    let mut records = apex_records(query, 1);
    if let Some(v4) = node.v4.filter(|_| asks_for(query, TYPE::A)) {
        records.push(ResourceRecord::new(query.name(), CLASS::IN, TTL_S, RData::A(v4.into())));
    }
    if let Some(v6) = node.v6.filter(|_| asks_for(query, TYPE::AAAA)) {
        records.push(ResourceRecord::new(query.name(), CLASS::IN, TTL_S, RData::AAAA(v6.into())));
    }
    records
}

fn pointer_records<'a>(query: &Query<'a>, owner: &'a str) -> Vec<ResourceRecord<'a>> {
    if !asks_for(query, TYPE::PTR) {
        return Vec::new();
    }
    vec![ResourceRecord::new(query.name(), CLASS::IN, TTL_S, RData::PTR(PTR(Name::new_unchecked(owner))))]
}

/// The SOA record, where the zone's own name is asked for it.
fn apex_records<'a>(query: &Query<'a>, apex: usize) -> Vec<ResourceRecord<'a>> {
    let asked = asks_for(query, TYPE::SOA) && query.labels.len() == apex;
    if asked { vec![soa(query, apex)] } else { Vec::new() }
}

fn asks_for(query: &Query<'_>, kind: TYPE) -> bool {
    query.qtype == u16::from(kind) || query.qtype == QTYPE_ANY
}

/// The record that makes a negative reply cacheable. Its owner is the zone's name as the client wrote it.
fn soa<'a>(query: &Query<'a>, apex: usize) -> ResourceRecord<'a> {
    let name = query.name();
    let skip = name.get_labels().len().saturating_sub(apex);
    let owner = Name::new_with_labels(name.get_labels().get(skip..).unwrap_or_default());
    let soa = SOA {
        mname: Name::new_unchecked("ns.ray"),
        rname: Name::new_unchecked("hostmaster.ray"),
        serial: 1,
        refresh: 3600,
        retry: 600,
        expire: 86_400,
        minimum: NEGATIVE_TTL_S,
    };
    ResourceRecord::new(owner, CLASS::IN, NEGATIVE_TTL_S, RData::SOA(soa))
}

#[cfg(test)]
mod tests;
