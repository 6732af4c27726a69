//! `ray-lab tool …`: runs a tool and prints what it found.

mod member;
mod session;
mod show;
mod traffic;

use std::{error::Error, io, thread};

use clap::Subcommand;
use serde::Serialize;

use super::output::{fail, print};
use crate::tool::ToolError;

/// The tools by what they are for.
#[derive(Debug, Subcommand)]
pub(super) enum Tool {
    #[command(flatten)]
    Show(show::Show),
    #[command(flatten)]
    Traffic(traffic::Traffic),
    #[command(flatten)]
    Session(session::Session),
    #[command(flatten)]
    Member(member::Member),
}

pub(super) fn run(tool: Tool) -> u8 {
    match tool {
        Tool::Show(tool) => done(show::run(tool)),
        Tool::Traffic(tool) => done(traffic::run(tool).and_then(Report::print)),
        Tool::Session(tool) => done(session::run(tool)),
        Tool::Member(tool) => done(member::run(tool).and_then(Report::print)),
    }
}

/// Why a tool has nothing to show.
type Failure = Box<dyn Error>;

/// What a tool found, as the one line of JSON that it prints, and its exit code.
#[derive(Debug)]
struct Report {
    line: String,
    code: u8,
}

impl Report {
    /// The report of a tool that only tells.
    fn of<T: Serialize>(result: Result<T, ToolError>) -> Result<Self, Failure> {
        Self::judged(result, |_| true)
    }

    /// The report of a tool that ends with 1 where what it found is not `good`.
    fn judged<T: Serialize>(result: Result<T, ToolError>, good: impl FnOnce(&T) -> bool) -> Result<Self, Failure> {
        let found = result?;
        Ok(Self { line: serde_json::to_string(&found)?, code: u8::from(!good(&found)) })
    }

    fn print(self) -> Result<u8, Failure> {
        print(&self.line)?;
        Ok(self.code)
    }
}

fn done(result: Result<u8, Failure>) -> u8 {
    result.unwrap_or_else(|error| fail(&*error, 1))
}

/// Tells whether our stdin has ended.
fn stdin_end() -> impl Fn() -> bool + Send + 'static {
    let reader = thread::spawn(|| drop(io::copy(&mut io::stdin(), &mut io::sink())));
    move || reader.is_finished()
}
