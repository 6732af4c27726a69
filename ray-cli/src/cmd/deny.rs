//! `ray deny`

use clap::Args;
use ray_ipc::control::{Reply, Request};

use super::{Context, Member};
use crate::{
    error::{Stop, unexpected},
    json, render,
};

const EXAMPLES: &str = "\
Examples:
  ray deny bob
  ray deny 4f2a9c01d2 home";

/// Refuse a host that asks to be let in
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Deny {
    #[command(flatten)]
    member: Member,
}

impl Deny {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        let denied = match context.ask(&Request::Deny(self.member.into()))? {
            Reply::Denied(denied) => denied,
            other => return Err(unexpected("refuse a host", other).into()),
        };
        if context.output.json {
            return context.output.object(&json::member::changed("ray.deny/1", &denied));
        }
        context.output.confirm(&render::member::denied(&denied, context.output.palette))
    }
}
