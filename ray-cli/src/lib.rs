//! `ray`: asks the engine, shows the answer, and ends with an exit code that scripts can rely on.
//!
//! A verb is one file in `cmd/` (its arguments and its run); what it shows is a pure function in `render/` or `json`.
#![deny(unsafe_code)]

mod args;
mod client;
mod cmd;
mod error;
mod escape;
mod json;
mod output;
mod probe;
mod render;
mod server;
mod status_file;

use std::{env, ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{CommandFactory, Parser};

use self::{
    args::{Cli, Global},
    cmd::Context,
    error::{Failure, Stop},
    output::Output,
};

/// Where the engine listens, for whoever does not want to repeat `--socket`.
const SOCKET_VARIABLE: &str = "RAY_SOCKET";

/// The definition of the command line, which its manuals and completions are made from.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Does what the arguments of this process say.
pub fn run() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().collect();
    if let Some(code) = probe::child::run(&arguments) {
        return ExitCode::from(code);
    }
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(refuse_arguments(&error, &arguments)),
    };
    let context = Context { output: Output::new(&cli.global), socket: socket_path(&cli.global) };
    ExitCode::from(match cmd::run(cli.verb, &context) {
        Ok(code) => code,
        // Whoever read our output has what it wanted.
        Err(Stop::ReaderGone) => 0,
        Err(Stop::Failed(failure)) => context.output.failure(&failure),
    })
}

/// Help and version are answers; anything else is a usage error, in JSON where that was asked for.
fn refuse_arguments(error: &clap::Error, arguments: &[OsString]) -> u8 {
    let text = error.render().to_string();
    let wants_json = arguments.iter().take_while(|argument| *argument != "--").any(|argument| argument == "--json");
    let output = Output::plain(wants_json);
    if !error.use_stderr() {
        return match output.data(&text) {
            Ok(()) | Err(Stop::ReaderGone) => 0,
            Err(Stop::Failed(failure)) => output.failure(&failure),
        };
    }
    if wants_json {
        return output.failure(&Failure::usage_from_clap(&text));
    }
    output.error_text(&text);
    ray_ipc::control::ErrorCode::Usage.exit_code()
}

fn socket_path(global: &Global) -> PathBuf {
    let from_environment = || env::var_os(SOCKET_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    global.socket.clone().or_else(from_environment).unwrap_or_else(|| PathBuf::from(ray_ipc::control::SOCKET_PATH))
}
