//! `ray nuke`

use clap::Args;
use ray_ipc::control::{ErrorCode, NetworkRequest, NetworkStatus, Reply, Request};

use super::{
    Context, Network,
    confirm::{Question, Wanted, confirm, somebody_there},
};
use crate::{
    error::{Failure, Stop, unexpected},
    json,
    render::{self, counted},
};

const EXAMPLES: &str = "\
Every member learns of it and closes its links; nobody can undo it. On a
terminal it asks for the network's name.

Examples:
  ray nuke home
  ray nuke home --yes";

/// End a network for all its members
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Nuke {
    #[command(flatten)]
    network: Network,
    /// Do not ask; needed where there is no terminal
    #[arg(short, long)]
    yes: bool,
}

impl Nuke {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        let named = self.network.network;
        // What was confirmed is asked for by its room id: names may change while the user types.
        let network = if self.yes { named } else { Some(ask(named.as_deref(), context)?) };
        let nuked = match context.ask(&Request::Nuke(NetworkRequest { network }))? {
            Reply::Nuked(nuked) => nuked,
            other => return Err(unexpected("end a network", other).into()),
        };
        if context.output.json {
            return context.output.object(&json::network::nuked(&nuked));
        }
        context.output.confirm(&render::network::nuked(&nuked, context.output.palette))
    }
}

/// Finds the network and lets the user confirm; its room id.
fn ask(named: Option<&str>, context: &Context) -> Result<String, Stop> {
    let deed = format!("ending {}", named.unwrap_or("a network"));
    let argument = named.map(|name| format!(" {name}")).unwrap_or_default();
    let unasked = format!("ray nuke{argument} --yes");
    somebody_there(&context.output, &deed, &unasked)?;
    let status = match context.ask(&Request::Status)? {
        Reply::Status(status) => status,
        other => return Err(unexpected("show its status", other).into()),
    };
    let network = choose(&status.networks, named).map_err(|problem| {
        Failure::new(ErrorCode::NotFound, format!("{deed}: {problem}"))
            .hint("ray status --verbose shows each network with its room id")
    })?;
    let (name, members) = (&network.name, counted(network.members.len(), "member"));
    let text = format!("end {name} for all its {members}? Nobody can undo it. Type its name to go on: ");
    confirm(&context.output, &Question { deed, text, wanted: Wanted::Name(name), unasked })?;
    Ok(network.room_id.clone())
}

/// The network of this name or room id, or the only one.
fn choose<'a>(networks: &'a [NetworkStatus], named: Option<&str>) -> Result<&'a NetworkStatus, &'static str> {
    let fits = |network: &&NetworkStatus| named.is_none_or(|name| network.name == name || network.room_id == name);
    let mut fitting = networks.iter().filter(fits);
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err("more than one network is possible"),
        (None, _) => Err("no such network"),
    }
}
