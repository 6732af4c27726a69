//! `ray status`

use clap::Args;
use ray_ipc::control::{Reply, Request};

use super::Context;
use crate::{
    error::{Stop, unexpected},
    json, render,
};

const EXAMPLES: &str = "\
The first line is the verdict; --quiet prints nothing else.

Examples:
  ray status --verbose
  ray status --json";

/// Show networks, peers and how each is reached
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Status {
    /// Also IPv6 addresses, ids, path ends, the device, drops
    #[arg(short, long)]
    verbose: bool,
}

impl Status {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        let output = &context.output;
        let status = match context.ask(&Request::Status)? {
            Reply::Status(status) => status,
            other => return Err(unexpected("show its status", other).into()),
        };
        if output.json {
            return output.object(&json::status::status(&status));
        }
        if output.quiet {
            return output.data(&render::status::verdict(&status, output.palette));
        }
        output.data(&render::status::all(&status, self.verbose, output.palette))
    }
}
