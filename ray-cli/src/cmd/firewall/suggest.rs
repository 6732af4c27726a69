//! `ray firewall suggest` and `withdraw`

use clap::Args;
use ray_ipc::control::{FirewallRequest, Reply, Request, SuggestionScope};

use super::{NetworkOption, RuleWords};
use crate::{
    cmd::Context,
    error::{Stop, unexpected},
    json, render,
};

const SUGGEST_EXAMPLES: &str = "\
The members decide, each for itself. A RULE has the words that
`ray firewall add --help` names. A member that is called all goes by its id.

Examples:
  ray firewall suggest all in allow tcp 22 from alice
  ray firewall suggest group:servers in allow tcp 443 --network home";
const WITHDRAW_EXAMPLES: &str = "\
The rule goes from every host that has accepted it.

Examples:
  ray firewall withdraw 4f2a9c01d2
  ray firewall withdraw 4f2a9c01d2 --network home";

/// What stands before the name of a group.
const GROUP: &str = "group:";

/// As a coordinator: propose a rule to members
#[derive(Debug, Args)]
#[command(after_help = SUGGEST_EXAMPLES)]
pub(super) struct Suggest {
    /// To whom: all, group:NAME, or a member
    #[arg(value_parser = parse_scope)]
    scope: SuggestionScope,
    #[command(flatten)]
    rule: RuleWords,
    #[command(flatten)]
    network: NetworkOption,
}

/// As a coordinator: take a suggestion back
#[derive(Debug, Args)]
#[command(after_help = WITHDRAW_EXAMPLES)]
pub(super) struct Withdraw {
    /// As `ray firewall suggest` has told it, or an unambiguous start
    id: String,
    #[command(flatten)]
    network: NetworkOption,
}

impl Suggest {
    pub(super) fn run(self, context: &Context) -> Result<(), Stop> {
        let output = &context.output;
        let rule = self.rule.text();
        let request = FirewallRequest::Suggest { network: self.network.network, scope: self.scope, rule };
        let suggested = match context.ask(&Request::Firewall(request))? {
            Reply::Suggested(suggested) => suggested,
            other => return Err(unexpected("suggest a rule", other).into()),
        };
        if output.json {
            return output.object(&json::firewall::suggestion("ray.firewall.suggest/1", &suggested));
        }
        output.confirm(&render::suggestion::suggested(&suggested))
    }
}

impl Withdraw {
    pub(super) fn run(self, context: &Context) -> Result<(), Stop> {
        let output = &context.output;
        let request = FirewallRequest::Withdraw { network: self.network.network, id: self.id };
        let withdrawn = match context.ask(&Request::Firewall(request))? {
            Reply::Withdrawn(withdrawn) => withdrawn,
            other => return Err(unexpected("take a suggestion back", other).into()),
        };
        if output.json {
            return output.object(&json::firewall::suggestion("ray.firewall.withdraw/1", &withdrawn));
        }
        output.confirm(&render::suggestion::withdrawn(&withdrawn))
    }
}

fn parse_scope(text: &str) -> Result<SuggestionScope, String> {
    match (text, text.strip_prefix(GROUP)) {
        ("", _) | (_, Some("")) => Err("all, group:NAME, or a member".to_owned()),
        ("all", _) => Ok(SuggestionScope::All),
        (_, Some(group)) => Ok(SuggestionScope::Group(group.to_owned())),
        (member, None) => Ok(SuggestionScope::Member(member.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_all_or_a_group_or_a_member() {
        assert_eq!(parse_scope("all"), Ok(SuggestionScope::All));
        assert_eq!(parse_scope("group:all"), Ok(SuggestionScope::Group("all".into())));
        assert_eq!(parse_scope("bob"), Ok(SuggestionScope::Member("bob".into())));
        assert!(parse_scope("").is_err() && parse_scope("group:").is_err());
    }
}
