//! Reads the command line.

use std::{error::Error, ffi::OsString, fmt, path::PathBuf};

use ray_ipc::helper::SOCKET_PATH;

pub const POLICY_PATH: &str = "/etc/rayfish/helper.toml";

/// The answer to `--help`; ray-helper(8) is made from this text too.
pub const HELP: &str = include_str!("usage.txt");

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    Serve { policy: PathBuf, socket: PathBuf },
    Undo { policy: PathBuf, socket: PathBuf },
    Help,
    Version,
}

/// Why a command line is none.
#[derive(Debug, PartialEq, Eq)]
pub enum UsageError {
    Unknown { argument: OsString },
    MissingPath { flag: &'static str },
    Repeated { flag: &'static str },
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { argument } => write!(f, "reading the command line: unknown argument {argument:?}"),
            Self::MissingPath { flag } => write!(f, "reading the command line: {flag} needs a path"),
            Self::Repeated { flag } => write!(f, "reading the command line: {flag} was given twice"),
        }
    }
}

impl Error for UsageError {}

/// Parses the arguments after the helper's name.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, UsageError> {
    parse_with(POLICY_PATH, SOCKET_PATH, arguments)
}

/// Parses the arguments after the name of a program that has these paths where it is given none.
pub fn parse_with(
    policy_path: &str,
    socket_path: &str,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Command, UsageError> {
    let (mut policy, mut socket, mut undo) = (None, None, false);
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let (flag, slot) = match argument.to_str() {
            Some("--help" | "-h") => return Ok(Command::Help),
            Some("--version" | "-V") => return Ok(Command::Version),
            Some("--undo") if undo => return Err(UsageError::Repeated { flag: "--undo" }),
            Some("--undo") => {
                undo = true;
                continue;
            }
            Some("--policy") => ("--policy", &mut policy),
            Some("--socket") => ("--socket", &mut socket),
            Some(_) | None => return Err(UsageError::Unknown { argument }),
        };
        let path = arguments.next().filter(|path| !path.is_empty()).ok_or(UsageError::MissingPath { flag })?;
        if slot.replace(PathBuf::from(path)).is_some() {
            return Err(UsageError::Repeated { flag });
        }
    }
    let policy = policy.unwrap_or_else(|| policy_path.into());
    let socket = socket.unwrap_or_else(|| socket_path.into());
    Ok(if undo { Command::Undo { policy, socket } } else { Command::Serve { policy, socket } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_it_does_not_know() {
        for line in ["serve", "--polcy x", "--policy", "--socket a --socket b", "--policy= x", "--undo --undo"] {
            assert!(parse(words(line)).is_err(), "{line}");
        }
    }

    #[test]
    fn defaults_are_the_packaged_paths() {
        let serve = Command::Serve { policy: POLICY_PATH.into(), socket: "/run/rayfish/helper.sock".into() };
        assert_eq!(parse(words("")), Ok(serve));
        let chosen = Command::Serve { policy: "a".into(), socket: "b".into() };
        assert_eq!(parse(words("--socket b --policy a")), Ok(chosen));
        let undo = Command::Undo { policy: POLICY_PATH.into(), socket: SOCKET_PATH.into() };
        assert_eq!(parse(words("--undo")), Ok(undo));
        let chosen = Command::Undo { policy: "a".into(), socket: "b".into() };
        assert_eq!(parse(words("--policy a --undo --socket b")), Ok(chosen));
    }

    #[test]
    fn the_help_names_the_true_defaults() {
        assert!(HELP.contains(POLICY_PATH) && HELP.contains(SOCKET_PATH));
    }

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }
}
