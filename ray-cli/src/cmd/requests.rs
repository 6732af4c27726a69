//! `ray requests`

use clap::Args;
use ray_ipc::control::{Reply, Request};

use super::{Context, Network, now};
use crate::{
    error::{Stop, unexpected},
    json, render,
};

const EXAMPLES: &str = "\
Anybody may ask under any name: compare the id with the one that `ray version`
shows on the other host before you accept.

Examples:
  ray requests
  ray requests home --json";

/// List who asks to be let in
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Requests {
    #[command(flatten)]
    network: Network,
}

impl Requests {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        let requests = match context.ask(&Request::Requests(self.network.into()))? {
            Reply::Requests(requests) => requests,
            other => return Err(unexpected("list who asks to be let in", other).into()),
        };
        if context.output.json {
            return context.output.object(&json::member::requests(&requests));
        }
        context.output.data(&render::member::requests(&requests, now(), context.output.palette))?;
        if let [first, ..] = requests.requests.as_slice() {
            context.output.next(&format!("ray accept {} {}", first.hostname, requests.network));
        }
        Ok(())
    }
}
