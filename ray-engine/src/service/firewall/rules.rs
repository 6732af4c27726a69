//! `firewall add` and `remove`: the user's own rules, and the end of an accepted one.

use ray_ipc::control::Reply;

use super::{
    super::{Core, Result, failure},
    after,
};
use crate::{
    firewall::{
        Origin, PeerSelector, Rule,
        limits::RULES_MAX,
        rule::{self, Added},
    },
    store::FirewallRecord,
};

impl Core {
    pub(super) fn add_rule(&mut self, text: &str, expires_s: Option<u64>) -> Result<Reply> {
        let mut rule = self.read_rule(text)?;
        if rule.peer == PeerSelector::Device(self.me) {
            return Err(failure::usage("the rule is about this host itself", "name another member"));
        }
        if let Some(seconds) = expires_s {
            if rule.expires.is_some() {
                return Err(failure::usage("the rule says twice when it ends", "leave --expires or `until` out"));
            }
            rule.expires = Some(after(seconds));
        }
        if !rule.counts_at(super::now()) {
            return Err(failure::usage("the rule is over before it begins", "name a later time"));
        }
        if rule::parse_bytes(rule.to_string().as_bytes()).ok().as_ref() != Some(&rule) {
            return Err(failure::usage("the rule cannot be written down", "name a time before the year 10000"));
        }

        let mut record = self.firewall.record.clone();
        let change = match rule::add(&mut record.rules, rule.clone()) {
            None => {
                return Err(failure::refused(
                    format!("this host has {RULES_MAX} rules already"),
                    "remove some first: ray firewall remove NUMBER",
                ));
            }
            Some(Added::New(at)) => Some(format!("added rule {}: {}", at + 1, self.shown_rule(&rule))),
            Some(Added::Replaced(at)) => self.firewall.record.rules.get(at).filter(|old| **old != rule).map(|old| {
                format!("replaced rule {}: {} (was: {})", at + 1, self.shown_rule(&rule), self.shown_rule(old))
            }),
        };
        if change.is_some() {
            self.change_firewall(record)?;
        }
        Ok(self.firewall_reply(change))
    }

    /// By its number or its words. An accepted rule goes by declining it.
    pub(super) fn remove_rule(&mut self, named: &str) -> Result<Reply> {
        let rules = self.rules_in_force();
        let number = named.trim().parse::<usize>().ok();
        let at = match number {
            Some(number) => number.checked_sub(1).filter(|at| *at < rules.len()),
            None => {
                let wanted = self.read_rule(named)?;
                rules.iter().position(|rule| is_meant(rule, &wanted))
            }
        };
        let Some((at, rule)) = at.and_then(|at| Some((at, rules.get(at)?))) else {
            return Err(failure::not_found(
                number
                    .map_or_else(|| format!("no rule says: {named}"), |number| format!("no rule has number {number}")),
                "`ray firewall show` lists the rules with their numbers",
            ));
        };
        let mut change = format!("removed rule {}: {}", at + 1, self.shown_rule(rule));
        let record = match rule.origin {
            Origin::Local => without(&self.firewall.record, rule),
            Origin::Suggestion(id) => {
                change.push_str("; the suggestion counts as denied");
                self.record_with(&[id], false)
            }
        };
        self.change_firewall(record)?;
        Ok(self.firewall_reply(Some(change)))
    }
}

/// Whether the words of a rule, with or without its end, mean this one.
fn is_meant(rule: &Rule, wanted: &Rule) -> bool {
    let wanted = Rule { origin: rule.origin, ..wanted.clone() };
    let expires = wanted.expires.is_none() || wanted.expires == rule.expires;
    rule.same_selector(&wanted) && rule.action == wanted.action && expires
}

fn without(record: &FirewallRecord, rule: &Rule) -> FirewallRecord {
    let mut record = record.clone();
    record.rules.retain(|other| other != rule);
    record
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::EntryId;

    #[test]
    fn the_words_of_a_rule_mean_it_with_or_without_its_end() {
        let rule = |text: &str| rule::parse_bytes(text.as_bytes()).unwrap();
        let timed = rule("in allow tcp 22,80 until 2030-01-01T00:00:00Z");
        assert!(is_meant(&timed, &rule("in allow tcp 22,80")));
        assert!(is_meant(&timed, &rule("in allow tcp 80,22 until 2030-01-01T00:00:00Z")));
        assert!(!is_meant(&timed, &rule("in allow tcp 22,80 until 2031-01-01T00:00:00Z")));
        assert!(!is_meant(&timed, &rule("in deny tcp 22,80")));
        assert!(!is_meant(&timed, &rule("in allow tcp 22")));
        assert!(!is_meant(&rule("in allow tcp"), &rule("in allow tcp 22")));
        let accepted = Rule { origin: Origin::Suggestion(EntryId([1; 32])), ..rule("in allow tcp") };
        assert!(is_meant(&accepted, &rule("in allow tcp")));
    }
}
