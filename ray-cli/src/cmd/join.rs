//! `ray join`

use std::{
    io::{self, BufRead, IsTerminal, Read},
    sync::mpsc,
    thread,
    time::Duration,
};

use clap::Args;
use ray_ipc::control::{ErrorCode, JoinReply, JoinRequest, Reply, Request};

use super::Context;
use crate::{
    client::Client,
    error::{Failure, Stop, unexpected},
    json,
    output::Output,
    render,
};

const EXAMPLES: &str = "\
Other users of this host can see the arguments of a command, and with them the
invite; `ray join -` keeps it from them. A name that the invite binds wins.

Examples:
  ray join - < invite.txt
  ray join ray1... --hostname nas";

/// Stands for standard input.
const STDIN: &str = "-";
/// An invite has a few hundred characters.
const CODE_LEN_MAX: u64 = 4096;
/// What the engine gets beyond its own timeout to say that it ran out.
const GRACE: Duration = Duration::from_secs(5);
/// Shorter waits need no progress line.
const PATIENCE: Duration = Duration::from_millis(300);

/// Enter a network with an invite
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Join {
    /// The invite, or - to read it from standard input
    code: String,
    /// The name to ask for [default: the system's]
    #[arg(long, value_name = "HOST")]
    hostname: Option<String>,
    /// Keep asking for so long
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..=600))]
    timeout: u16,
}

impl Join {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        let code = if self.code == STDIN { read_code(&context.output)? } else { whole_code(&self.code)? };
        let timeout = Duration::from_secs(self.timeout.into());
        let timeout_ms = u32::from(self.timeout) * 1000;
        let request = Request::Join(JoinRequest { code, hostname: self.hostname, timeout_ms });
        let joined = {
            let _progress = Progress::start(&context.output, self.timeout);
            ask(context, &request, timeout + GRACE)?
        };
        if context.output.json {
            return context.output.object(&json::joined(&joined));
        }
        context.output.confirm(&render::network::joined(&joined, context.output.palette))?;
        context.output.next(&format!("ray ping {}", joined.seated_by));
        Ok(())
    }
}

fn ask(context: &Context, request: &Request, budget: Duration) -> Result<JoinReply, Failure> {
    match Client::connect(&context.socket, budget)?.ask(request)? {
        Reply::Joined(joined) => Ok(joined),
        other => Err(unexpected("join a network", other)),
    }
}

fn read_code(output: &Output) -> Result<String, Failure> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        output.error_text("invite: ");
        let mut line = String::new();
        stdin.lock().take(CODE_LEN_MAX).read_line(&mut line).map_err(unreadable)?;
        return whole_code(&line);
    }
    let mut text = String::new();
    stdin.take(CODE_LEN_MAX).read_to_string(&mut text).map_err(unreadable)?;
    whole_code(&text)
}

fn whole_code(text: &str) -> Result<String, Failure> {
    match text.trim() {
        "" => Err(Failure::new(ErrorCode::Usage, "reading the invite: it is empty")
            .hint("ray invite prints one on a member's host")),
        code => Ok(code.to_owned()),
    }
}

fn unreadable(cause: io::Error) -> Failure {
    Failure::new(ErrorCode::Usage, "reading the invite from standard input").caused_by(cause)
}

/// Says on a terminal that a join takes its time. Dropping it before that says nothing.
struct Progress {
    _done: Option<mpsc::Sender<()>>,
}

impl Progress {
    fn start(output: &Output, timeout_s: u16) -> Self {
        if !output.shows_progress() {
            return Self { _done: None };
        }
        let (done, is_done) = mpsc::channel::<()>();
        let wait = move || {
            if is_done.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                Output::plain(false)
                    .error_text(&format!("asking the members that the invite names, for up to {timeout_s} s\n"));
            }
        };
        // Without a thread there is no progress line, and nothing else is lost.
        let _ = thread::Builder::new().name("progress".into()).spawn(wait);
        Self { _done: Some(done) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_an_empty_invite() {
        assert_eq!(whole_code(" \n\t").map_err(|failure| failure.code), Err(ErrorCode::Usage));
    }

    #[test]
    fn takes_the_invite_without_the_space_around_it() {
        assert_eq!(whole_code("  ray1abc\r\n").map_err(|failure| failure.code), Ok("ray1abc".to_owned()));
    }
}
