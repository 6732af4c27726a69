//! `ray kick`

use clap::Args;
use ray_ipc::control::{MemberRequest, Reply, Request};

use super::{
    Context, Member,
    confirm::{Question, Wanted, confirm},
};
use crate::{
    error::{Stop, unexpected},
    json, render,
};

const EXAMPLES: &str = "\
Its links close, the network's keys change, and no invite brings it back: only
`ray accept` does. In other networks nothing changes.

Examples:
  ray kick bob
  ray kick bob home --yes";

/// Remove a member from a network
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Kick {
    #[command(flatten)]
    member: Member,
    /// Do not ask; needed where there is no terminal
    #[arg(short, long)]
    yes: bool,
}

impl Kick {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        let request = MemberRequest::from(self.member);
        if !self.yes {
            let (member, network) = (&request.member, &request.network);
            let from = network.as_ref().map(|network| format!(" from {network}")).unwrap_or_default();
            let network = network.as_ref().map(|network| format!("{network} ")).unwrap_or_default();
            let question = Question {
                deed: format!("removing {member}{from}"),
                text: format!("remove {member}{from}? No invite brings it back [y/N] "),
                wanted: Wanted::Yes,
                unasked: format!("ray kick {member} {network}--yes"),
            };
            confirm(&context.output, &question)?;
        }
        let kicked = match context.ask(&Request::Kick(request))? {
            Reply::Kicked(kicked) => kicked,
            other => return Err(unexpected("remove a member", other).into()),
        };
        if context.output.json {
            return context.output.object(&json::member::changed("ray.kick/1", &kicked));
        }
        context.output.confirm(&render::member::kicked(&kicked, context.output.palette))
    }
}
