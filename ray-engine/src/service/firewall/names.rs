//! Names in rules: keys when a rule is written, and the names of the moment when it is shown.

use std::{cell::RefCell, collections::BTreeSet};

use ray_ipc::control::ErrorReply;

use super::super::{
    Core, Network, Result, failure,
    resolve::{ID_DIGITS_MIN, Pick, ambiguous, pick},
};
use crate::{
    firewall::{
        PeerSelector, Rule,
        rule::{self, Name, NameError, RuleError},
    },
    ident::{PeerId, RoomId},
    ledger::UserKey,
};

/// Everybody, and everywhere, in rules: not the host or the network of that name.
const ANY: &str = "any";
/// Candidates that an error names.
const NAMED_MAX: usize = 8;

impl Core {
    /// Reads a rule in which names may stand. In a rule about one network, the names are that network's.
    pub(super) fn read_rule(&self, text: &str) -> Result<Rule> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let network = match network_word(&words) {
            None | Some(ANY) => None,
            // A network that this node is not in yet has no names here.
            Some(word) if word.parse::<RoomId>().is_ok() => self.entered(Some(word)).ok(),
            Some(word) => Some(self.entered(Some(word))?),
        };
        let refusal: RefCell<Option<ErrorReply>> = RefCell::default();
        let refuse = |error: ErrorReply| {
            *refusal.borrow_mut() = Some(error);
            NameError::Unknown
        };
        let parsed = rule::parse(text, |name| match name {
            Name::Device(name) => self.device(name, network).map(|peer| peer.0).map_err(refuse),
            Name::User(name) => self.user(name, network).map(|user| user.0).map_err(refuse),
            Name::Network(name) => self.entered(Some(name)).map(|network| network.room().0).map_err(refuse),
        });
        let rule = parsed.map_err(|error| refusal.take().unwrap_or_else(|| unreadable(&error)))?;
        if let (PeerSelector::Group(group), Some(network)) = (&rule.peer, network) {
            network.check_group(group.as_str())?;
        }
        Ok(rule)
    }

    /// The device that a user means: `host` or `host.network`, or endpoint id or the start of one; in one network or all.
    pub(super) fn device(&self, target: &str, network: Option<&Network>) -> Result<PeerId> {
        let mut found: Vec<(PeerId, String)> = Vec::new();
        for candidate in self.where_to_look(network) {
            let members = candidate.ledger.roster().members().map(|member| (member.peer, &member.hostname));
            match pick(candidate.name(), target, members) {
                Pick::Nobody => {}
                Pick::One(peer) => found.push((peer, format!("{}.{}", candidate.name_of(&peer), candidate.name()))),
                Pick::Several(names) => return Err(ambiguous(candidate.name(), target, &names)),
            }
        }
        let peers: BTreeSet<PeerId> = found.iter().map(|(peer, _)| *peer).collect();
        let named: Vec<String> = found.into_iter().take(NAMED_MAX).map(|(_, name)| name).collect();
        match peers.into_iter().collect::<Vec<_>>().as_slice() {
            [peer] => Ok(*peer),
            [] => {
                let place = network.map_or_else(|| "any network".to_owned(), |network| network.name().to_string());
                Err(failure::not_found(
                    format!("no member {target:?} in {place}"),
                    "`ray status` lists the members with their names and ids",
                ))
            }
            _ => Err(failure::not_found(
                format!("{target:?} is ambiguous: {}", named.join(", ")),
                "use one of these names, or an endpoint id",
            )),
        }
    }

    /// The user that is meant: the start of the key, or a device of the user's.
    fn user(&self, target: &str, network: Option<&Network>) -> Result<UserKey> {
        let mut keys: Vec<UserKey> = self
            .where_to_look(network)
            .flat_map(|network| network.ledger.roster().members())
            .filter_map(|member| member.user)
            .filter(|user| target.len() >= ID_DIGITS_MIN && user.to_string().starts_with(target))
            .collect();
        keys.sort();
        keys.dedup();
        match keys.as_slice() {
            [user] => Ok(*user),
            [] => {
                let owner = self.device(target, network).ok().and_then(|peer| self.user_of(&peer, network));
                owner.ok_or_else(|| {
                    failure::not_found(
                        format!("no user {target:?} among the members"),
                        "name a device that a user has certified, or the user's key",
                    )
                })
            }
            several => {
                let names: Vec<String> = several.iter().take(NAMED_MAX).map(ToString::to_string).collect();
                Err(failure::not_found(
                    format!("user {target:?} is ambiguous: {}", names.join(", ")),
                    "name one by the whole key",
                ))
            }
        }
    }

    fn user_of(&self, peer: &PeerId, network: Option<&Network>) -> Option<UserKey> {
        self.where_to_look(network).find_map(|network| network.ledger.roster().get(peer)?.user)
    }

    fn where_to_look<'a>(&'a self, network: Option<&'a Network>) -> impl Iterator<Item = &'a Network> {
        let all = self.live_networks().filter(move |_| network.is_none());
        network.into_iter().chain(all)
    }

    /// A rule with the names that its keys have at this moment; reading it gives the same rule.
    pub(super) fn shown_rule(&self, rule: &Rule) -> String {
        let network = rule.network.and_then(|room| self.network(room));
        let stored = rule.to_string();
        let (mut words, mut before) = (Vec::new(), "");
        for word in stored.split(' ') {
            let name = match before {
                "from" | "to" => match &rule.peer {
                    PeerSelector::Device(peer) => Some(self.name_for(peer, network)),
                    PeerSelector::User(user) => Some(format!("user:{}", self.user_word(user, network))),
                    PeerSelector::Group(_) | PeerSelector::Any => None,
                },
                "on" => network.map(|network| network.name().to_string()).filter(|name| name != ANY),
                _ => None,
            };
            words.push(name.unwrap_or_else(|| word.to_owned()));
            before = word;
        }
        words.join(" ")
    }

    /// The shortest name that leads to the device, or its id where none does.
    fn name_for(&self, peer: &PeerId, network: Option<&Network>) -> String {
        let means_it = |name: &String| name != ANY && self.device(name, network).is_ok_and(|found| found == *peer);
        let homes = || self.where_to_look(network).filter(|network| network.has(peer));
        let plain = homes().map(|network| network.name_of(peer));
        let whole = homes().map(|network| format!("{}.{}", network.name_of(peer), network.name()));
        plain.chain(whole).find(means_it).unwrap_or_else(|| peer.to_string())
    }

    fn user_word(&self, user: &UserKey, network: Option<&Network>) -> String {
        let whole = user.to_string();
        let short: String = whole.chars().take(10).collect();
        if self.user(&short, network).is_ok_and(|found| found == *user) { short } else { whole }
    }
}

