//! An invite code from the arguments or from standard input, where other users do not see it.

use std::io::{self, BufRead, IsTerminal, Read};

use ray_ipc::control::ErrorCode;

use crate::{error::Failure, output::Output};

/// Stands for standard input.
const STDIN: &str = "-";
/// An invite has a few hundred characters.
const CODE_LEN_MAX: u64 = 4096;

/// What the argument says, or standard input if it says so.
pub(super) fn given(argument: &str, output: &Output) -> Result<String, Failure> {
    if argument == STDIN { read(output) } else { whole(argument) }
}

fn read(output: &Output) -> Result<String, Failure> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        output.error_text("invite: ");
        let mut line = String::new();
        stdin.lock().take(CODE_LEN_MAX).read_line(&mut line).map_err(unreadable)?;
        return whole(&line);
    }
    let mut text = String::new();
    stdin.take(CODE_LEN_MAX).read_to_string(&mut text).map_err(unreadable)?;
    whole(&text)
}

fn whole(text: &str) -> Result<String, Failure> {
    match text.trim() {
        "" => Err(Failure::new(ErrorCode::Usage, "reading the invite: it is empty")
            .hint("ray invite prints one on a member's host")),
        code => Ok(code.to_owned()),
    }
}

fn unreadable(cause: io::Error) -> Failure {
    Failure::new(ErrorCode::Usage, "reading the invite from standard input").caused_by(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_an_empty_invite() {
        assert_eq!(whole(" \n\t").map_err(|failure| failure.code), Err(ErrorCode::Usage));
    }

    #[test]
    fn takes_the_invite_without_the_space_around_it() {
        assert_eq!(whole("  ray1abc\r\n").map_err(|failure| failure.code), Ok("ray1abc".to_owned()));
    }
}
