//! `ray admin`

use clap::{Args, Subcommand};
use ray_ipc::control::{Reply, Request};

use super::{Context, Member, Network, now};
use crate::{
    error::{Stop, unexpected},
    json, render,
};

const EXAMPLES: &str = "\
Examples:
  ray admin add nas
  ray admin list home";
const ADD_EXAMPLES: &str = "\
Examples:
  ray admin add nas
  ray admin add nas home";
const REMOVE_EXAMPLES: &str = "\
Of two coordinators that remove each other at once the senior one stays.

Examples:
  ray admin remove nas
  ray admin remove nas home";
const LIST_EXAMPLES: &str = "\
Examples:
  ray admin list
  ray admin list home --json";

/// Add, remove and list coordinators: who may invite, accept, remove
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, disable_help_subcommand = true)]
pub(crate) struct Admin {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a member a coordinator
    #[command(after_help = ADD_EXAMPLES)]
    Add(Member),
    /// Make a coordinator a plain member
    #[command(after_help = REMOVE_EXAMPLES)]
    Remove(Member),
    /// List the coordinators, the most senior first
    #[command(after_help = LIST_EXAMPLES)]
    List(Network),
}

impl Admin {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        match self.verb {
            Verb::Add(member) => add(member, context),
            Verb::Remove(member) => remove(member, context),
            Verb::List(network) => list(network, context),
        }
    }
}

fn add(member: Member, context: &Context) -> Result<(), Stop> {
    let granted = match context.ask(&Request::Grant(member.into()))? {
        Reply::Granted(granted) => granted,
        other => return Err(unexpected("make a member a coordinator", other).into()),
    };
    if context.output.json {
        return context.output.object(&json::member::changed("ray.admin.add/1", &granted));
    }
    context.output.confirm(&render::member::granted(&granted, context.output.palette))
}

fn remove(member: Member, context: &Context) -> Result<(), Stop> {
    let revoked = match context.ask(&Request::Revoke(member.into()))? {
        Reply::Revoked(revoked) => revoked,
        other => return Err(unexpected("make a coordinator a plain member", other).into()),
    };
    if context.output.json {
        return context.output.object(&json::member::changed("ray.admin.remove/1", &revoked));
    }
    context.output.confirm(&render::member::revoked(&revoked, context.output.palette))
}

fn list(network: Network, context: &Context) -> Result<(), Stop> {
    let coordinators = match context.ask(&Request::Coordinators(network.into()))? {
        Reply::Coordinators(coordinators) => coordinators,
        other => return Err(unexpected("list the coordinators", other).into()),
    };
    if context.output.json {
        return context.output.object(&json::member::coordinators(&coordinators));
    }
    context.output.data(&render::member::coordinators(&coordinators, now(), context.output.palette))
}
