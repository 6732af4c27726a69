//! Networks that were created, joined, changed, left or ended.

use ray_ipc::control::{
    EphemeralReply, JoinReply, LeaveReply, ModeReply, NetworkMode, NetworkReply, NukeReply, RekeyReply, WaitingReply,
};

use super::{counted, measure::lasting};
use crate::{
    escape::escape,
    output::{Palette, Role},
};

/// A name is one DNS label. What is longer is the room id of a network whose name was never heard.
const NAME_LEN_MAX: usize = 63;

pub(crate) fn created(network: &NetworkReply, mode: NetworkMode, palette: Palette) -> String {
    let who_may_enter = match mode {
        NetworkMode::Closed => "",
        NetworkMode::Approval => "whoever knows the room id may ask to be let in\n",
        NetworkMode::Open => "whoever knows the room id may enter\n",
    };
    format!(
        "created {}: you are {}, its coordinator\n{}{who_may_enter}",
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
        counted(joined.members, "member"),
        escape(&joined.seated_by),
        details(network),
    )
}

pub(crate) fn waiting(waiting: &WaitingReply, palette: Palette) -> String {
    format!(
        "waiting to be let in as {}\nroom id  {}\n\
         a coordinator decides with `ray accept`; until then this host keeps asking, also\n\
         after a restart, and enters by itself; `ray leave ROOM-ID` stops it\n",
        palette.paint(Role::Name, &escape(&waiting.hostname)),
        escape(&waiting.room_id),
    )
}

pub(crate) fn left(left: &LeaveReply, palette: Palette) -> String {
    let name = palette.paint(Role::Name, &escape(&left.name));
    match left.told {
        0 if left.name.len() > NAME_LEN_MAX => format!("no longer asking to be let into {name}\n"),
        0 => format!("left {name}; no other member was told of it\n"),
        told => format!("left {name}; {}\n", on_its_way(told)),
    }
}

pub(crate) fn nuked(nuked: &NukeReply, palette: Palette) -> String {
    let name = palette.paint(Role::Name, &escape(&nuked.network));
    match nuked.told {
        0 => format!("ended {name}; no other member was reachable, and hears of it when one is\n"),
        told => format!("ended {name}; {}\n", on_its_way(told)),
    }
}

/// What is set; whether somebody has `asked` for it only matters where nothing has changed.
pub(crate) fn ephemeral(ephemeral: &EphemeralReply, asked: bool, palette: Palette) -> String {
    let name = palette.paint(Role::Name, &escape(&ephemeral.network));
    let still = if asked && !ephemeral.changed { "still " } else { "" };
    match ephemeral.seconds {
        0 => format!("{name}: ephemeral is {still}off; no member is removed for its silence\n"),
        seconds => {
            let time = lasting(seconds.into());
            format!("{name}: a member is {still}removed after {time} without a sign of life\n")
        }
    }
}

pub(crate) fn mode(mode: &ModeReply, palette: Palette) -> String {
    let name = palette.paint(Role::Name, &escape(&mode.network));
    match mode.mode {
        NetworkMode::Closed => format!("{name} is closed: nobody enters without an invite\n"),
        NetworkMode::Approval => {
            format!("{name} approves: whoever knows the room id may ask, and a coordinator decides\n")
        }
        NetworkMode::Open => format!("{name} is open: whoever knows the room id may enter\n"),
    }
}

pub(crate) fn rekeyed(rekeyed: &RekeyReply, palette: Palette) -> String {
    format!(
        "{} has a new discovery key; members follow by themselves\nkey  {}\n",
        palette.paint(Role::Name, &escape(&rekeyed.network)),
        escape(&rekeyed.discovery_key),
    )
}

fn on_its_way(told: u32) -> String {
    format!("word of it is on its way to {}", counted(told, "member"))
}

fn fqdn(network: &NetworkReply) -> String {
    format!("{}.{}.ray", escape(&network.hostname), escape(&network.name))
}

fn details(network: &NetworkReply) -> String {
    let v4 = network.v4.map(|v4| format!("{v4}, ")).unwrap_or_default();
    format!("address  {v4}{}\nroom id  {}\n", network.v6, escape(&network.room_id))
}
