//! `ray alias`

use clap::{Args, Subcommand};
use ray_ipc::control::{AliasReply, AliasRequest, Reply, Request};

use super::Context;
use crate::{
    error::{Failure, Stop, unexpected},
    json, render,
};

const EXAMPLES: &str = "\
An alias holds on this host alone and is told to nobody. Its member keeps it
whatever that is called later; nobody else gets it.

Examples:
  sudo ray alias add db nas.home
  ray alias list";
const LIST_EXAMPLES: &str = "\
Examples:
  ray alias list
  ray alias list --json";
const ADD_EXAMPLES: &str = "\
NAME is one word; programs find it as NAME.ray. It goes before a member of that
name.

Examples:
  sudo ray alias add db nas
  sudo ray alias add db nas.home";
const REMOVE_EXAMPLES: &str = "\
Examples:
  sudo ray alias remove db
  sudo ray alias remove db.ray";

/// Give members names that hold on this host alone
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, disable_help_subcommand = true)]
pub(crate) struct Alias {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the aliases of this host
    #[command(after_help = LIST_EXAMPLES)]
    List,
    /// Add an alias, or give it to another member
    #[command(after_help = ADD_EXAMPLES)]
    Add(Assignment),
    /// Remove an alias
    #[command(after_help = REMOVE_EXAMPLES)]
    Remove(Name),
}

#[derive(Debug, Args)]
struct Name {
    /// The alias
    name: String,
}

#[derive(Debug, Args)]
struct Assignment {
    #[command(flatten)]
    name: Name,
    /// Member: host name, HOST.NETWORK, mesh address, or endpoint id
    target: String,
}

impl Alias {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        match self.verb {
            Verb::List => list(context),
            Verb::Add(Assignment { name, target }) => add(AliasRequest::Add { name: name.name, target }, context),
            Verb::Remove(name) => remove(AliasRequest::Remove { name: name.name }, context),
        }
    }
}

fn list(context: &Context) -> Result<(), Stop> {
    let aliases = match context.ask(&Request::Alias(AliasRequest::List))? {
        Reply::Aliases(aliases) => aliases,
        other => return Err(unexpected("list the aliases", other).into()),
    };
    if context.output.json {
        return context.output.object(&json::alias::list(&aliases));
    }
    context.output.data(&render::alias::list(&aliases, context.output.palette))
}

fn add(request: AliasRequest, context: &Context) -> Result<(), Stop> {
    let added = change(request, "add an alias", context)?;
    if context.output.json {
        return context.output.object(&json::alias::change("ray.alias.add/1", &added));
    }
    context.output.confirm(&render::alias::added(&added, context.output.palette))
}

fn remove(request: AliasRequest, context: &Context) -> Result<(), Stop> {
    let removed = change(request, "remove an alias", context)?;
    if context.output.json {
        return context.output.object(&json::alias::change("ray.alias.remove/1", &removed));
    }
    context.output.confirm(&render::alias::removed(&removed, context.output.palette))
}

fn change(request: AliasRequest, deed: &str, context: &Context) -> Result<AliasReply, Failure> {
    match context.ask(&Request::Alias(request))? {
        Reply::Alias(change) => Ok(change),
        other => Err(unexpected(deed, other)),
    }
}
