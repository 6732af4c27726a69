//! Finds the network and the member that a user means.

use std::net::IpAddr;

use ray_ipc::control::{ErrorReply, MemberReply};

use super::{Core, Network, Result, Standing, failure, log::last_name};
use crate::{
    ident::{Hostname, NetworkName, PeerId},
    ledger::Member,
};

/// Fewer digits of an id are a typing error more often than an id.
pub(super) const ID_DIGITS_MIN: usize = 6;
/// Candidates that an error names.
const NAMED_MAX: usize = 8;
const DOMAIN: &str = ".ray";

impl Core {
    /// By address, name (`host`, `host.network`, each also with `.ray`), or endpoint id (or the start of one), in the
    /// networks that this node is a member of.
    pub(super) fn member(&self, target: &str) -> Result<(&NetworkName, &Member)> {
        let all = || {
            let networks = self.networks.iter().filter(|network| network.has(&self.me));
            networks.flat_map(|network| network.ledger.roster().members().map(move |member| (network.name(), member)))
        };
        let found: Vec<_> = if let Ok(address) = target.parse::<IpAddr>() {
            all().filter(|(_, m)| m.v4.map(IpAddr::V4) == Some(address) || IpAddr::V6(m.v6) == address).collect()
        } else {
            let name = plain(target);
            let named: Vec<_> = match name.split_once('.') {
                Some((host, network)) => {
                    all().filter(|(n, m)| m.hostname.as_str() == host && n.as_str() == network).collect()
                }
                None => all().filter(|(_, m)| m.hostname.as_str() == name).collect(),
            };
            if named.is_empty() && name.len() >= ID_DIGITS_MIN {
                all().filter(|(_, m)| m.peer.to_string().starts_with(&name)).collect()
            } else {
                named
            }
        };
        one(target, &found)
    }
}

impl Core {
    /// The network that the user means, of which this node must be a member.
    pub(super) fn entered(&self, named: Option<&str>) -> Result<&Network> {
        let network = self.chosen(named)?;
        match network.standing(&self.me) {
            Standing::Member => Ok(network),
            Standing::Out(reason) => Err(failure::no_member(network.name(), &reason)),
            Standing::Ended(by) => Err(failure::ended(network.name(), &network.ended_by().unwrap_or(by))),
        }
    }

    /// The network that the user means, of which this node must be a coordinator; `deed` is what only those may do.
    pub(super) fn governed(&self, named: Option<&str>, deed: &str) -> Result<&Network> {
        let network = self.entered(named)?;
        if network.ledger.roster().is_coordinator(&self.me) {
            return Ok(network);
        }
        Err(failure::refused(
            format!("only a coordinator of {} may {deed}, and this node is none", network.name()),
            failure::ask_coordinator(network, "it"),
        ))
    }
}

impl Network {
    /// The member that the user means: by host name (also with the network's name), or endpoint id or the start of one.
    pub(super) fn member(&self, target: &str) -> Result<&Member> {
        let roster = self.ledger.roster();
        let candidates = roster.members().map(|member| (member.peer, &member.hostname));
        match pick(self.name(), target, candidates) {
            Pick::One(peer) => roster.get(&peer).ok_or_else(|| self.no_member(target)),
            Pick::Nobody => Err(self.no_member(target)),
            Pick::Several(names) => Err(ambiguous(self.name(), target, &names)),
        }
    }

    /// The host name of a member; the start of its id where it is none.
    pub(super) fn name_of(&self, peer: &PeerId) -> String {
        self.ledger.roster().get(peer).map_or_else(|| peer.short(), |member| member.hostname.to_string())
    }

    /// Who ended the network, by the name that it had while there were members.
    pub(super) fn ended_by(&self) -> Option<String> {
        self.ledger.dissolved().map(|end| last_name(&self.ledger, &end.author()))
    }

    /// What a verb answers about a member.
    pub(super) fn member_reply(&self, peer: &PeerId) -> MemberReply {
        MemberReply { network: self.name().to_string(), endpoint_id: peer.to_string(), hostname: self.name_of(peer) }
    }

    fn no_member(&self, target: &str) -> ErrorReply {
        failure::not_found(
            format!("no member {target:?} in {}", self.name()),
            "`ray status` lists the members with their names and ids",
        )
    }
}

/// What a user's word for somebody matches.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pick {
    Nobody,
    One(PeerId),
    /// Each with name and id.
    Several(Vec<String>),
}

