//! `ray create`

use clap::Args;
use ray_ipc::control::{CreateRequest, NetworkMode, Reply, Request};

use super::Context;
use crate::{
    error::{Stop, unexpected},
    escape::escape,
    json, render,
};

const EXAMPLES: &str = "\
`ray network mode` changes later who may enter.

Examples:
  ray create home
  ray create home --approval --hostname nas";

/// Found a network; this host becomes its coordinator
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Create {
    /// Name of the network: one DNS label, such as home
    name: String,
    /// Whoever knows the room id may enter without an invite
    #[arg(long, conflicts_with = "approval")]
    open: bool,
    /// Whoever knows the room id may ask to be let in
    #[arg(long)]
    approval: bool,
    /// This host's name in it [default: the system's]
    #[arg(long, value_name = "HOST")]
    hostname: Option<String>,
}

impl Create {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        let mode = match (self.open, self.approval) {
            (true, _) => NetworkMode::Open,
            (false, true) => NetworkMode::Approval,
            (false, false) => NetworkMode::Closed,
        };
        let request = Request::Create(CreateRequest { name: self.name, hostname: self.hostname, mode });
        let network = match context.ask(&request)? {
            Reply::Created(network) => network,
            other => return Err(unexpected("create a network", other).into()),
        };
        if context.output.json {
            return context.output.object(&json::network::created(&network, mode));
        }
        context.output.confirm(&render::network::created(&network, mode, context.output.palette))?;
        match mode {
            NetworkMode::Closed => context.output.next(&format!("ray invite {}", network.name)),
            NetworkMode::Approval | NetworkMode::Open => {
                let room_id = escape(&network.room_id);
                context.output.note(&format!("on another host: ray join {room_id}\n"));
            }
        }
        Ok(())
    }
}
