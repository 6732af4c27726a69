//! `alias`: names that this host gives to members for itself. They are kept here and told to nobody.

use std::{error::Error as _, net::IpAddr};

use ray_ipc::control::{AliasReply, AliasRequest, AliasStatus, AliasesReply, Reply};

use super::{Core, Result};
use crate::{
    dns::Alias,
    ident::Hostname,
    ledger::Member,
    service::{Network, failure},
    store::{AliasRecord, Store, StoreError},
};

/// Far above what anybody keeps in mind.
const ALIASES_MAX: usize = 256;
const DOMAIN: &str = ".ray";

/// The aliases of this host, by name.
#[derive(Debug)]
pub(in crate::service) struct Aliases {
    kept: Vec<AliasRecord>,
    /// What a user should know about what is kept, in words.
    pub(super) warnings: Vec<String>,
}

impl Aliases {
    /// Nothing that is kept can stop the engine: what cannot be used does not count, and is told.
    pub(in crate::service) fn load(store: &Store) -> Self {
        match store.aliases() {
            Ok(mut kept) => {
                kept.sort_by(|a, b| a.name.cmp(&b.name));
                kept.dedup_by(|a, b| a.name == b.name);
                Self { kept, warnings: Vec::new() }
            }
            Err(error) => {
                let told = damaged(&error);
                tracing::error!("{told}");
                Self { kept: Vec::new(), warnings: vec![told] }
            }
        }
    }
}

impl Core {
    pub(in crate::service) fn alias(&mut self, request: AliasRequest) -> Result<Reply> {
        match request {
            AliasRequest::List => Ok(Reply::Aliases(self.alias_list())),
            AliasRequest::Add { name, target } => self.add_alias(&name, &target).map(Reply::Alias),
            AliasRequest::Remove { name } => self.remove_alias(&name).map(Reply::Alias),
        }
    }

    /// What the resolver is to know: the aliases whose members are there, by the names that these have.
    pub(in crate::service) fn zone_aliases(&self) -> Vec<Alias> {
        let aliases = self.names.aliases.kept.iter().filter_map(|record| {
            let (network, member) = self.alias_member(record)?;
            Some(Alias { name: record.name.clone(), host: member.hostname.clone(), network: network.name().clone() })
        });
        aliases.collect()
    }

    fn alias_list(&self) -> AliasesReply {
        AliasesReply { aliases: self.names.aliases.kept.iter().map(|record| self.alias_status(record)).collect() }
    }

    fn add_alias(&mut self, name: &str, target: &str) -> Result<AliasReply> {
        let name = label(name)?;
        if self.live_networks().any(|network| network.name().as_str() == name.as_str()) {
            return Err(failure::refused(
                format!("{name} is the name of a network, whose hosts are found below it"),
                "choose another alias",
            ));
        }
        let (peer, network) = {
            let (network, member) = self.member(target)?;
            (member.peer, network.clone())
        };
        let room = self.live_networks().find(|known| *known.name() == network).map(Network::room);
        let Some(room) = room else {
            return Err(failure::not_found(format!("no network {network}"), "`ray status` lists the networks"));
        };
        let record = AliasRecord { name, peer, room };
        let kept = &self.names.aliases.kept;
        let at = kept.binary_search_by(|other| other.name.cmp(&record.name));
        let mut next = kept.clone();
        match at {
            Ok(at) if kept.get(at) == Some(&record) => return Ok(self.alias_reply(&record, false)),
            Ok(at) => {
                next.remove(at);
                next.insert(at, record.clone());
            }
            Err(_) if kept.len() >= ALIASES_MAX => {
                return Err(failure::refused(
                    format!("adding the alias {}: there are {ALIASES_MAX} already", record.name),
                    "remove one first: ray alias list",
                ));
            }
            Err(at) => next.insert(at, record.clone()),
        }
        self.keep_aliases(next)?;
        Ok(self.alias_reply(&record, true))
    }

    fn remove_alias(&mut self, name: &str) -> Result<AliasReply> {
        let name = label(name)?;
        let mut next = self.names.aliases.kept.clone();
        let Some(at) = next.iter().position(|record| record.name == name) else {
            return Err(failure::not_found(format!("there is no alias {name}"), "see: ray alias list"));
        };
        let record = next.remove(at);
        let reply = self.alias_reply(&record, true);
        self.keep_aliases(next)?;
        Ok(reply)
    }

    /// On disk first; then it counts.
    fn keep_aliases(&mut self, next: Vec<AliasRecord>) -> Result<()> {
        tokio::task::block_in_place(|| self.store.save_aliases(&next)).map_err(|error| failure::store(&error))?;
        self.names.aliases = Aliases { kept: next, warnings: Vec::new() };
        self.apply();
        Ok(())
    }

    fn alias_reply(&self, record: &AliasRecord, changed: bool) -> AliasReply {
        let hides = self.live_networks().find_map(|network| {
            let member = network.ledger.roster().members().find(|member| member.hostname == record.name)?;
            (member.peer != record.peer).then(|| full_name(network, member))
        });
        AliasReply { alias: self.alias_status(record), changed, hides }
    }

    fn alias_status(&self, record: &AliasRecord) -> AliasStatus {
        let found = self.alias_member(record);
        let target = found.map_or_else(|| record.peer.to_string(), |(network, member)| full_name(network, member));
        let addresses = found.map(|(_, member)| {
            let v4 = self.v4_of(member).map(IpAddr::V4);
            v4.into_iter().chain([IpAddr::V6(member.v6)]).collect()
        });
        AliasStatus {
            name: format!("{}{DOMAIN}", record.name),
            target,
            endpoint_id: record.peer.to_string(),
            addresses: addresses.unwrap_or_default(),
        }
    }

    fn alias_member(&self, record: &AliasRecord) -> Option<(&Network, &Member)> {
        let network = self.live_networks().find(|network| network.room() == record.room)?;
        Some((network, network.ledger.roster().get(&record.peer)?))
    }
}

fn full_name(network: &Network, member: &Member) -> String {
    format!("{}.{}{DOMAIN}", member.hostname, network.name())
}

/// An alias as the user has written it, with or without what it is answered below.
fn label(name: &str) -> Result<Hostname> {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let label = name.strip_suffix(DOMAIN).unwrap_or(&name);
    label.parse().map_err(|error| failure::bad_name("alias", label, error))
}

fn damaged(error: &StoreError) -> String {
    let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
    format!("{error}{cause}: no alias counts; add them again: ray alias add")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_one_label_that_no_program_gives_a_meaning_of_its_own() {
        for name in ["db", "DB", "db.ray", "db.ray."] {
            assert_eq!(label(name).unwrap().as_str(), "db");
        }
        for name in ["", "a.b", "db.home.ray", "localhost", "wpad", "-a", "a_b", "ray", "a\u{1b}b"] {
            assert!(label(name).is_err(), "{name:?}");
        }
    }
}
