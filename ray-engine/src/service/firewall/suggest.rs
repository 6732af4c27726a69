//! `firewall suggest` and `withdraw`: what this node proposes as a coordinator.

use ray_ipc::control::{SuggestionScope, SuggestionStatus};

use super::{
    super::{Core, Network, Result, failure},
    decide::{ambiguous, is_called},
    names::network_word,
    suggestion::{Heard, Verdict, covers, read},
};
use crate::{
    firewall::{Origin, Rule},
    ident::{PeerId, RoomId},
    ledger::{Action, EntryId, GroupName, RuleText, Scope, Suggestion},
};

impl Core {
    pub(super) fn suggest(
        &mut self,
        network: Option<&str>,
        scope: &SuggestionScope,
        text: &str,
    ) -> Result<SuggestionStatus> {
        let network = self.governed(network, "suggest firewall rules")?;
        let room = network.room();
        let scope = network.scope(scope)?;
        let rule = self.read_rule(&about(text, room))?;
        if rule.network != Some(room) {
            return Err(failure::usage(
                format!("a suggestion in {} is about that network", network.name()),
                "leave `on NETWORK` out of the rule",
            ));
        }
        if !rule.counts_at(super::now()) {
            return Err(failure::usage("the rule is over before it begins", "name a later time"));
        }
        let text = RuleText::new(&rule.to_string())
            .ok_or_else(|| failure::usage("the rule is too long to be suggested", "name fewer ports, or ranges"))?;
        let same =
            network.ledger.roster().suggestions().find(|other| other.scope == scope && is_same(room, other, &rule));
        if let Some(same) = same {
            return Err(failure::refused(
                format!("{} suggests this already: {}", network.name_of(&same.author), same.id.short()),
                format!("take it back first: ray firewall withdraw {}", same.id.short()),
            ));
        }
        let entry = self.act(room, Action::Suggest { scope, rule: text })?;
        let gone = || failure::refused("the suggestion did not come to stand", "see what happened: ray log");
        let network = self.network(room).ok_or_else(gone)?;
        let suggestion = network.ledger.roster().suggestions().find(|suggestion| suggestion.id == entry.id());
        Ok(self.own_suggestion(network, suggestion.ok_or_else(gone)?))
    }

    pub(super) fn withdraw(&mut self, network: Option<&str>, id: &str) -> Result<SuggestionStatus> {
        let network = self.governed(network, "take suggestions back")?;
        let standing = network.ledger.roster().suggestions();
        let found: Vec<&Suggestion> = standing.filter(|suggestion| is_called(suggestion.id, id)).collect();
        let (room, suggestion) = match found.as_slice() {
            [one] => (network.room(), one.id),
            [] => {
                return Err(failure::not_found(
                    format!("no suggestion of {} begins with {id:?}", network.name()),
                    format!("see: ray log {}", network.name()),
                ));
            }
            several => return Err(ambiguous(id, several.len())),
        };
        let told = found.first().map(|suggestion| self.own_suggestion(network, suggestion));
        self.act(room, Action::Withdraw { suggestion })?;
        told.ok_or_else(|| failure::not_found("the suggestion is gone", ""))
    }

    /// A suggestion as its own network's coordinator sees it; whether it was accepted here where it concerns this host.
    fn own_suggestion(&self, network: &Network, suggestion: &Suggestion) -> SuggestionStatus {
        let concerns = covers(&suggestion.scope, &self.me, network.ledger.roster());
        let heard = self.heard_in(network).find(|heard| concerns && heard.suggestion.id == suggestion.id);
        let heard = heard.unwrap_or_else(|| Heard {
            network,
            suggestion,
            rule: read(network.room(), suggestion.id, &suggestion.rule),
            verdict: Verdict::None,
        });
        self.suggestion_status(&heard)
    }
}

impl Network {
    fn scope(&self, asked: &SuggestionScope) -> Result<Scope> {
        match asked {
            SuggestionScope::All => Ok(Scope::All),
            SuggestionScope::Member(member) => {
                let peer: PeerId = self.member(member)?.peer;
                Ok(Scope::Member(peer))
            }
            SuggestionScope::Group(group) => {
                self.check_group(group)?;
                let group: GroupName = group.parse().map_err(|error| failure::bad_name("group name", group, error))?;
                Ok(Scope::Group(group))
            }
        }
    }
}

/// The rule's text, about the network that it is suggested in where it does not name one.
fn about(text: &str, room: RoomId) -> String {
    let mut words: Vec<&str> = text.split_ascii_whitespace().collect();
    if network_word(&words).is_some() {
        return text.to_owned();
    }
    let room = room.to_string();
    let end = match words.as_slice() {
        [.., "until", _] => words.len() - 2,
        _ => words.len(),
    };
    words.splice(end..end, ["on", &room]);
    words.join(" ")
}

fn is_same(room: RoomId, standing: &Suggestion, rule: &Rule) -> bool {
    let origin = Origin::Suggestion(EntryId([0; 32]));
    let standing = read(room, EntryId([0; 32]), &standing.rule);
    standing.is_ok_and(|standing| standing == Rule { origin, ..rule.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suggestion_is_about_its_network_without_naming_it() {
        let room = RoomId([7; 32]);
        assert_eq!(about("in allow tcp 22", room), format!("in allow tcp 22 on {room}"));
        assert_eq!(about("in allow tcp 22 from on", room), format!("in allow tcp 22 from on on {room}"));
        let timed = "in deny any from group:guests until 2030-01-01T00:00:00Z";
        let whole = format!("in deny any from group:guests on {room} until 2030-01-01T00:00:00Z");
        assert_eq!(about(timed, room), whole);
        assert_eq!(about("in allow tcp 22 on work", room), "in allow tcp 22 on work");
    }
}
