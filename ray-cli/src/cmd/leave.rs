//! `ray leave`

use std::io::{self, BufRead, IsTerminal, Read};

use clap::Args;
use ray_ipc::control::{ErrorCode, LeaveRequest, Reply, Request};

use super::Context;
use crate::{
    error::{Failure, Stop, unexpected},
    escape::escape,
    json, render,
};

const EXAMPLES: &str = "\
Examples:
  ray leave home
  ray leave home --yes";

/// An answer is a word; whatever is longer is not yes.
const ANSWER_LEN_MAX: u64 = 64;

/// Leave a network for good; coming back takes another invite
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Leave {
    /// Name or room id of the network
    network: String,
    /// Do not ask; needed where standard input is no terminal
    #[arg(short, long)]
    yes: bool,
}

impl Leave {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        if !self.yes {
            self.confirm(context)?;
        }
        let left = match context.ask(&Request::Leave(LeaveRequest { network: self.network }))? {
            Reply::Left(left) => left,
            other => return Err(unexpected("leave a network", other).into()),
        };
        if context.output.json {
            return context.output.object(&json::left(&left));
        }
        context.output.confirm(&render::network::left(&left, context.output.palette))
    }

    fn confirm(&self, context: &Context) -> Result<(), Failure> {
        let network = &self.network;
        let stdin = io::stdin();
        if context.output.json || !stdin.is_terminal() {
            return Err(Failure::new(ErrorCode::Usage, format!("leaving {network}: nobody is there to confirm it"))
                .hint(format!("ray leave {network} --yes")));
        }
        let question = format!("leave {}? Coming back takes another invite [y/N] ", escape(network));
        context.output.error_text(&question);
        let mut answer = String::new();
        stdin
            .lock()
            .take(ANSWER_LEN_MAX)
            .read_line(&mut answer)
            .map_err(|cause| Failure::new(ErrorCode::Other, "reading the answer").caused_by(cause))?;
        if is_yes(&answer) {
            return Ok(());
        }
        Err(Failure::new(ErrorCode::Other, format!("leaving {network}: not confirmed, nothing changed")))
    }
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        assert!(is_yes("y\n") && is_yes("YES"));
        assert!(!is_yes("") && !is_yes("\n") && !is_yes("yesterday") && !is_yes("n"));
    }
}
