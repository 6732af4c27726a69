//! Errors for the caller: what happened, to which object, what to do next.

use ray_ipc::control::{ErrorCode, ErrorReply};

use crate::{ident::NameError, ledger::AuthorError, store::StoreError};

pub(super) fn fail(code: ErrorCode, message: impl Into<String>, hint: impl Into<String>) -> ErrorReply {
    let hint = hint.into();
    ErrorReply { code, message: message.into(), hint: (!hint.is_empty()).then_some(hint) }
}

pub(super) fn usage(message: impl Into<String>, hint: impl Into<String>) -> ErrorReply {
    fail(ErrorCode::Usage, message, hint)
}

pub(super) fn refused(message: impl Into<String>, hint: impl Into<String>) -> ErrorReply {
    fail(ErrorCode::Refused, message, hint)
}

pub(super) fn not_found(message: impl Into<String>, hint: impl Into<String>) -> ErrorReply {
    fail(ErrorCode::NotFound, message, hint)
}

pub(super) fn bad_name(what: &str, name: &str, error: NameError) -> ErrorReply {
    usage(format!("{what} {name:?}: {error}"), "choose one like `home` or `web-01`")
}

pub(super) fn store(error: &StoreError) -> ErrorReply {
    let cause = std::error::Error::source(error).map_or_else(String::new, |cause| format!(": {cause}"));
    fail(ErrorCode::Other, format!("{error}{cause}"), "check the disk and the engine's log; nothing was changed")
}

pub(super) fn author(network: &str, error: &AuthorError) -> ErrorReply {
    let hint = match error {
        AuthorError::NotCoordinator => "ask a coordinator: `ray status` marks them with a star",
        AuthorError::LastCoordinator => "the others would be left without anybody who can invite",
        _ => "",
    };
    refused(format!("network {network}: {error}"), hint)
}

pub(super) fn shutting_down() -> ErrorReply {
    fail(ErrorCode::NotRunning, "the engine is shutting down", "try again when it is up")
}
