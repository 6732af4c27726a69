//! `ray firewall`

mod auto_accept;
mod decide;
mod interrupt;
mod log;
mod pick;
mod posture;
mod rules;
mod suggest;
mod test;

use clap::{Args, Subcommand, ValueEnum};
use ray_ipc::control::{FirewallReply, FirewallRequest, FlowDirection, Reply, Request};

use super::Context;
use crate::{
    error::{Failure, Stop, unexpected},
    json, render,
};

const EXAMPLES: &str = "\
Examples:
  ray firewall add in allow tcp 22 from bob
  ray firewall test bob tcp 22";

/// Decide who reaches what on this host
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, disable_help_subcommand = true)]
pub(crate) struct Firewall {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Show(rules::Show),
    Add(rules::Add),
    Remove(rules::Remove),
    Default(posture::Default),
    Reject(posture::Reject),
    On(posture::On),
    Off(posture::Off),
    Test(test::Test),
    Pending(decide::Pending),
    Accept(decide::Accept),
    Deny(decide::Deny),
    AutoAccept(auto_accept::AutoAccept),
    Suggest(suggest::Suggest),
    Withdraw(suggest::Withdraw),
    Log(log::Log),
}

impl Firewall {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        match self.verb {
            Verb::Show(show) => show.run(context),
            Verb::Add(add) => add.run(context),
            Verb::Remove(remove) => remove.run(context),
            Verb::Default(default) => default.run(context),
            Verb::Reject(reject) => reject.run(context),
            Verb::On(on) => on.run(context),
            Verb::Off(off) => off.run(context),
            Verb::Test(test) => test.run(context),
            Verb::Pending(pending) => pending.run(context),
            Verb::Accept(accept) => accept.run(context),
            Verb::Deny(deny) => deny.run(context),
            Verb::AutoAccept(auto_accept) => auto_accept.run(context),
            Verb::Suggest(suggest) => suggest.run(context),
            Verb::Withdraw(withdraw) => withdraw.run(context),
            Verb::Log(log) => log.run(context),
        }
    }
}

/// The network of a verb whose other arguments have no fixed number.
#[derive(Debug, Args)]
struct NetworkOption {
    /// Name or room id; may be left out with only one
    #[arg(long, value_name = "NETWORK")]
    network: Option<String>,
}

/// The words of a rule, which the engine understands.
#[derive(Debug, Args)]
struct RuleWords {
    /// As in: in allow tcp 22 from bob
    #[arg(required = true, value_name = "RULE")]
    rule: Vec<String>,
}

impl RuleWords {
    fn text(&self) -> String {
        self.rule.join(" ")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Direction {
    In,
    Out,
}

impl From<Direction> for FlowDirection {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::In => Self::In,
            Direction::Out => Self::Out,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

/// Asks for the firewall as it is, or for a change of it that is answered with what came of it.
fn ask(context: &Context, request: FirewallRequest, deed: &str) -> Result<FirewallReply, Failure> {
    match context.ask(&Request::Firewall(request))? {
        Reply::Firewall(firewall) => Ok(*firewall),
        other => Err(unexpected(deed, other)),
    }
}

/// Asks for a change and tells what came of it.
fn change(context: &Context, request: FirewallRequest, schema: &str, deed: &str) -> Result<(), Stop> {
    let output = &context.output;
    let turns_off = request == FirewallRequest::Enable { on: false };
    let firewall = ask(context, request, deed)?;
    if output.json {
        return output.object(&json::firewall::changed(schema, &firewall));
    }
    output.confirm(&render::firewall::changed(&firewall))?;
    if !firewall.on && !turns_off {
        output.note("the firewall is off: rules and defaults do not count\n");
        output.next("ray firewall on");
    }
    Ok(())
}
