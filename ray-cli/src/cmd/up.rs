//! `ray up`

use clap::Args;
use ray_ipc::control::{Reply, Request};

use super::Context;
use crate::{
    error::{Stop, unexpected},
    json, render,
};

const EXAMPLES: &str = "\
Examples:
  ray up
  ray up --json";

/// Bring the data plane up: device, addresses, routes
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Up {}

impl Up {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        let up = match context.ask(&Request::Up)? {
            Reply::Up(up) => up,
            other => return Err(unexpected("bring the data plane up", other).into()),
        };
        if context.output.json {
            return context.output.object(&json::up(&up));
        }
        context.output.confirm(&render::device::up(&up))
    }
}
