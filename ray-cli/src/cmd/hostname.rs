//! `ray hostname`

use clap::Args;
use ray_ipc::control::{RenameRequest, Reply, Request};

use super::Context;
use crate::{
    error::{Stop, unexpected},
    json, render,
};

const EXAMPLES: &str = "\
Only a coordinator renames others, and only a coordinator changes a name that an
invite or a coordinator gave.

Examples:
  ray hostname nas
  ray hostname printer --member bob --network home";

/// Change the host name of this host, or of a member, in a network
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Hostname {
    /// The new name: one DNS label, such as nas
    #[arg(value_name = "NEWNAME")]
    hostname: String,
    /// Name or room id; may be left out with only one
    #[arg(long, value_name = "NETWORK")]
    network: Option<String>,
    /// Whom to rename [default: this host]
    #[arg(long, value_name = "MEMBER")]
    member: Option<String>,
}

impl Hostname {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        let wish = self.hostname.clone();
        let request = RenameRequest { network: self.network, hostname: self.hostname, member: self.member };
        let renamed = match context.ask(&Request::Rename(request))? {
            Reply::Renamed(renamed) => renamed,
            other => return Err(unexpected("change a host name", other).into()),
        };
        if context.output.json {
            return context.output.object(&json::member::changed("ray.hostname/1", &renamed));
        }
        context.output.confirm(&render::member::renamed(&renamed, &wish, context.output.palette))
    }
}
