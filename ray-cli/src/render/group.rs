//! Groups of members.

use ray_ipc::control::GroupsReply;

use super::counted;
use crate::{
    escape::escape,
    output::{Palette, Role},
};

pub(crate) fn list(groups: &GroupsReply, palette: Palette) -> String {
    let network = escape(&groups.network);
    let painted = palette.paint(Role::Name, &network);
    if groups.groups.is_empty() {
        return format!("{painted} · no groups → ray group add GROUP MEMBER {network}\n");
    }
    let mut text = format!("{painted} · {}\n", counted(groups.groups.len(), "group"));
    for group in &groups.groups {
        let name = palette.paint(Role::Name, &escape(&group.name));
        text.push_str(&format!("  {name}: {}\n", names(&group.members)));
    }
    text
}

/// Who is in the group now.
pub(crate) fn changed(groups: &GroupsReply, group: &str, palette: Palette) -> String {
    let members = groups.groups.iter().find(|candidate| candidate.name == group).map(|group| names(&group.members));
    let members = members.unwrap_or_else(|| "nobody".to_owned());
    let (group, network) = (escape(group), escape(&groups.network));
    format!("group {} of {}: {members}\n", palette.paint(Role::Name, &group), palette.paint(Role::Name, &network))
}

fn names(members: &[String]) -> String {
    if members.is_empty() {
        return "nobody".to_owned();
    }
    members.iter().map(|member| escape(member)).collect::<Vec<_>>().join(", ")
}
