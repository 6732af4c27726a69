//! Networks that were created, joined or left.

use ray_ipc::control::{JoinReply, LeaveReply, NetworkReply};

use super::counted;
use crate::{
    escape::escape,
    output::{Palette, Role},
};

pub(crate) fn created(network: &NetworkReply, palette: Palette) -> String {
    format!(
        "created {}: you are {}, its coordinator\n{}",
        palette.paint(Role::Name, &escape(&network.name)),
        fqdn(network),
        details(network),
    )
}

pub(crate) fn joined(joined: &JoinReply, palette: Palette) -> String {
    let network = &joined.network;
    format!(
        "joined {}: you are {}; {}, let in by {}\n{}",
        palette.paint(Role::Name, &escape(&network.name)),
        fqdn(network),
        counted(usize::try_from(joined.members).unwrap_or(usize::MAX), "member"),
        escape(&joined.seated_by),
        details(network),
    )
}

pub(crate) fn left(left: &LeaveReply, palette: Palette) -> String {
    let name = palette.paint(Role::Name, &escape(&left.name));
    match left.told {
        0 => format!("left {name}; no other member was reachable to hear of it\n"),
        told => {
            let members = counted(usize::try_from(told).unwrap_or(usize::MAX), "member");
            format!("left {name}; word of it is on its way to {members}\n")
        }
    }
}

fn fqdn(network: &NetworkReply) -> String {
    format!("{}.{}.ray", escape(&network.hostname), escape(&network.name))
}

fn details(network: &NetworkReply) -> String {
    let v4 = network.v4.map(|v4| format!("{v4}, ")).unwrap_or_default();
    format!("address  {v4}{}\nroom id  {}\n", network.v6, escape(&network.room_id))
}
