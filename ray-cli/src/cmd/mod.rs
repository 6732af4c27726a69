//! The verbs: each file has the arguments of one and runs it.

pub(crate) mod completions;
pub(crate) mod create;
pub(crate) mod down;
pub(crate) mod invite;
pub(crate) mod join;
pub(crate) mod leave;
pub(crate) mod ping;
pub(crate) mod status;
pub(crate) mod up;
pub(crate) mod version;

use std::path::PathBuf;

use ray_ipc::control::{Reply, Request};

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

/// Runs the verb to its exit code.
pub(crate) fn run(verb: Verb, context: &Context) -> Result<u8, Stop> {
    match verb {
        Verb::Create(create) => create.run(context)?,
        Verb::Join(join) => join.run(context)?,
        Verb::Up(up) => up.run(context)?,
        Verb::Down(down) => down.run(context)?,
        Verb::Invite(invite) => invite.run(context)?,
        Verb::Leave(leave) => leave.run(context)?,
        Verb::Status(status) => status.run(context)?,
        Verb::Ping(ping) => return ping.run(context),
        Verb::Version(version) => version.run(context)?,
        Verb::Completions(completions) => completions.run(context)?,
    }
    Ok(0)
}
