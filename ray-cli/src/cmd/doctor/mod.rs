//! `ray doctor`

mod sandbox;

use clap::Args;

use super::Context;
use crate::error::Stop;

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
        Ok(0)
    }
}
