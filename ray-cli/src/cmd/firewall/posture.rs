//! `ray firewall default`, `reject`, `on` and `off`

use clap::{Args, ValueEnum};
use ray_ipc::control::FirewallRequest;

use super::{Direction, Switch, change};
use crate::{
    cmd::{
        Context,
        confirm::{Question, Wanted, confirm},
    },
    error::Stop,
};

const DEFAULT_EXAMPLES: &str = "\
On a fresh host: in deny, out allow.

Examples:
  ray firewall default in deny
  ray firewall default out deny";
const REJECT_EXAMPLES: &str = "\
On, who is refused fails at once, and learns that a host is there. Off, who is
refused waits in vain.

Examples:
  ray firewall reject on
  ray firewall reject off --quiet";
const ON_EXAMPLES: &str = "\
Connections that this host has opened go on; what no rule lets in is cut.

Examples:
  ray firewall on
  ray firewall on --quiet";
const OFF_EXAMPLES: &str = "\
Every member of every network then reaches all that listens here. Rules stay,
and count again after `ray firewall on`.

Examples:
  ray firewall off
  ray firewall off --yes";

/// Set what becomes of flows that no rule matches
#[derive(Debug, Args)]
#[command(after_help = DEFAULT_EXAMPLES)]
pub(super) struct Default {
    direction: Direction,
    action: Action,
    /// Do not ask; needed for in allow where there is no terminal
    #[arg(short, long)]
    yes: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Action {
    Allow,
    Deny,
}

/// Set whether refused senders are told
#[derive(Debug, Args)]
#[command(after_help = REJECT_EXAMPLES)]
pub(super) struct Reject {
    switch: Switch,
}

/// Turn the firewall on
#[derive(Debug, Args)]
#[command(after_help = ON_EXAMPLES)]
pub(super) struct On {}

/// Turn the firewall off
#[derive(Debug, Args)]
#[command(after_help = OFF_EXAMPLES)]
pub(super) struct Off {
    /// Do not ask; needed where there is no terminal
    #[arg(short, long)]
    yes: bool,
}

impl Default {
    pub(super) fn run(self, context: &Context) -> Result<(), Stop> {
        let allow = self.action == Action::Allow;
        if allow && self.direction == Direction::In && !self.yes {
            let question = Question {
                deed: "allowing what no rule denies".to_owned(),
                text: "let every member of every network reach what no rule denies? [y/N] ".to_owned(),
                wanted: Wanted::Yes,
                unasked: "ray firewall default in allow --yes".to_owned(),
            };
            confirm(&context.output, &question)?;
        }
        let request = FirewallRequest::Default { direction: self.direction.into(), allow };
        change(context, request, "ray.firewall.default/1", "set a default of the firewall")
    }
}

impl Reject {
    pub(super) fn run(self, context: &Context) -> Result<(), Stop> {
        let request = FirewallRequest::Reject { on: self.switch == Switch::On };
        change(context, request, "ray.firewall.reject/1", "set whether refused senders are told")
    }
}

impl On {
    pub(super) fn run(self, context: &Context) -> Result<(), Stop> {
        change(context, FirewallRequest::Enable { on: true }, "ray.firewall.on/1", "turn the firewall on")
    }
}

impl Off {
    pub(super) fn run(self, context: &Context) -> Result<(), Stop> {
        if !self.yes {
            let question = Question {
                deed: "turning the firewall off".to_owned(),
                text: "turn the firewall off, and let every member of every network reach all of this host? [y/N] "
                    .to_owned(),
                wanted: Wanted::Yes,
                unasked: "ray firewall off --yes".to_owned(),
            };
            confirm(&context.output, &question)?;
        }
        change(context, FirewallRequest::Enable { on: false }, "ray.firewall.off/1", "turn the firewall off")
    }
}
