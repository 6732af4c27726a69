//! Asks on a terminal before what cannot be taken back.

use std::io::{self, BufRead, IsTerminal, Read};

use ray_ipc::control::ErrorCode;

use crate::{error::Failure, escape::escape, output::Output};

/// An answer is a word or a name; whatever is longer is neither.
const ANSWER_LEN_MAX: u64 = 256;

/// What is about to happen, and how the user says that it shall.
#[derive(Debug)]
pub(super) struct Question<'a> {
    /// For messages: `leaving home`.
    pub(super) deed: String,
    pub(super) text: String,
    pub(super) wanted: Wanted<'a>,
    /// The command that needs no answer.
    pub(super) unasked: String,
}

/// The answer that confirms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted<'a> {
    Yes,
    /// Just this name: nobody types that without reading the question.
    Name(&'a str),
}

/// Whether somebody is there to be asked; if not, what to do instead.
pub(super) fn somebody_there(output: &Output, deed: &str, unasked: &str) -> Result<(), Failure> {
    if output.json || !io::stdin().is_terminal() {
        return Err(
            Failure::new(ErrorCode::Usage, format!("{deed}: nobody is there to confirm it")).hint(unasked.to_owned())
        );
    }
    Ok(())
}

/// Succeeds when the user confirms.
pub(super) fn confirm(output: &Output, question: &Question<'_>) -> Result<(), Failure> {
    somebody_there(output, &question.deed, &question.unasked)?;
    output.error_text(&escape(&question.text));
    let mut answer = String::new();
    io::stdin()
        .lock()
        .take(ANSWER_LEN_MAX)
        .read_line(&mut answer)
        .map_err(|cause| Failure::new(ErrorCode::Other, "reading the answer").caused_by(cause))?;
    if question.wanted.is(&answer) {
        return Ok(());
    }
    Err(Failure::new(ErrorCode::Other, format!("{}: not confirmed, nothing changed", question.deed)))
}

impl Wanted<'_> {
    fn is(self, answer: &str) -> bool {
        match self {
            Self::Yes => matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"),
            Self::Name(name) => answer.trim() == name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        assert!(Wanted::Yes.is("y\n") && Wanted::Yes.is("YES"));
        assert!(["", "\n", "yesterday", "n"].iter().all(|answer| !Wanted::Yes.is(answer)));
    }

    #[test]
    fn only_the_whole_name_is_the_name() {
        assert!(Wanted::Name("home").is("home\r\n"));
        assert!(["", "\n", "y", "hom", "home2", "Home"].iter().all(|answer| !Wanted::Name("home").is(answer)));
    }
}
