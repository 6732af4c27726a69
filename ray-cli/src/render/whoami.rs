//! What the caller may do.

use std::fmt::Write;

use ray_ipc::control::{CallerGroup, Level, WhoamiReply};

use crate::{
    escape::escape,
    output::{Palette, Role},
};

pub(crate) fn whoami(who: &WhoamiReply, palette: Palette) -> String {
    let name = who.user.as_ref().map_or_else(String::new, |user| format!("{} · ", escape(user)));
    let level = palette.paint(Role::Name, who.level.name());
    let mut text = format!("user    {name}uid {}\n", who.uid);
    if !who.groups.is_empty() {
        let groups: Vec<String> = who.groups.iter().map(group).collect();
        let _ = writeln!(text, "groups  {}", groups.join(", "));
    }
    let _ = writeln!(text, "level   {level}: {}", reason(who));
    for level in Level::ALL {
        let (mark, role) = if level <= who.level { ("✓", Role::Ok) } else { ("·", Role::Dim) };
        let _ = writeln!(text, "  {} {:<7}{}", palette.paint(role, mark), level.name(), level.adds());
    }
    text
}

fn group(group: &CallerGroup) -> String {
    group.name.as_ref().map_or_else(|| group.gid.to_string(), |name| format!("{} ({})", escape(name), group.gid))
}

fn reason(who: &WhoamiReply) -> String {
    let settings = escape(&who.settings);
    match &who.granted {
        Some(granted) => format!("by {} in `{}` of {settings}", escape(&granted.entry), escape(&granted.key)),
        None if who.foreign => "this uid stands for every user of another user namespace".to_owned(),
        None if who.uid == 0 => "root may do everything".to_owned(),
        None => format!("no entry of {settings} names you"),
    }
}
