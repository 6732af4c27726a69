//! `ray dns`

use clap::{Args, Subcommand, ValueEnum};
use ray_ipc::control::{DnsRequest, RecordKind, Reply, Request};

use super::{Context, now};
use crate::{
    error::{Stop, unexpected},
    json, render,
};

const EXAMPLES: &str = "\
What the host is told, and by whom: ray config set dns off|names|full.

Examples:
  ray dns status
  ray dns query nas.home.ray";
const STATUS_EXAMPLES: &str = "\
The first line is the verdict; --quiet prints nothing else.

Examples:
  ray dns status --verbose
  ray dns status --json";
const QUERY_EXAMPLES: &str = "\
Nobody is asked: it tells what the engine would answer, and what stands behind
it. A bare word means a name below ray; an address means its name.

Examples:
  ray dns query nas
  ray dns query 100.75.1.4 --type ptr";

/// Tell whether programs here find mesh names, and how a name is answered
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, disable_help_subcommand = true)]
pub(crate) struct Dns {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show what was set on this host, why, and what stands in the way
    #[command(after_help = STATUS_EXAMPLES)]
    Status(Status),
    /// Tell how a name would be answered here
    #[command(after_help = QUERY_EXAMPLES)]
    Query(Query),
}

#[derive(Debug, Args)]
struct Status {
    /// Also the host's own settings, and what has changed when
    #[arg(short, long)]
    verbose: bool,
}

#[derive(Debug, Args)]
struct Query {
    /// A name, or an address
    name: String,
    /// Type of record: a, aaaa, ptr, soa [default: addresses]
    #[arg(long = "type", value_name = "TYPE", hide_possible_values = true)]
    kind: Option<Kind>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    A,
    Aaaa,
    Ptr,
    Soa,
}

impl Dns {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        match self.verb {
            Verb::Status(status) => status.run(context),
            Verb::Query(query) => query.run(context),
        }
    }
}

impl Status {
    fn run(self, context: &Context) -> Result<(), Stop> {
        let output = &context.output;
        let status = match context.ask(&Request::Dns(DnsRequest::Status))? {
            Reply::Dns(status) => status,
            other => return Err(unexpected("tell how names stand", other).into()),
        };
        if output.json {
            return output.object(&json::dns::status(&status));
        }
        if output.quiet {
            return output.data(&render::dns::verdict(&status, output.palette));
        }
        output.data(&render::dns::status(&status, self.verbose.then(now), output.palette))
    }
}

impl Query {
    fn run(self, context: &Context) -> Result<(), Stop> {
        let kind = self.kind.map_or(RecordKind::Any, RecordKind::from);
        let found = match context.ask(&Request::Dns(DnsRequest::Query { name: self.name, kind }))? {
            Reply::DnsQuery(found) => found,
            other => return Err(unexpected("answer for a name", other).into()),
        };
        if context.output.json {
            return context.output.object(&json::dns::query(&found));
        }
        context.output.data(&render::dns::query(&found, context.output.palette))
    }
}

impl From<Kind> for RecordKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::A => Self::A,
            Kind::Aaaa => Self::Aaaa,
            Kind::Ptr => Self::Ptr,
            Kind::Soa => Self::Soa,
        }
    }
}
