//! `ray firewall show`, `add` and `remove`

use clap::Args;
use ray_ipc::control::FirewallRequest;

use super::{RuleWords, ask, change};
use crate::{
    cmd::{Context, duration::parse_seconds, now},
    error::Stop,
    json, render,
};

const SHOW_EXAMPLES: &str = "\
Rules count by the keys of their peers; the names are those of this moment.

Examples:
  ray firewall show --verbose
  ray firewall show --json";
const ADD_EXAMPLES: &str = "\
A RULE is: in|out allow|deny tcp|udp|icmp|any [PORTS] [from|to PEER]
[on NETWORK] [until TIME]. PORTS: 22 or 8000-8010 or 22,80. PEER: a member,
user:NAME, group:NAME (then with its network), any. TIME: 2026-12-31T23:59:59Z.
One with the same direction, protocol, ports, peer and network is replaced.

The rule for the narrowest peer decides (a device, then a user, then a group,
then anybody), among equals a deny; a suggested allow never overrides a deny of
your own; and where no rule matches, the default decides.

Examples:
  ray firewall add in allow tcp 22 from bob --expires 7d
  ray firewall add in deny any from group:guests on home";
const REMOVE_EXAMPLES: &str = "\
Numbers move up when a rule before them is removed. Flows that only this rule
allowed are cut.

Examples:
  ray firewall remove 2
  ray firewall remove in allow tcp 22 from bob";

/// Show rules, defaults, and what waits for a decision
#[derive(Debug, Args)]
#[command(after_help = SHOW_EXAMPLES)]
pub(super) struct Show {
    /// Also each rule with keys, as it is stored
    #[arg(short, long)]
    verbose: bool,
}

/// Add a rule to this host
#[derive(Debug, Args)]
#[command(after_help = ADD_EXAMPLES)]
pub(super) struct Add {
    #[command(flatten)]
    rule: RuleWords,
    /// Drop the rule after 30m, 12h, 7d
    #[arg(long, value_name = "TIME", value_parser = parse_seconds)]
    expires: Option<u64>,
}

/// Remove a rule from this host
#[derive(Debug, Args)]
#[command(after_help = REMOVE_EXAMPLES)]
pub(super) struct Remove {
    /// Its number in `ray firewall show`, or its words
    #[arg(required = true, value_name = "NUMBER|RULE")]
    rule: Vec<String>,
}

impl Show {
    pub(super) fn run(self, context: &Context) -> Result<(), Stop> {
        let output = &context.output;
        let firewall = ask(context, FirewallRequest::Show, "show the firewall")?;
        if output.json {
            return output.object(&json::firewall::shown(&firewall));
        }
        output.data(&render::firewall::shown(&firewall, self.verbose, now(), output.palette))?;
        if firewall.pending > 0 {
            output.next("ray firewall pending");
        }
        Ok(())
    }
}

impl Add {
    pub(super) fn run(self, context: &Context) -> Result<(), Stop> {
        let request = FirewallRequest::Add { rule: self.rule.text(), expires_s: self.expires };
        change(context, request, "ray.firewall.add/1", "add a rule")
    }
}

impl Remove {
    pub(super) fn run(self, context: &Context) -> Result<(), Stop> {
        let request = FirewallRequest::Remove { rule: self.rule.join(" ") };
        change(context, request, "ray.firewall.remove/1", "remove a rule")
    }
}