impl Network {
    /// Refuses a group that is none, lest a rule for it be mistaken for one that counts.
    pub(super) fn check_group(&self, named: &str) -> Result<()> {
        let groups: Vec<&str> = self.ledger.roster().groups().map(|(group, _)| group.as_str()).collect();
        if groups.contains(&named) {
            return Ok(());
        }
        let known = match groups.as_slice() {
            [] => "it has none".to_owned(),
            some => format!("it has {}", some.get(..NAMED_MAX).unwrap_or(some).join(", ")),
        };
        Err(failure::not_found(
            format!("no group {named:?} in {}: {known}", self.name()),
            format!("a coordinator makes one: ray group add {named} HOST {}", self.name()),
        ))
    }
}

/// The word behind `on`, unless that is the name of a peer.
pub(super) fn network_word<'a>(words: &[&'a str]) -> Option<&'a str> {
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        match *word {
            "from" | "to" => {
                rest.next();
            }
            "on" => return rest.next().copied(),
            _ => {}
        }
    }
    None
}

fn unreadable(error: &RuleError) -> ErrorReply {
    let hint = match error {
        RuleError::GroupWithoutNetwork => "name it, as in: in deny any from group:guests on home".to_owned(),
        _ => "`ray firewall add --help` tells what a rule says".to_owned(),
    };
    failure::usage(format!("reading the rule: {error}"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_of_a_rule_is_not_taken_for_a_peer_called_on() {
        let word = |text: &'static str| network_word(&text.split(' ').collect::<Vec<_>>());
        assert_eq!(word("in allow tcp 22 from bob on home"), Some("home"));
        assert_eq!(word("in allow tcp 22 from on on home until later"), Some("home"));
        assert_eq!(word("out deny any to on"), None);
        assert_eq!(word("in allow icmp"), None);
        assert_eq!(word("in allow icmp on"), None);
    }
}
