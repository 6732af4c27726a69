//! `ray invite list`

use clap::Args;
use ray_ipc::control::{Reply, Request};

use crate::{
    cmd::{Context, Network, now},
    error::{Stop, unexpected},
    json, render,
};

const EXAMPLES: &str = "\
Examples:
  ray invite list
  ray invite list home --json";

/// List the invites of a network
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct List {
    #[command(flatten)]
    network: Network,
}

impl List {
    pub(super) fn run(self, context: &Context) -> Result<(), Stop> {
        let invites = match context.ask(&Request::Invites(self.network.into()))? {
            Reply::Invites(invites) => invites,
            other => return Err(unexpected("list the invites", other).into()),
        };
        if context.output.json {
            return context.output.object(&json::invite::list(&invites));
        }
        context.output.data(&render::invite::list(&invites, now(), context.output.palette))
    }
}
