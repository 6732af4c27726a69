//! What coordinators suggest to this node, and what became of it.

use ray_ipc::control::{SuggestionScope, SuggestionState, SuggestionStatus, SuggestionsReply};

use super::super::{Core, Network, Result};
use crate::{
    firewall::{Origin, Rule, rule},
    ident::{PeerId, RoomId},
    ledger::{EntryId, Roster, RuleText, Scope, Suggestion},
};

/// A suggestion whose scope covers this node.
pub(super) struct Heard<'a> {
    pub(super) network: &'a Network,
    pub(super) suggestion: &'a Suggestion,
    /// The rule that it would be here, or why it is none.
    pub(super) rule: Result<Rule, String>,
    pub(super) verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    None,
    Accepted,
    Declined,
}

impl Core {
    /// Over all networks that this node takes part in.
    pub(super) fn heard(&self) -> impl Iterator<Item = Heard<'_>> {
        self.live_networks().flat_map(|network| self.heard_in(network))
    }

    pub(super) fn heard_in<'a>(&'a self, network: &'a Network) -> impl Iterator<Item = Heard<'a>> {
        let roster = network.ledger.roster();
        roster.suggestions().filter(|suggestion| covers(&suggestion.scope, &self.me, roster)).map(|suggestion| Heard {
            network,
            suggestion,
            rule: read(network.room(), suggestion.id, &suggestion.rule),
            verdict: self.verdict(network.room(), suggestion.id),
        })
    }

    /// What waits for a decision.
    pub(super) fn pending(&self) -> usize {
        self.heard().filter(Heard::is_pending).count()
    }

    /// The rules that were accepted, for as long as their suggestions stand and concern this node.
    pub(super) fn accepted_rules(&self) -> impl Iterator<Item = Rule> {
        self.heard().filter(|heard| heard.verdict == Verdict::Accepted).filter_map(|heard| heard.rule.ok())
    }

    /// `firewall pending`
    pub(super) fn suggestions(&self, network: Option<&str>) -> Result<SuggestionsReply> {
        let networks = self.asked_networks(network)?;
        let heard = networks.iter().flat_map(|network| self.heard_in(network));
        let suggestions = heard.map(|heard| self.suggestion_status(&heard)).collect();
        Ok(SuggestionsReply { suggestions, auto_accept: self.auto_accepted(&networks) })
    }

    /// The network that is named, or all.
    pub(super) fn asked_networks(&self, network: Option<&str>) -> Result<Vec<&Network>> {
        match network {
            Some(named) => self.entered(Some(named)).map(|network| vec![network]),
            None => Ok(self.live_networks().collect()),
        }
    }

    /// By network, whether suggestions are accepted by themselves.
    pub(super) fn auto_accepted(&self, networks: &[&Network]) -> Vec<(String, bool)> {
        let on = |network: &Network| self.firewall.record.auto_accept.contains(&network.room());
        networks.iter().map(|network| (network.name().to_string(), on(network))).collect()
    }

    pub(super) fn suggestion_status(&self, heard: &Heard<'_>) -> SuggestionStatus {
        let Heard { network, suggestion, rule, verdict } = heard;
        SuggestionStatus {
            origin: network.origin_of(suggestion),
            scope: match &suggestion.scope {
                Scope::All => SuggestionScope::All,
                Scope::Member(peer) => SuggestionScope::Member(network.name_of(peer)),
                Scope::Group(group) => SuggestionScope::Group(group.to_string()),
            },
            rule: rule.as_ref().map_or_else(|_| suggestion.rule.as_str().to_owned(), |rule| self.shown_rule(rule)),
            time: network.ledger.get(&suggestion.id).map_or(0, |entry| entry.time().0),
            state: match (verdict, rule) {
                (Verdict::Declined, _) => SuggestionState::Declined,
                (_, Err(reason)) => SuggestionState::Unreadable { reason: reason.clone() },
                (Verdict::None, Ok(_)) => SuggestionState::Pending,
                (Verdict::Accepted, Ok(_)) => SuggestionState::Accepted,
            },
        }
    }

    fn verdict(&self, room: RoomId, id: EntryId) -> Verdict {
        let decided = &self.firewall.record.decided;
        match decided.iter().find(|decided| (decided.room, decided.suggestion) == (room, id)) {
            None => Verdict::None,
            Some(decided) if decided.accepted => Verdict::Accepted,
            Some(_) => Verdict::Declined,
        }
    }
}

impl Heard<'_> {
    pub(super) fn is_pending(&self) -> bool {
        self.verdict == Verdict::None && self.rule.is_ok()
    }
}

pub(super) fn covers(scope: &Scope, me: &PeerId, roster: &Roster) -> bool {
    match scope {
        Scope::All => true,
        Scope::Member(peer) => peer == me,
        Scope::Group(group) => roster.groups().any(|(name, members)| name == group && members.contains(me)),
    }
}

/// The rule that a suggestion is: one about its own network, whatever it says or leaves out.
pub(super) fn read(room: RoomId, id: EntryId, text: &RuleText) -> Result<Rule, String> {
    let rule = rule::parse_bytes(text.as_str().as_bytes()).map_err(|error| error.to_string())?;
    match rule.network {
        Some(network) if network != room => Err("it is about another network than the one it was made in".to_owned()),
        Some(_) | None => Ok(Rule { network: Some(room), origin: Origin::Suggestion(id), ..rule }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: RoomId = RoomId([7; 32]);
    const ID: EntryId = EntryId([9; 32]);

    #[test]
    fn a_suggestion_is_about_its_own_network_alone() {
        let read = |text: &str| read(ROOM, ID, &RuleText::new(text).unwrap());
        let implied = read("in allow tcp 22").unwrap();
        assert_eq!((implied.network, implied.origin), (Some(ROOM), Origin::Suggestion(ID)));
        assert_eq!(read(&format!("in allow tcp 22 on {ROOM}")), Ok(implied));
        let other = read(&format!("in allow tcp 22 on {}", RoomId([8; 32]))).unwrap_err();
        assert!(other.contains("another network"), "{other}");
    }

    #[test]
    fn a_suggestion_that_cannot_be_read_says_why() {
        let read = |text: &str| read(ROOM, ID, &RuleText::new(text).unwrap()).unwrap_err();
        assert!(read("in allow sctp 22").contains("sctp"));
        assert!(read("in allow tcp 22 from bob").contains("bob"), "names are the author's business");
        assert!(read("in allow tcp 22 from group:admins").contains("network"));
    }
}
