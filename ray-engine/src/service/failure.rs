//! Errors for the caller: what happened, to which object, what to do next.

use ray_ipc::control::{ErrorCode, ErrorReply};

use super::Network;
use crate::{
    ident::{NameError, NetworkName},
    ledger::AuthorError,
    store::StoreError,
};

/// Coordinators that a hint names.
const ASKED_MAX: usize = 3;

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

/// Why the ledger does not take what this node wants to say.
pub(super) fn author(network: &str, error: &AuthorError) -> ErrorReply {
    let cause = std::error::Error::source(error).map_or_else(String::new, |cause| format!(": {cause}"));
    let hint = match error {
        AuthorError::NotCoordinator | AuthorError::RemovedBefore => {
            format!("ask a coordinator: ray admin list {network}")
        }
        AuthorError::NotMember | AuthorError::Dissolved => format!("forget the network: ray leave {network}"),
        AuthorError::LastCoordinator => format!("make another one first: ray admin add HOST {network}"),
        AuthorError::CoordinatorsFull => format!("dismiss one first: ray admin remove HOST {network}"),
        AuthorError::MembersFull => format!("remove somebody first: ray kick HOST {network}"),
        AuthorError::InvitesFull | AuthorError::LedgerFull => "found another network: ray create NAME".to_owned(),
        AuthorError::Quota => "try again in an hour, or ask a coordinator".to_owned(),
        _ => format!("see what happened: ray log {network}"),
    };
    refused(format!("network {network}: {error}{cause}"), hint)
}

/// Who asks is known at the control socket, which answers this itself.
pub(super) fn who_asks() -> ErrorReply {
    fail(ErrorCode::Other, "telling who asks: only the control socket knows", "")
}

/// This node is no member of a network that it still holds.
pub(super) fn no_member(network: &NetworkName, reason: &str) -> ErrorReply {
    refused(
        format!("this node is no member of {network}: {reason}"),
        format!("forget the network (ray leave {network}), then join again if you are let in"),
    )
}

pub(super) fn ended(network: &NetworkName, by: &str) -> ErrorReply {
    refused(format!("the network {network} was ended by {by}"), format!("forget it: ray leave {network}"))
}

/// Whom to ask for what only coordinators may do.
pub(super) fn ask_coordinator(network: &Network, command: &str) -> String {
    let names: Vec<String> =
        network.ledger.coordinators().iter().take(ASKED_MAX).map(|seat| network.name_of(&seat.peer)).collect();
    format!("ask {} to run {command}", names.join(" or "))
}

pub(super) fn shutting_down() -> ErrorReply {
    fail(ErrorCode::NotRunning, "the engine is shutting down", "try again when it is up")
}
