//! `ray firewall auto-accept`

use clap::Args;
use ray_ipc::control::{FirewallRequest, Reply, Request};

use super::Switch;
use crate::{
    cmd::Context,
    error::{Stop, unexpected},
    json, render,
};

const EXAMPLES: &str = "\
On, coordinators of the network open and close ports of this host. A deny of
your own still wins. Without on or off it shows what is set.

Examples:
  ray firewall auto-accept home on
  ray firewall auto-accept home";

/// Accept by itself what coordinators of a network suggest
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct AutoAccept {
    /// Name or room id of the network
    network: String,
    switch: Option<Switch>,
}

impl AutoAccept {
    pub(super) fn run(self, context: &Context) -> Result<(), Stop> {
        let output = &context.output;
        let on = self.switch.map(|switch| switch == Switch::On);
        let request = FirewallRequest::AutoAccept { network: Some(self.network), on };
        let answer = match context.ask(&Request::Firewall(request))? {
            Reply::Suggestions(answer) => answer,
            other => return Err(unexpected("set whether suggested rules are accepted", other).into()),
        };
        if output.json {
            return output.object(&json::firewall::suggestions("ray.firewall.auto-accept/1", &answer));
        }
        let text = render::suggestion::auto_accept(&answer, output.palette);
        if on.is_none() { output.data(&text) } else { output.confirm(&text) }
    }
}
