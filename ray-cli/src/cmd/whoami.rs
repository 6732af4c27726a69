//! `ray whoami`

use clap::Args;
use ray_ipc::control::{Reply, Request};

use super::Context;
use crate::{
    error::{Stop, unexpected},
    json, render,
};

const EXAMPLES: &str = "\
Root says who may do what in the engine's settings, and restarts the engine.
With --quiet it prints the level alone.

Examples:
  ray whoami
  sudo ray whoami --json";

/// Show what you may do here, and by which entry of the settings
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Whoami {}

impl Whoami {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        let output = &context.output;
        let whoami = match context.ask(&Request::Whoami)? {
            Reply::Whoami(whoami) => whoami,
            other => return Err(unexpected("say what you may do", other).into()),
        };
        if output.json {
            return output.object(&json::whoami::whoami(&whoami));
        }
        if output.quiet {
            return output.data(&format!("{}\n", whoami.level.name()));
        }
        output.data(&render::whoami::whoami(&whoami, output.palette))
    }
}
