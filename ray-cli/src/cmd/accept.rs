//! `ray accept`

use clap::Args;
use ray_ipc::control::{AcceptRequest, Reply, Request};

use super::{Context, Member};
use crate::{
    error::{Stop, unexpected},
    json, render,
};

const EXAMPLES: &str = "\
`ray requests` lists who asks. A host that has not asked, as after its removal,
is let in by its whole endpoint id (see `ray version` there) and --hostname.

Examples:
  ray accept bob
  ray accept 4f2a9c01d2 home --hostname nas";

/// Let a host in that asks for it
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Accept {
    #[command(flatten)]
    member: Member,
    /// The name to give it [default: the one it asks for]
    #[arg(long, value_name = "HOST")]
    hostname: Option<String>,
}

impl Accept {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        let Member { member, network } = self.member;
        let request = AcceptRequest { network: network.network, member, hostname: self.hostname };
        let accepted = match context.ask(&Request::Accept(request))? {
            Reply::Accepted(accepted) => accepted,
            other => return Err(unexpected("let a host in", other).into()),
        };
        if context.output.json {
            return context.output.object(&json::member::changed("ray.accept/1", &accepted));
        }
        context.output.confirm(&render::member::accepted(&accepted, context.output.palette))
    }
}
