//! `ray firewall pending`, `accept` and `deny`

use std::io::{self, IsTerminal};

use clap::Args;
use ray_ipc::control::{FirewallRequest, Reply, Request, SuggestionRequest, SuggestionStatus, SuggestionsReply};

use super::{NetworkOption, pick};
use crate::{
    cmd::{Context, Network, confirm::somebody_there, now},
    error::{Failure, Stop, unexpected},
    json, render,
};

const PENDING_EXAMPLES: &str = "\
On a terminal it also asks which of them to accept.

Examples:
  ray firewall pending
  ray firewall pending home --json";
const ACCEPT_EXAMPLES: &str = "\
Without an ID it asks, on a terminal. An accepted rule goes when the coordinator
withdraws it; `ray firewall remove` removes it, too.

Examples:
  ray firewall accept 4f2a9c01d2
  ray firewall accept --all --network home";
const DENY_EXAMPLES: &str = "\
Without an ID it asks, on a terminal. A suggestion that was accepted before is
taken out of the rules.

Examples:
  ray firewall deny 4f2a9c01d2
  ray firewall deny --all --network home";

/// List the rules that coordinators suggest to this host
#[derive(Debug, Args)]
#[command(after_help = PENDING_EXAMPLES)]
pub(super) struct Pending {
    #[command(flatten)]
    network: Network,
}

/// Take suggested rules
#[derive(Debug, Args)]
#[command(after_help = ACCEPT_EXAMPLES)]
pub(super) struct Accept {
    #[command(flatten)]
    chosen: Chosen,
}

/// Turn suggested rules down
#[derive(Debug, Args)]
#[command(after_help = DENY_EXAMPLES)]
pub(super) struct Deny {
    #[command(flatten)]
    chosen: Chosen,
}

/// The suggestions that a decision is about.
#[derive(Debug, Args)]
struct Chosen {
    /// As `ray firewall pending` shows it, or an unambiguous start
    id: Option<String>,
    /// All that wait
    #[arg(long, conflicts_with = "id")]
    all: bool,
    #[command(flatten)]
    network: NetworkOption,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Accept,
    Deny,
}

impl Pending {
    pub(super) fn run(self, context: &Context) -> Result<(), Stop> {
        let output = &context.output;
        let network = self.network.network;
        let pending = pending(network.clone(), context)?;
        if output.json {
            return output.object(&json::firewall::suggestions("ray.firewall.pending/1", &pending));
        }
        if output.quiet || !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return output.data(&render::suggestion::list(&pending, now(), output.palette));
        }
        pick_and_decide(&pending, network.as_deref(), Decision::Accept, context)
    }
}

impl Accept {
    pub(super) fn run(self, context: &Context) -> Result<(), Stop> {
        self.chosen.decide(Decision::Accept, context)
    }
}

impl Deny {
    pub(super) fn run(self, context: &Context) -> Result<(), Stop> {
        self.chosen.decide(Decision::Deny, context)
    }
}

impl Chosen {
    fn decide(self, decision: Decision, context: &Context) -> Result<(), Stop> {
        let network = self.network.network;
        if self.all || self.id.is_some() {
            return decide(SuggestionRequest { network, id: self.id }, decision, context);
        }
        let deed = format!("{} suggestions", decision.gerund());
        let of = network.as_ref().map(|network| format!(" --network {network}")).unwrap_or_default();
        somebody_there(&context.output, &deed, &format!("ray firewall {} --all{of}", decision.verb()))?;
        let pending = pending(network.clone(), context)?;
        pick_and_decide(&pending, network.as_deref(), decision, context)
    }
}

fn pending(network: Option<String>, context: &Context) -> Result<SuggestionsReply, Failure> {
    match context.ask(&Request::Firewall(FirewallRequest::Pending { network }))? {
        Reply::Suggestions(pending) => Ok(pending),
        other => Err(unexpected("list suggested rules", other)),
    }
}

/// Shows what waits and lets the user choose. What was chosen is asked for by its id: more may have come meanwhile.
fn pick_and_decide(
    pending: &SuggestionsReply,
    network: Option<&str>,
    decision: Decision,
    context: &Context,
) -> Result<(), Stop> {
    let output = &context.output;
    output.data(&render::suggestion::numbered(pending, now(), output.palette))?;
    let waiting: Vec<&SuggestionStatus> = render::suggestion::waiting(pending).collect();
    let question = format!("{} which? Numbers, all, or nothing to leave them: ", decision.verb());
    for number in pick::pick(output, &question, waiting.len())? {
        let Some(picked) = waiting.get(number) else { continue };
        let network = network.map_or_else(|| picked.origin.network.clone(), str::to_owned);
        let request = SuggestionRequest { network: Some(network), id: Some(picked.origin.id.clone()) };
        decide(request, decision, context)?;
    }
    Ok(())
}

fn decide(request: SuggestionRequest, decision: Decision, context: &Context) -> Result<(), Stop> {
    let output = &context.output;
    let (request, schema) = match decision {
        Decision::Accept => (FirewallRequest::Accept(request), "ray.firewall.accept/1"),
        Decision::Deny => (FirewallRequest::Decline(request), "ray.firewall.deny/1"),
    };
    let decided = match context.ask(&Request::Firewall(request))? {
        Reply::Suggestions(decided) => decided,
        other => return Err(unexpected("decide about suggested rules", other).into()),
    };
    if output.json {
        return output.object(&json::firewall::suggestions(schema, &decided));
    }
    output.confirm(&render::suggestion::decided(&decided))
}

impl Decision {
    fn verb(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Deny => "deny",
        }
    }

    fn gerund(self) -> &'static str {
        match self {
            Self::Accept => "accepting",
            Self::Deny => "denying",
        }
    }
}