/// Picks by name or by id, and by both: whoever takes the start of another's id for a name is not taken for it.
pub(super) fn pick<'a>(
    network: &NetworkName,
    target: &str,
    candidates: impl Iterator<Item = (PeerId, &'a Hostname)>,
) -> Pick {
    let name = plain(target);
    let host = match name.split_once('.') {
        Some((host, of)) if of == network.as_str() => host,
        Some(_) => return Pick::Nobody,
        None => &name,
    };
    let is_id = host.len() >= ID_DIGITS_MIN;
    let mut found: Vec<_> = candidates
        .filter(|(peer, hostname)| hostname.as_str() == host || (is_id && peer.to_string().starts_with(host)))
        .collect();
    found.sort_by_key(|(_, hostname)| *hostname);
    match found.as_slice() {
        [] => Pick::Nobody,
        [(peer, _)] => Pick::One(*peer),
        several => Pick::Several(several.iter().map(|(peer, hostname)| format!("{hostname} ({peer})")).collect()),
    }
}

/// The refusal to guess.
pub(super) fn ambiguous(network: &NetworkName, target: &str, names: &[String]) -> ErrorReply {
    let mut shown = names.get(..NAMED_MAX).unwrap_or(names).join(", ");
    if names.len() > NAMED_MAX {
        shown.push_str(", and others");
    }
    failure::not_found(format!("{target:?} is ambiguous in {network}: {shown}"), "name one by its whole endpoint id")
}

/// A name without what need not be written.
fn plain(target: &str) -> String {
    let name = target.strip_suffix('.').unwrap_or(target).to_ascii_lowercase();
    name.strip_suffix(DOMAIN).map(str::to_owned).unwrap_or(name)
}

/// The one member among the matches. One peer that several networks show is one member; several peers are ambiguous.
fn one<'a>(target: &str, found: &[(&'a NetworkName, &'a Member)]) -> Result<(&'a NetworkName, &'a Member)> {
    let mut peers: Vec<PeerId> = found.iter().map(|(_, member)| member.peer).collect();
    peers.sort();
    peers.dedup();
    match (found.first(), peers.len()) {
        (Some(first), 1) => Ok(*first),
        (None, _) => {
            Err(failure::not_found(format!("no member {target:?} in any network"), "`ray status` lists the members"))
        }
        (Some(_), _) => {
            let names: Vec<String> =
                found.iter().map(|(network, member)| format!("{}.{network}", member.hostname)).collect();
            Err(failure::not_found(format!("{target:?} is ambiguous: {}", names.join(", ")), "use one of these names"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_by_name_with_or_without_the_network() {
        for target in ["nas", "NAS", "nas.home", "nas.home.ray", "nas.home.ray."] {
            assert_eq!(found(target), Pick::One(NAS), "{target}");
        }
        for target in ["na", "nas.work", "nas.work.ray", "", ".home", "."] {
            assert_eq!(found(target), Pick::Nobody, "{target}");
        }
    }

    #[test]
    fn finds_by_the_start_of_an_id_that_is_long_enough_and_matches_one() {
        assert_eq!(found("aaaaaa"), Pick::One(BOB));
        assert_eq!(found(&NAS.to_string()), Pick::One(NAS));
        assert_eq!(found("aaaaa"), Pick::Nobody);
        let Pick::Several(names) = found("111111") else { panic!("{:?}", found("111111")) };
        assert_eq!(names, [format!("alice ({ALICE})"), format!("nas ({NAS})")]);
    }

    #[test]
    fn a_name_that_begins_another_members_id_is_not_taken_for_it() {
        let mallory: Hostname = "aaaaaaaa".parse().unwrap();
        let bob: Hostname = "bob".parse().unwrap();
        let all = [(BOB, &bob), (PeerId([0x66; 32]), &mallory)];
        assert!(matches!(pick(&home(), "aaaaaaaa", all.into_iter()), Pick::Several(_)));
        assert_eq!(pick(&home(), &BOB.to_string(), all.into_iter()), Pick::One(BOB));
    }

    #[test]
    fn an_ambiguous_word_is_refused_with_the_candidates() {
        let names: Vec<String> = (0..20).map(|n| format!("host-{n}")).collect();
        let error = ambiguous(&home(), "1111", &names);
        assert_eq!(error.code, ray_ipc::control::ErrorCode::NotFound);
        assert!(error.message.contains("host-7, and others"), "{}", error.message);
        assert!(!error.message.contains("host-8"), "{}", error.message);
    }

    const ALICE: PeerId = PeerId([0x11; 32]);
    const BOB: PeerId = PeerId([0xaa; 32]);
    const NAS: PeerId = {
        let mut id = [0x11; 32];
        id[31] = 0x22;
        PeerId(id)
    };

    fn found(target: &str) -> Pick {
        let names: Vec<Hostname> = ["nas", "bob", "alice"].iter().map(|name| name.parse().unwrap()).collect();
        pick(&home(), target, [NAS, BOB, ALICE].into_iter().zip(&names))
    }

    fn home() -> NetworkName {
        "home".parse().unwrap()
    }
}
