//! Where text goes and whether it is coloured: data on stdout, messages on stderr.

use std::{
    env,
    fmt::Write as _,
    io::{self, IsTerminal, Write},
};

use ray_ipc::control::ErrorCode;
use serde_json::Value;

use crate::{
    args::{ColorWhen, Global},
    error::{Failure, Stop},
    escape::{escape, escape_json},
    json,
};

/// What a piece of text means. Colour is never the only sign of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Ok,
    Warn,
    Bad,
    Dim,
    Name,
    /// Black on white whatever the terminal's own colours, for a machine's eye.
    Code,
}

/// Turns roles into terminal colours, or into nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Palette {
    coloured: bool,
}

impl Palette {
    pub(crate) const PLAIN: Self = Self { coloured: false };

    pub(crate) fn paint(self, role: Role, text: &str) -> String {
        if !self.coloured || text.is_empty() {
            return text.to_owned();
        }
        let code = match role {
            Role::Ok => "32",
            Role::Warn => "33",
            Role::Bad => "31",
            Role::Dim => "2",
            Role::Name => "1",
            Role::Code => "30;47",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// The two streams of this process.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    /// For stdout.
    pub(crate) palette: Palette,
    palette_stderr: Palette,
    /// Whether a person watches stderr.
    interactive: bool,
}

impl Output {
    pub(crate) fn new(global: &Global) -> Self {
        let no_color = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        let palette = |is_terminal| Palette { coloured: wants_colour(global.color, is_terminal, no_color, dumb) };
        let interactive = io::stderr().is_terminal();
        Self {
            json: global.json,
            quiet: global.quiet,
            palette: palette(io::stdout().is_terminal()),
            palette_stderr: palette(interactive),
            interactive,
        }
    }

    /// For the time before the arguments are understood.
    pub(crate) fn plain(json: bool) -> Self {
        Self { json, quiet: false, palette: Palette::PLAIN, palette_stderr: Palette::PLAIN, interactive: false }
    }

    /// Whether progress lines are welcome.
    pub(crate) fn shows_progress(&self) -> bool {
        self.interactive && !self.quiet && !self.json
    }

    /// What was asked for.
    pub(crate) fn data(&self, text: &str) -> Result<(), Stop> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Stop::ReaderGone,
            _ => Failure::new(ErrorCode::Other, "writing to stdout").caused_by(error).into(),
        })
    }

    /// A confirmation that something was done.
    pub(crate) fn confirm(&self, text: &str) -> Result<(), Stop> {
        if self.quiet { Ok(()) } else { self.data(text) }
    }

    pub(crate) fn object(&self, value: &Value) -> Result<(), Stop> {
        self.data(&format!("{}\n", escape_json(&value.to_string())))
    }

    /// Advice beside the data: the next command, what an invite is good for.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet && !self.json {
            self.error_text(text);
        }
    }

    /// The advice to run a command.
    pub(crate) fn next(&self, command: &str) {
        self.note(&format!("{} {}\n", self.palette_stderr.paint(Role::Dim, "next:"), escape(command)));
    }

    /// Reports the failure and gives its exit code.
    pub(crate) fn failure(&self, failure: &Failure) -> u8 {
        if self.json {
            // With stdout gone there is no other place for it; the exit code still tells.
            let _ = self.object(&json::failure(failure));
        } else {
            self.error_text(&self.failure_text(failure));
        }
        failure.code.exit_code()
    }

    fn failure_text(&self, failure: &Failure) -> String {
        let paint = |role, text| self.palette_stderr.paint(role, text);
        let mut text = format!("{} {}\n", paint(Role::Bad, "error:"), escape(&failure.message));
        for cause in failure.causes() {
            let _ = writeln!(text, "{} {}", paint(Role::Bad, "caused by:"), escape(&cause));
        }
        if let Some(hint) = &failure.hint {
            let _ = writeln!(text, "{} {}", paint(Role::Warn, "hint:"), escape(hint));
        }
        text
    }

    /// Text for stderr. A closed stderr is no reason to fail.
    pub(crate) fn error_text(&self, text: &str) {
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
}

/// An explicit choice wins over the environment, which wins over the terminal.
fn wants_colour(when: ColorWhen, is_terminal: bool, no_color: bool, dumb: bool) -> bool {
    match when {
        ColorWhen::Always => true,
        ColorWhen::Never => false,
        ColorWhen::Auto => is_terminal && !no_color && !dumb,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_colours_only_a_capable_terminal_whose_user_did_not_object() {
        assert!(wants_colour(ColorWhen::Auto, true, false, false));
        assert!(!wants_colour(ColorWhen::Auto, false, false, false));
        assert!(!wants_colour(ColorWhen::Auto, true, true, false));
        assert!(!wants_colour(ColorWhen::Auto, true, false, true));
    }

    #[test]
    fn an_explicit_choice_wins() {
        assert!(wants_colour(ColorWhen::Always, false, true, true));
        assert!(!wants_colour(ColorWhen::Never, true, false, false));
    }

    #[test]
    fn a_plain_palette_adds_nothing() {
        assert_eq!(Palette::PLAIN.paint(Role::Bad, "no"), "no");
        assert_eq!(Palette { coloured: true }.paint(Role::Bad, "no"), "\u{1b}[31mno\u{1b}[0m");
    }
}
