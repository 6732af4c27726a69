//! Invites: the code for a pipe, what to do with it for the person, and what became of those there are.

use ray_ipc::control::{InviteReply, InviteState, InviteStatus, InvitesReply};

use super::{
    counted,
    measure::{moment, utc},
    table::{Cell, Row, aligned, headings},
};
use crate::{
    escape::escape,
    output::{Palette, Role},
};

/// Characters of a key that are shown, unless more are needed to tell two keys apart.
const KEY_CHARS_MIN: usize = 10;

/// The code and nothing else.
pub(crate) fn code(invite: &InviteReply) -> String {
    format!("{}\n", escape(&invite.code))
}

pub(crate) fn explanation(invite: &InviteReply) -> String {
    let network = escape(&invite.network);
    let named = invite.hostname.as_ref().map(|name| format!(" as {}", escape(name))).unwrap_or_default();
    let until = utc(invite.expires_at);
    format!(
        "lets {} into {network}{named} until {until}; whoever has the code can use it\n\
         on the other host: ray join CODE, or `ray join -` and paste it there\n",
        hosts(invite.uses),
    )
}

pub(crate) fn list(invites: &InvitesReply, now_s: u64, palette: Palette) -> String {
    let name = escape(&invites.network);
    let painted = palette.paint(Role::Name, &name);
    if invites.invites.is_empty() {
        return format!("{painted} · no invites → ray invite {name}\n");
    }
    let mut rows = vec![headings(&["INVITE", "STATE", "USED", "EXPIRES", "BY", "HOST"])];
    let chars = key_chars(invites.invites.iter().map(|invite| invite.key.as_str()).collect());
    rows.extend(invites.invites.iter().map(|invite| row(invite, chars, now_s)));
    format!("{painted} · {}\n{}", counted(invites.invites.len(), "invite"), aligned(&rows, palette))
}

pub(crate) fn revoked(invite: &InviteStatus) -> String {
    let seated = match invite.used {
        0 => "it has let nobody in".to_owned(),
        1 => "the host that it let in stays".to_owned(),
        used => format!("the {used} hosts that it let in stay"),
    };
    format!("revoked invite {} of {}; {seated}\n", shortened(&invite.key, KEY_CHARS_MIN), escape(&invite.network),)
}

fn row(invite: &InviteStatus, chars: usize, now_s: u64) -> Row {
    let (role, state) = match invite.state {
        InviteState::Open => (Role::Ok, "open"),
        InviteState::UsedUp => (Role::Dim, "used up"),
        InviteState::Expired => (Role::Dim, "expired"),
        InviteState::Revoked => (Role::Bad, "revoked"),
    };
    let uses = if invite.uses == u32::MAX { "∞".to_owned() } else { invite.uses.to_string() };
    let mut cells = vec![
        Cell::new(Role::Name, shortened(&invite.key, chars)),
        Cell::new(role, state),
        Cell::plain(format!("{}/{uses}", invite.used)),
        Cell::plain(moment(invite.expires_at, now_s)),
        Cell::plain(escape(&invite.minted_by)),
    ];
    cells.extend(invite.hostname.as_ref().map(|name| Cell::plain(escape(name))));
    Row { mark: Cell::plain(" "), cells, below: vec![] }
}

/// How much of each key is needed to tell it from all others.
pub(super) fn key_chars(mut keys: Vec<&str>) -> usize {
    keys.sort_unstable();
    let shared = |pair: &[&str]| match pair {
        [one, other] => one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count(),
        _ => 0,
    };
    keys.windows(2).map(|pair| shared(pair) + 1).fold(KEY_CHARS_MIN, usize::max)
}

pub(super) fn shortened(key: &str, chars: usize) -> String {
    escape(&key.chars().take(chars).collect::<String>()).into_owned()
}

fn hosts(uses: u32) -> String {
    if uses == u32::MAX { "any number of hosts".to_owned() } else { counted(uses, "host") }
}
