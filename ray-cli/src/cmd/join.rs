//! `ray join`

use std::time::Duration;

use clap::Args;
use ray_ipc::control::{JoinReply, JoinRequest, Reply, Request, WaitingReply};

use super::{Context, code, progress::Progress};
use crate::{
    client::Client,
    error::{Failure, Stop, unexpected},
    json, render,
};

const EXAMPLES: &str = "\
Other users of this host can see the arguments of a command, and with them the
invite; `ray join -` keeps it from them. A name that the invite binds wins.
The room id does where the network is open, or where a coordinator decides: this
host then asks until it is let in, and `ray leave ROOM-ID` stops it.

Examples:
  ray join - < invite.txt
  ray join ray1... --hostname nas";

/// How an invite begins, in capitals too.
const CODE_START: &[u8] = b"ray1";
/// What the engine gets beyond its own timeout to say that it ran out.
const GRACE: Duration = Duration::from_secs(5);

/// Enter a network with an invite or its room id
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Join {
    /// The invite (- reads it from standard input), or a room id
    #[arg(value_name = "CODE|ROOM-ID")]
    target: String,
    /// The name to ask for [default: the system's]
    #[arg(long, value_name = "HOST")]
    hostname: Option<String>,
    /// Keep asking for so long
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..=600))]
    timeout: u16,
    /// Accept firewall rules that coordinators suggest
    #[arg(long)]
    auto_accept_firewall: bool,
}

/// How far a join got.
enum Entered {
    Joined(JoinReply),
    Waiting(WaitingReply),
}

impl Join {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        let output = &context.output;
        let target = code::given(&self.target, output)?;
        let progress = progress_text(&target, self.timeout);
        let timeout = Duration::from_secs(self.timeout.into());
        let timeout_ms = u32::from(self.timeout) * 1000;
        let request = Request::Join(JoinRequest {
            target,
            hostname: self.hostname,
            timeout_ms,
            auto_accept_firewall: self.auto_accept_firewall,
        });
        let entered = {
            let _progress = Progress::start(output, progress);
            ask(context, &request, timeout + GRACE)?
        };
        match entered {
            Entered::Joined(joined) if output.json => output.object(&json::network::joined(&joined)),
            Entered::Joined(joined) => {
                output.confirm(&render::network::joined(&joined, output.palette))?;
                output.next(&format!("ray ping {}", joined.seated_by));
                Ok(())
            }
            Entered::Waiting(waiting) if output.json => output.object(&json::network::waiting(&waiting)),
            Entered::Waiting(waiting) => {
                output.confirm(&render::network::waiting(&waiting, output.palette))?;
                output.next("ray status");
                Ok(())
            }
        }
    }
}

fn ask(context: &Context, request: &Request, budget: Duration) -> Result<Entered, Failure> {
    match Client::connect(&context.socket, budget)?.ask(request)? {
        Reply::Joined(joined) => Ok(Entered::Joined(joined)),
        Reply::Waiting(waiting) => Ok(Entered::Waiting(waiting)),
        other => Err(unexpected("join a network", other)),
    }
}

fn progress_text(target: &str, timeout_s: u16) -> String {
    let start = target.as_bytes().get(..CODE_START.len());
    let whom = if start.is_some_and(|start| start.eq_ignore_ascii_case(CODE_START)) {
        "asking the members that the invite names"
    } else {
        "looking for members of the network"
    };
    format!("{whom}, for up to {timeout_s} s\n")
}
