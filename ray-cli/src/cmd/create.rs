//! `ray create`

use clap::Args;
use ray_ipc::control::{CreateRequest, Reply, Request};

use super::Context;
use crate::{
    error::{Stop, unexpected},
    json, render,
};

const EXAMPLES: &str = "\
Examples:
  ray create home
  ray create home --hostname nas";

/// Found a network; this host becomes its coordinator
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Create {
    /// Name of the network: one DNS label, such as home
    name: String,
    /// This host's name in it [default: the system's]
    #[arg(long, value_name = "HOST")]
    hostname: Option<String>,
}

impl Create {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        let request = Request::Create(CreateRequest { name: self.name, hostname: self.hostname });
        let network = match context.ask(&request)? {
            Reply::Created(network) => network,
            other => return Err(unexpected("create a network", other).into()),
        };
        if context.output.json {
            return context.output.object(&json::created(&network));
        }
        context.output.confirm(&render::network::created(&network, context.output.palette))?;
        context.output.next(&format!("ray invite {}", network.name));
        Ok(())
    }
}
