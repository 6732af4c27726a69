//! `ray firewall log`

use std::time::Duration;

use clap::Args;
use ray_ipc::control::{ErrorCode, FirewallRequest, Reply, Request};

use super::interrupt::Interrupt;
use crate::{
    client::{Client, SIMPLE_BUDGET},
    cmd::Context,
    error::{Failure, Stop, unexpected},
    json, render,
};

const EXAMPLES: &str = "\
One line a flow as it happens, with --json one object a line, until Ctrl-C; the
exit code is then 0. Many at once are counted, and told with the next line.

Examples:
  ray firewall log
  ray firewall log --limit 10 --json";

/// For the rest of an answer that has begun.
const PATIENCE: Duration = Duration::from_secs(10);

/// Follow the flows that are dropped
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Log {
    /// End after N flows; 0 for never
    #[arg(short = 'n', long, value_name = "N", default_value_t = 0)]
    limit: u32,
}

impl Log {
    pub(super) fn run(self, context: &Context) -> Result<(), Stop> {
        let output = &context.output;
        let mut client = Client::connect(&context.socket, SIMPLE_BUDGET)?;
        let interrupt = Interrupt::hang_up(&client)
            .map_err(|cause| Failure::new(ErrorCode::Other, "preparing for Ctrl-C").caused_by(cause))?;
        client.send(&Request::Firewall(FirewallRequest::Log { limit: self.limit }))?;
        let mut told: u64 = 0;
        loop {
            match client.receive_whenever(PATIENCE) {
                Ok(Reply::Dropped(_)) if self.limit > 0 && told == u64::from(self.limit) => {
                    return Err(too_many(self.limit).into());
                }
                Ok(Reply::Dropped(flow)) => {
                    told += 1;
                    if output.json {
                        output.object(&json::firewall::dropped(&flow))?;
                    } else {
                        output.data(&render::flow::dropped(&flow, output.palette))?;
                    }
                }
                Ok(Reply::DroppedDone) => break,
                Ok(other) => return Err(unexpected("follow dropped flows", other).into()),
                Err(_) if interrupt.has_come() => break,
                Err(error) => return Err(error.into()),
            }
        }
        output.note(&render::flow::sum(told));
        Ok(())
    }
}

fn too_many(limit: u32) -> Failure {
    Failure::new(ErrorCode::Other, format!("following dropped flows: the engine tells more than {limit}"))
}
