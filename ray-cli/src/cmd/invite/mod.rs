//! `ray invite`

mod list;
mod revoke;

use clap::{Args, Subcommand};
use ray_ipc::control::{ErrorCode, InviteRequest, Reply, Request};

use super::{Context, duration::parse_seconds};
use crate::{
    error::{Failure, Stop, unexpected},
    json, render,
};

const USAGE: &str = "\
ray invite [OPTIONS] [NETWORK]
       ray invite list [NETWORK]
       ray invite revoke INVITE [NETWORK]";

const EXAMPLES: &str = "\
The code alone goes to stdout. For a network that is called list or revoke give
its room id.

Examples:
  ray invite home > invite.txt
  ray invite home --uses 10 --expires 7d --qr";

/// Hosts that an invite lets in, unless something else is said.
const USES: u32 = 1;
/// A day, which is long enough to carry a code to another machine.
const EXPIRES_S: u64 = 24 * 60 * 60;
/// As the engine has it: any number.
const REUSABLE: u32 = u32::MAX;

/// Make an invite for other hosts, or list and revoke those there are
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, override_usage = USAGE, disable_help_subcommand = true)]
pub(crate) struct Invite {
    /// Name or room id of the network; may be left out with only one
    network: Option<String>,
    /// How many hosts it lets in [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    uses: Option<u32>,
    /// It lets in any number of hosts until it expires
    #[arg(long, conflicts_with = "uses")]
    reusable: bool,
    /// Valid for 30m, 12h, 7d, at most 366d [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = parse_seconds)]
    expires: Option<u64>,
    /// The name that the joiner gets, whatever it asks for
    #[arg(long, value_name = "HOST")]
    hostname: Option<String>,
    /// Show the code as a QR code above it
    #[arg(long)]
    qr: bool,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    List(list::List),
    Revoke(revoke::Revoke),
}

impl Invite {
    pub(crate) fn run(mut self, context: &Context) -> Result<(), Stop> {
        match self.verb.take() {
            None => self.make(context),
            Some(_) if self.is_described() => Err(mixed().into()),
            Some(Verb::List(list)) => list.run(context),
            Some(Verb::Revoke(revoke)) => revoke.run(context),
        }
    }

    fn make(self, context: &Context) -> Result<(), Stop> {
        let request = Request::Invite(InviteRequest {
            network: self.network,
            uses: if self.reusable { REUSABLE } else { self.uses.unwrap_or(USES) },
            expires_s: self.expires.unwrap_or(EXPIRES_S),
            hostname: self.hostname,
        });
        let invite = match context.ask(&request)? {
            Reply::Invited(invite) => invite,
            other => return Err(unexpected("make an invite", other).into()),
        };
        if context.output.json {
            return context.output.object(&json::invite::invited(&invite));
        }
        if self.qr {
            context.output.data(&qr(&invite.code, context)?)?;
        }
        context.output.data(&render::invite::code(&invite))?;
        context.output.note(&render::invite::explanation(&invite));
        Ok(())
    }

    /// Whether anything describes an invite that is to be made.
    fn is_described(&self) -> bool {
        let options = self.uses.is_some() || self.expires.is_some() || self.hostname.is_some();
        options || self.reusable || self.qr || self.network.is_some()
    }
}

fn qr(code: &str, context: &Context) -> Result<String, Failure> {
    render::qr::qr(code, context.output.palette)
        .map_err(|cause| Failure::new(ErrorCode::Other, "drawing the invite as a QR code").caused_by(cause))
}

fn mixed() -> Failure {
    Failure::new(ErrorCode::Usage, "`ray invite list` and `ray invite revoke` take their arguments after that word")
        .hint("ray invite list home; a network that is called list or revoke is given by its room id")
}
