//! `ray log`

use std::time::Duration;

use clap::Args;
use ray_ipc::control::{ErrorCode, LogDone, LogEntry, LogRequest, Reply, Request};

use super::{Context, Network};
use crate::{
    client::Client,
    error::{Failure, Stop, unexpected},
    json, render,
};

const EXAMPLES: &str = "\
The latest so many, the oldest of them first. Each is signed by whom it names;
the time is what that host's clock said.

Examples:
  ray log
  ray log home --limit 0 --json";

/// For the whole history of a network.
const BUDGET: Duration = Duration::from_secs(60);
/// For the next entry.
const PATIENCE: Duration = Duration::from_secs(10);
/// More than any network's history, so that an engine that never ends does not fill the memory.
const ENTRIES_MAX: usize = 1_000_000;

/// Tell who did what in a network, and when
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Log {
    #[command(flatten)]
    network: Network,
    /// The latest N entries; 0 for all
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    limit: u32,
}

impl Log {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        let output = &context.output;
        let most = match self.limit {
            0 => ENTRIES_MAX,
            limit => usize::try_from(limit).unwrap_or(ENTRIES_MAX).min(ENTRIES_MAX),
        };
        let mut client = Client::connect(&context.socket, BUDGET)?;
        client.send(&Request::Log(LogRequest { network: self.network.network, limit: self.limit }))?;
        let mut told = 0;
        let mut kept: Vec<LogEntry> = Vec::new();
        let done = loop {
            match client.receive_within(PATIENCE)? {
                Reply::LogEntry(_) if told == most => return Err(too_many(most).into()),
                Reply::LogEntry(entry) => {
                    told += 1;
                    if output.json {
                        kept.push(*entry);
                    } else {
                        output.data(&render::log::entry(&entry, output.palette))?;
                    }
                }
                Reply::LogDone(done) => break done,
                other => return Err(unexpected("tell a network's history", other).into()),
            }
        };
        end(&kept, told, &done, context)
    }
}

fn end(kept: &[LogEntry], told: usize, done: &LogDone, context: &Context) -> Result<(), Stop> {
    if context.output.json {
        return context.output.object(&json::log::log(kept, done));
    }
    context.output.note(&render::log::sum(told, done));
    Ok(())
}

fn too_many(most: usize) -> Failure {
    Failure::new(ErrorCode::Other, format!("telling a network's history: the engine has more than {most} entries"))
}
