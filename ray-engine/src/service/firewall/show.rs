//! The answer that shows the firewall, with the names of the moment.

use ray_ipc::control::{FirewallReply, Reply, RuleStatus, SuggestionOrigin};

use super::super::{Core, Network};
use crate::{
    firewall::{Action, Origin, Rule},
    ledger::Suggestion,
};

impl Core {
    /// The firewall as it is, after a change or without one.
    pub(super) fn firewall_reply(&self, change: Option<String>) -> Reply {
        let posture = self.firewall.record.posture;
        let rules = self.rules_in_force();
        Reply::Firewall(Box::new(FirewallReply {
            on: posture.on,
            reject: posture.reject,
            inbound_allow: posture.inbound == Action::Allow,
            outbound_allow: posture.outbound == Action::Allow,
            rules: rules.iter().enumerate().map(|(at, rule)| self.rule_status(at, rule)).collect(),
            pending: u32::try_from(self.pending()).unwrap_or(u32::MAX),
            change,
        }))
    }

    /// A rule at its place in the list.
    pub(super) fn rule_status(&self, at: usize, rule: &Rule) -> RuleStatus {
        RuleStatus {
            number: u32::try_from(at + 1).unwrap_or(u32::MAX),
            stored: rule.to_string(),
            shown: self.shown_rule(rule),
            expires_at: rule.expires.map(|expires| expires.0),
            suggestion: match rule.origin {
                Origin::Local => None,
                Origin::Suggestion(id) => self.live_networks().find_map(|network| {
                    let suggestion = network.ledger.roster().suggestions().find(|suggestion| suggestion.id == id)?;
                    Some(network.origin_of(suggestion))
                }),
            },
        }
    }
}

impl Network {
    pub(super) fn origin_of(&self, suggestion: &Suggestion) -> SuggestionOrigin {
        let author = self.ledger.roster().get(&suggestion.author);
        SuggestionOrigin {
            id: suggestion.id.to_string(),
            network: self.name().to_string(),
            author: author.map_or_else(|| suggestion.author.to_string(), |member| member.hostname.to_string()),
        }
    }
}
