//! An invite: the code for a pipe, and what to do with it for the person.

use ray_ipc::control::InviteReply;

use super::{counted, measure::utc};
use crate::escape::escape;

/// The code and nothing else.
pub(crate) fn code(invite: &InviteReply) -> String {
    format!("{}\n", escape(&invite.code))
}

pub(crate) fn explanation(invite: &InviteReply) -> String {
    let uses = counted(usize::try_from(invite.uses).unwrap_or(usize::MAX), "host");
    let network = escape(&invite.network);
    let named = invite.hostname.as_ref().map(|name| format!(" as {}", escape(name))).unwrap_or_default();
    let until = utc(invite.expires_at);
    format!(
        "lets {uses} into {network}{named} until {until}; whoever has the code can use it\n\
         on the other host: ray join CODE, or `ray join -` and paste it there\n"
    )
}
