//! `ray group`

use clap::{Args, Subcommand};
use ray_ipc::control::{GroupRequest, GroupsReply, Reply, Request};

use super::{Context, Member, Network};
use crate::{
    error::{Failure, Stop, unexpected},
    json, render,
};

const EXAMPLES: &str = "\
Coordinators decide who is in a group; all members see it. Rules for it follow
at once.

Examples:
  ray group add guests bob
  ray firewall add in deny any from group:guests on home";
const LIST_EXAMPLES: &str = "\
Examples:
  ray group list
  ray group list home --json";
const ADD_EXAMPLES: &str = "\
The first member founds the group.

Examples:
  ray group add guests bob
  ray group add guests bob home";
const REMOVE_EXAMPLES: &str = "\
With the last member goes the group.

Examples:
  ray group remove guests bob
  ray group remove guests bob home";

/// Name sets of members for firewall rules
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, disable_help_subcommand = true)]
pub(crate) struct Group {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the groups of a network and who is in them
    #[command(after_help = LIST_EXAMPLES)]
    List(Network),
    /// Put a member into a group
    #[command(after_help = ADD_EXAMPLES)]
    Add(Membership),
    /// Take a member out of a group
    #[command(after_help = REMOVE_EXAMPLES)]
    Remove(Membership),
}

#[derive(Debug, Args)]
struct Membership {
    /// Name of the group
    group: String,
    #[command(flatten)]
    member: Member,
}

impl Group {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        match self.verb {
            Verb::List(network) => list(network, context),
            Verb::Add(membership) => {
                let group = membership.group.clone();
                change(membership.add(), &group, "ray.group.add/1", context)
            }
            Verb::Remove(membership) => {
                let group = membership.group.clone();
                change(membership.remove(), &group, "ray.group.remove/1", context)
            }
        }
    }
}

impl Membership {
    fn add(self) -> GroupRequest {
        let Member { member, network } = self.member;
        GroupRequest::Add { network: network.network, group: self.group, member }
    }

    fn remove(self) -> GroupRequest {
        let Member { member, network } = self.member;
        GroupRequest::Remove { network: network.network, group: self.group, member }
    }
}

fn list(network: Network, context: &Context) -> Result<(), Stop> {
    let groups = ask(context, GroupRequest::List { network: network.network }, "list the groups")?;
    if context.output.json {
        return context.output.object(&json::group::groups("ray.group.list/1", &groups));
    }
    context.output.data(&render::group::list(&groups, context.output.palette))
}

fn change(request: GroupRequest, group: &str, schema: &str, context: &Context) -> Result<(), Stop> {
    let groups = ask(context, request, "change a group")?;
    if context.output.json {
        return context.output.object(&json::group::groups(schema, &groups));
    }
    context.output.confirm(&render::group::changed(&groups, group, context.output.palette))
}

fn ask(context: &Context, request: GroupRequest, deed: &str) -> Result<GroupsReply, Failure> {
    match context.ask(&Request::Group(request))? {
        Reply::Groups(groups) => Ok(groups),
        other => Err(unexpected(deed, other)),
    }
}
