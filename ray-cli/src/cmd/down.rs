//! `ray down`

use clap::Args;
use ray_ipc::control::{Reply, Request};

use super::Context;
use crate::{
    error::{Stop, unexpected},
    json, render,
};

const EXAMPLES: &str = "\
Examples:
  ray down
  ray down && ray up";

/// Take the data plane down; membership and identity stay
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Down {}

impl Down {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        let was_up = match context.ask(&Request::Down)? {
            Reply::Down { was_up } => was_up,
            other => return Err(unexpected("take the data plane down", other).into()),
        };
        if context.output.json {
            return context.output.object(&json::down(was_up));
        }
        context.output.confirm(render::device::down(was_up))
    }
}
