//! `ray doctor`: looks at this host, judges what it finds, and says what to do about it.
//!
//! [`checks`] judges; [`look`] asks the kernel and reads files; [`engine`] is what the engine said.

mod checks;
mod engine;
mod finding;
mod look;
mod sandbox;

use clap::Args;
use ray_ipc::control::ErrorCode;

pub(crate) use self::finding::{Finding, Mark};
use super::Context;
use crate::{error::Stop, json, render};

const EXAMPLES: &str = "\
Ends with 0 when no check has failed, else with 1; --sandbox ends with 8 when
an act that must be refused was not. --quiet leaves out what is in order.

Examples:
  ray doctor
  ray doctor --sandbox --json";

/// Check this host, with a remedy for whatever is wrong
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Doctor {
    /// Try what engine and helper must not be able to do
    #[arg(long)]
    sandbox: bool,
}

impl Doctor {
    pub(crate) fn run(self, context: &Context) -> Result<u8, Stop> {
        if self.sandbox {
            return sandbox::run(context);
        }
        let findings = checks::run(engine::ask(&context.socket));
        let output = &context.output;
        if output.json {
            output.object(&json::doctor::doctor(&findings))?;
        } else {
            output.data(&render::doctor::doctor(&findings, output.quiet, output.palette))?;
        }
        let failed = findings.iter().any(|finding| finding.mark == Mark::Failed);
        Ok(if failed { ErrorCode::Other.exit_code() } else { 0 })
    }
}
