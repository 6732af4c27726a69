//! `ray version`

use clap::Args;
use ray_ipc::control::{Reply, Request};

use super::Context;
use crate::{
    error::{Stop, unexpected},
    json, render,
};

const EXAMPLES: &str = "\
`ray --version` shows that of ray alone and needs no engine.

Examples:
  ray version
  ray --version";

/// Show the releases of ray and of the running engine
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Version {}

impl Version {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        let engine = match context.ask(&Request::Version)? {
            Reply::Version(engine) => engine,
            other => return Err(unexpected("say who it is", other).into()),
        };
        if context.output.json {
            return context.output.object(&json::version(&engine));
        }
        context.output.data(&render::engine::version(&engine))
    }
}
