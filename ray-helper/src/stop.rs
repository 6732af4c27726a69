//! Why a privileged program stops before it should, with what the administrator can do about it.

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
};

use ray_confine::ConfineError;

use crate::{account::AccountError, apply::Failure, listen::ListenError, log, trust::TrustError};

pub const EXIT_RUNTIME: u8 = 1;
pub const EXIT_USAGE: u8 = 2;

/// The end of a program that cannot go on.
#[derive(Debug)]
pub struct Stop {
    code: u8,
    cause: Box<dyn Error>,
    hint: Option<String>,
}

impl Stop {
    pub fn runtime(cause: impl Error + 'static) -> Self {
        Self { code: EXIT_RUNTIME, cause: Box::new(cause), hint: None }
    }

    pub fn usage(cause: impl Error + 'static, hint: String) -> Self {
        Self { code: EXIT_USAGE, cause: Box::new(cause), hint: Some(hint) }
    }

    /// Says why, and with which code the program ends.
    pub fn report(&self) -> ExitCode {
        log::line(format_args!("error: {}", self.cause));
        let mut source = self.cause.source();
        while let Some(cause) = source {
            log::line(format_args!("caused by: {cause}"));
            source = cause.source();
        }
        if let Some(hint) = &self.hint {
            log::line(format_args!("hint: {hint}"));
        }
        ExitCode::from(self.code)
    }
}

/// The end of a program that only had something to say.
pub fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(EXIT_RUNTIME),
    }
}

/// The end of a program that had something to do.
pub fn end(outcome: Result<(), Stop>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => stop.report(),
    }
}

impl From<TrustError> for Stop {
    fn from(error: TrustError) -> Self {
        let hint = error.hint();
        Self::usage(error, hint)
    }
}

impl From<AccountError> for Stop {
    fn from(error: AccountError) -> Self {
        let hint = match &error {
            AccountError::Unknown { .. } => "create the engine's user, or correct engine_user in the policy",
            AccountError::Root { .. } => "name the unprivileged user that runs ray-engine",
        };
        Self::usage(error, hint.into())
    }
}

impl From<ListenError> for Stop {
    fn from(error: ListenError) -> Self {
        let hint = error.hint();
        Self { code: EXIT_RUNTIME, cause: Box::new(error), hint: Some(hint) }
    }
}

impl From<ConfineError> for Stop {
    fn from(error: ConfineError) -> Self {
        let hint = error.hint().map(str::to_owned);
        Self { code: EXIT_RUNTIME, cause: Box::new(error), hint }
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::runtime(failure)
    }
}
