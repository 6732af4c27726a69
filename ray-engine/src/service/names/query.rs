//! `dns query`: how the mesh's resolver would answer, and what stands behind that.

use std::net::IpAddr;

use ray_ipc::control::{DnsQueryReply, DnsRecord, DnsVerdict, RecordKind};

use super::{Core, Result};
use crate::{
    dns::{self, LookUp, Outcome},
    service::failure,
};

const TOP: &str = "ray";
const A: u16 = 1;
const SOA: u16 = 6;
const PTR: u16 = 12;
const AAAA: u16 = 28;

impl Core {
    pub(super) fn query(&self, name: &str, kind: RecordKind) -> Result<DnsQueryReply> {
        let name = in_full(name);
        let is_address = name.parse::<IpAddr>().is_ok();
        let snapshot = self.live.snapshot();
        let mut found: Vec<LookUp> =
            numbers(kind, is_address).iter().map(|number| dns::look_up(&snapshot.zone, &name, *number)).collect();
        if found.iter().any(|found| found.outcome == Outcome::NotAName) {
            let hint = "a name has labels of at most 63 characters, as in nas.home.ray";
            return Err(failure::usage(format!("asking for {name:?}: not a name"), hint));
        }
        let forwarding = self.names.resolver.status();
        let verdict = verdict(found.iter().map(|found| found.outcome), forwarding.forwarding);
        let records = found.iter().flat_map(|found| &found.records).filter_map(|record| {
            let kind = match record.kind {
                A => RecordKind::A,
                SOA => RecordKind::Soa,
                PTR => RecordKind::Ptr,
                AAAA => RecordKind::Aaaa,
                _ => return None,
            };
            Some(DnsRecord { kind, data: record.data.clone() })
        });
        let records = records.collect();
        let upstreams = if verdict == DnsVerdict::Forwarded {
            forwarding.upstreams.into_iter().map(|upstream| upstream.address).collect()
        } else {
            Vec::new()
        };
        let (mut target, mut others, mut alias) = (None, Vec::new(), false);
        if let Some(first) = found.drain(..).find(|found| found.name.is_some()) {
            (target, others, alias) = (first.name, first.others, first.alias);
        }
        let network = target.as_deref().and_then(network_of).map(str::to_owned);
        Ok(DnsQueryReply { name, kind, verdict, target, network, alias, records, others, upstreams })
    }
}

/// A bare word means one below the mesh's top: what a program asks for with it depends on the program.
fn in_full(name: &str) -> String {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    if name.is_empty() || name.contains(['.', ':']) || name == TOP { name } else { format!("{name}.{TOP}") }
}

/// The types of records that are asked for.
fn numbers(kind: RecordKind, is_address: bool) -> &'static [u16] {
    match kind {
        RecordKind::Any if is_address => &[PTR],
        RecordKind::Any => &[A, AAAA],
        RecordKind::A => &[A],
        RecordKind::Aaaa => &[AAAA],
        RecordKind::Ptr => &[PTR],
        RecordKind::Soa => &[SOA],
    }
}

fn verdict(outcomes: impl Iterator<Item = Outcome>, forwarding: bool) -> DnsVerdict {
    let mut verdict = DnsVerdict::Missing;
    for outcome in outcomes {
        match outcome {
            Outcome::Found => return DnsVerdict::Found,
            Outcome::NoData => verdict = DnsVerdict::NoData,
            Outcome::Foreign if forwarding => return DnsVerdict::Forwarded,
            Outcome::Foreign => return DnsVerdict::Refused,
            Outcome::Missing | Outcome::NotAName => {}
        }
    }
    verdict
}

/// The network of a host's full name.
fn network_of(full: &str) -> Option<&str> {
    let mut labels = full.rsplit('.');
    let (top, network, host) = (labels.next()?, labels.next()?, labels.next());
    host.and(Some(network)).filter(|_| top == TOP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_word_means_a_mesh_name_and_nothing_else_is_changed() {
        for (written, meant) in [
            ("nas", "nas.ray"),
            ("NAS.home", "nas.home"),
            ("nas.home.ray.", "nas.home.ray"),
            ("ray", "ray"),
            ("200::1", "200::1"),
            ("100.64.0.1", "100.64.0.1"),
            ("", ""),
        ] {
            assert_eq!(in_full(written), meant);
        }
    }

    #[test]
    fn one_family_that_is_there_is_enough() {
        let of = |outcomes: &[Outcome], forwarding| verdict(outcomes.iter().copied(), forwarding);
        assert_eq!(of(&[Outcome::NoData, Outcome::Found], false), DnsVerdict::Found);
        assert_eq!(of(&[Outcome::NoData, Outcome::NoData], true), DnsVerdict::NoData);
        assert_eq!(of(&[Outcome::Missing], true), DnsVerdict::Missing);
        assert_eq!(of(&[Outcome::Foreign], true), DnsVerdict::Forwarded);
        assert_eq!(of(&[Outcome::Foreign], false), DnsVerdict::Refused);
    }

    #[test]
    fn a_full_name_has_its_network_before_the_top() {
        assert_eq!(network_of("nas.home.ray"), Some("home"));
        assert_eq!(network_of("home.ray"), None);
        assert_eq!(network_of("nas.home.example"), None);
    }
}
