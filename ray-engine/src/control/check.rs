//! Lets a request pass, or says who may make it and how to become one of them.

use ray_ipc::control::{CallerGroup, ErrorCode, ErrorReply, Granted, Level, Request, WhoamiReply};

use super::{
    access::{Access, key_of},
    caller::Caller,
    need::need,
};

/// Entries that a refusal names; a longer list is in the settings.
const NAMED_MAX: usize = 4;

/// Lets the request pass, or refuses it in words.
pub fn check(access: &Access, caller: &Caller, request: &Request) -> Result<(), ErrorReply> {
    let need = need(request);
    let level = access.judge(caller).level;
    if level >= need.level {
        return Ok(());
    }
    let who = described(access, caller);
    let message = format!("{who} {}; `{}` needs {}", may(level), need.command, need.level.name());
    Err(ErrorReply { code: ErrorCode::NotPermitted, message, hint: Some(remedy(access, caller, level, need.level)) })
}

/// Everything that decides about a caller.
pub(super) fn whoami(access: &Access, caller: &Caller) -> WhoamiReply {
    let judged = access.judge(caller);
    let group = |gid| CallerGroup { gid, name: access.accounts.group(gid).map(str::to_owned) };
    let key = key_of(judged.level).unwrap_or_default();
    WhoamiReply {
        uid: caller.uid,
        user: access.accounts.user(caller.uid).map(str::to_owned),
        groups: access.groups_that_count(caller).map(group).collect(),
        level: judged.level,
        granted: judged.by.map(|entry| Granted { key: key.to_owned(), entry: entry.text.clone() }),
        foreign: access.overflow.is_uid(caller.uid),
        settings: access.settings.display().to_string(),
    }
}

fn described(access: &Access, caller: &Caller) -> String {
    match access.accounts.user(caller.uid) {
        Some(name) => format!("{name} (uid {})", caller.uid),
        None => format!("uid {}", caller.uid),
    }
}

fn may(level: Level) -> &'static str {
    match level {
        Level::None => "may not even look (none)",
        Level::Read => "may look (read)",
        Level::Use => "may look and use (use)",
        Level::Admin => "may do everything (admin)",
    }
}

fn remedy(access: &Access, caller: &Caller, level: Level, needed: Level) -> String {
    if access.overflow.is_uid(caller.uid) {
        return format!(
            "uid {} stands for every user of another user namespace, and so for nobody; run ray outside of the container",
            caller.uid
        );
    }
    let settings = access.settings.display();
    let key = key_of(needed).unwrap_or_default();
    let own = access.accounts.user(caller.uid).map_or_else(|| caller.uid.to_string(), |name| format!("{name:?}"));
    // Who may not even look is not told who may.
    let named = if level == Level::None { String::new() } else { named(access, needed) };
    format!(
        "run it as root{named}; or have root add {own} to `{key}` in {settings} and restart the engine: \
         systemctl restart rayfish-engine"
    )
}

/// Who has the level, as the settings have it.
fn named(access: &Access, level: Level) -> String {
    let stronger = Level::ALL.into_iter().filter(|other| *other >= level);
    let entries: Vec<&str> = stronger.flat_map(|level| access.list(level)).map(|entry| entry.text.as_str()).collect();
    match entries.as_slice() {
        [] => String::new(),
        all => {
            let others = if all.len() > NAMED_MAX { " and others" } else { "" };
            format!(" or ask {}{others}", all.iter().take(NAMED_MAX).copied().collect::<Vec<_>>().join(", "))
        }
    }
}
