//! The verbs: each file has the arguments of one and runs it.

pub(crate) mod accept;
pub(crate) mod admin;
pub(crate) mod alias;
mod code;
pub(crate) mod completions;
pub(crate) mod config;
mod confirm;
pub(crate) mod create;
pub(crate) mod deny;
pub(crate) mod dns;
pub(crate) mod doctor;
pub(crate) mod down;
mod duration;
pub(crate) mod ephemeral;
pub(crate) mod firewall;
pub(crate) mod group;
pub(crate) mod hostname;
pub(crate) mod invite;
pub(crate) mod join;
pub(crate) mod kick;
pub(crate) mod leave;
pub(crate) mod log;
pub(crate) mod network;
pub(crate) mod nuke;
pub(crate) mod ping;
mod progress;
pub(crate) mod requests;
pub(crate) mod status;
pub(crate) mod up;
pub(crate) mod version;
pub(crate) mod whoami;

use std::{
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use clap::Args;
use ray_ipc::control::{MemberRequest, NetworkRequest, Reply, Request};

use crate::{
    args::Verb,
    client::{Client, ClientError, SIMPLE_BUDGET},
    error::Stop,
    output::Output,
};

/// What every verb may use.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) output: Output,
    pub(crate) socket: PathBuf,
}

impl Context {
    /// One question that the engine answers out of its own state.
    fn ask(&self, request: &Request) -> Result<Reply, ClientError> {
        Client::connect(&self.socket, SIMPLE_BUDGET)?.ask(request)
    }
}

/// The network that a verb is about; last among the arguments wherever it may be left out.
#[derive(Debug, Args)]
pub(crate) struct Network {
    /// Name or room id of the network; may be left out with only one
    network: Option<String>,
}

impl From<Network> for NetworkRequest {
    fn from(argument: Network) -> Self {
        Self { network: argument.network }
    }
}

/// The member that a verb is about, and its network.
#[derive(Debug, Args)]
pub(crate) struct Member {
    /// Host name, or endpoint id or an unambiguous start of one
    member: String,
    #[command(flatten)]
    network: Network,
}

impl From<Member> for MemberRequest {
    fn from(argument: Member) -> Self {
        Self { network: argument.network.network, member: argument.member }
    }
}

/// Runs the verb to its exit code.
pub(crate) fn run(verb: Verb, context: &Context) -> Result<u8, Stop> {
    match verb {
        Verb::Create(create) => create.run(context)?,
        Verb::Join(join) => join.run(context)?,
        Verb::Up(up) => up.run(context)?,
        Verb::Down(down) => down.run(context)?,
        Verb::Status(status) => status.run(context)?,
        Verb::Ping(ping) => return ping.run(context),
        Verb::Log(log) => log.run(context)?,
        Verb::Doctor(doctor) => return doctor.run(context),
        Verb::Invite(invite) => invite.run(context)?,
        Verb::Requests(requests) => requests.run(context)?,
        Verb::Accept(accept) => accept.run(context)?,
        Verb::Deny(deny) => deny.run(context)?,
        Verb::Kick(kick) => kick.run(context)?,
        Verb::Admin(admin) => admin.run(context)?,
        Verb::Hostname(hostname) => hostname.run(context)?,
        Verb::Network(network) => network.run(context)?,
        Verb::Firewall(firewall) => firewall.run(context)?,
        Verb::Group(group) => group.run(context)?,
        Verb::Ephemeral(ephemeral) => ephemeral.run(context)?,
        Verb::Leave(leave) => leave.run(context)?,
        Verb::Nuke(nuke) => nuke.run(context)?,
        Verb::Dns(dns) => dns.run(context)?,
        Verb::Alias(alias) => alias.run(context)?,
        Verb::Config(config) => config.run(context)?,
        Verb::Version(version) => version.run(context)?,
        Verb::Whoami(whoami) => whoami.run(context)?,
        Verb::Completions(completions) => completions.run(context)?,
    }
    Ok(0)
}

/// Unix time in seconds, to tell how far away a moment is. A clock before 1970 is as good as 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
