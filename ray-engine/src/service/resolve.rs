//! Finds the member that a user means.

use std::net::IpAddr;

use super::{Core, Result, failure};
use crate::{
    ident::{NetworkName, PeerId},
    ledger::Member,
};

/// Fewer digits of an id are a typing error more often than an id.
const ID_DIGITS_MIN: usize = 6;
const DOMAIN: &str = ".ray";

impl Core {
    /// By address, name (`host`, `host.network`, each also with `.ray`), or endpoint id (or the start of one).
    pub(super) fn member(&self, target: &str) -> Result<(&NetworkName, &Member)> {
        let all = || {
            self.networks
                .iter()
                .flat_map(|network| network.ledger.roster().members().map(move |member| (network.name(), member)))
        };
        let found: Vec<_> = if let Ok(address) = target.parse::<IpAddr>() {
            all().filter(|(_, m)| m.v4.map(IpAddr::V4) == Some(address) || IpAddr::V6(m.v6) == address).collect()
        } else {
            let name = target.strip_suffix('.').unwrap_or(target).to_ascii_lowercase();
            let name = name.strip_suffix(DOMAIN).unwrap_or(&name);
            let named: Vec<_> = match name.split_once('.') {
                Some((host, network)) => {
                    all().filter(|(n, m)| m.hostname.as_str() == host && n.as_str() == network).collect()
                }
                None => all().filter(|(_, m)| m.hostname.as_str() == name).collect(),
            };
            if named.is_empty() && name.len() >= ID_DIGITS_MIN {
                all().filter(|(_, m)| m.peer.to_string().starts_with(name)).collect()
            } else {
                named
            }
        };
        one(target, &found)
    }
}

/// The one member among the matches. One peer that several networks show is one member; several peers are ambiguous.
fn one<'a>(target: &str, found: &[(&'a NetworkName, &'a Member)]) -> Result<(&'a NetworkName, &'a Member)> {
    let mut peers: Vec<PeerId> = found.iter().map(|(_, member)| member.peer).collect();
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
