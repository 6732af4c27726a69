//! Names of this host's own.

use ray_ipc::control::{AliasReply, AliasStatus, AliasesReply};

use crate::{
    escape::escape,
    output::{Palette, Role},
};

pub(crate) fn list(aliases: &AliasesReply, palette: Palette) -> String {
    if aliases.aliases.is_empty() {
        return "no aliases → ray alias add NAME MEMBER\n".to_owned();
    }
    aliases.aliases.iter().map(|alias| line(alias, palette)).collect()
}

pub(crate) fn added(added: &AliasReply, palette: Palette) -> String {
    let again = if added.changed { "" } else { "as before: " };
    let hides = added.hides.as_ref().map(|hidden| format!("it goes before the member {}\n", escape(hidden)));
    format!("{again}{}{}", line(&added.alias, palette), hides.unwrap_or_default())
}

pub(crate) fn removed(removed: &AliasReply, palette: Palette) -> String {
    format!("removed {}\n", palette.paint(Role::Name, &escape(&removed.alias.name)))
}

fn line(alias: &AliasStatus, palette: Palette) -> String {
    let (name, target) = (palette.paint(Role::Name, &escape(&alias.name)), escape(&alias.target));
    if alias.addresses.is_empty() {
        return format!("{name} = {target}, no member at present: it is not answered\n");
    }
    let addresses: Vec<String> = alias.addresses.iter().map(ToString::to_string).collect();
    format!("{name} = {target} ({})\n", addresses.join(", "))
}
