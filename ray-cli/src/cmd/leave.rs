//! `ray leave`

use clap::Args;
use ray_ipc::control::{LeaveRequest, Reply, Request};

use super::{
    Context,
    confirm::{Question, Wanted, confirm},
};
use crate::{
    error::{Stop, unexpected},
    json, render,
};

const EXAMPLES: &str = "\
The last coordinator has to name a successor while others stay. A network that
removed this host or was ended is forgotten. Given the room id of a network that
this host asks to be let into, it stops asking.

Examples:
  ray leave home
  ray leave home --successor nas --yes";

/// Leave a network for good; coming back takes another invite
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Leave {
    /// Name or room id of the network
    network: String,
    /// Make this member a coordinator first
    #[arg(long, value_name = "MEMBER")]
    successor: Option<String>,
    /// Do not ask; needed where there is no terminal
    #[arg(short, long)]
    yes: bool,
}

impl Leave {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        let network = &self.network;
        if !self.yes {
            let successor = self.successor.as_ref().map(|member| format!(" --successor {member}")).unwrap_or_default();
            let question = Question {
                deed: format!("leaving {network}"),
                text: format!("leave {network}? Coming back takes another invite [y/N] "),
                wanted: Wanted::Yes,
                unasked: format!("ray leave {network}{successor} --yes"),
            };
            confirm(&context.output, &question)?;
        }
        let request = LeaveRequest { network: self.network, successor: self.successor };
        let left = match context.ask(&Request::Leave(request))? {
            Reply::Left(left) => left,
            other => return Err(unexpected("leave a network", other).into()),
        };
        if context.output.json {
            return context.output.object(&json::network::left(&left));
        }
        context.output.confirm(&render::network::left(&left, context.output.palette))
    }
}
